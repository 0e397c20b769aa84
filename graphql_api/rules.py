"""Business rules of a tenant's lists: write them, list them, take them away."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry
from strawberry.scalars import JSON

from domain.errors import DomainError, ValidationFailed
from domain.ids import ItemId
from domain.rules import model
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.enums import ItemKind
from graphql_api.inputs import named_values, path_of
from graphql_api.list_enums import CapGroup, RuleKind
from graphql_api.problems import INPUT, AnyProblem, answering_problems


@strawberry.type(name="RuleItems", description="The items a rule is about; all parts that name something must match.")
class RuleItemsNode:
    """A selector."""

    item_ids: list[str] = strawberry.field(description="Items by id.")
    kinds: list[ItemKind] = strawberry.field(description="Items of these kinds.")
    categories: list[str] = strawberry.field(description="Items of these categories.")
    tags: list[str] = strawberry.field(description="Items with one of these tags.")
    attributes: JSON = strawberry.field(description="Items with all of these attributes.")


@strawberry.type(
    name="RuleLists", description="The lists a rule applies to; a part that names nothing restricts nothing."
)
class RuleListsNode:
    """A scope."""

    kinds: list[ItemKind] = strawberry.field(description="Lists of these kinds alone.")
    surfaces: list[str] = strawberry.field(description="Lists shown there.")
    devices: list[str] = strawberry.field(description="Lists shown on these devices.")
    active_from: datetime | None = strawberry.field(description="First moment; null for always.")
    active_until: datetime | None = strawberry.field(description="First moment no longer; null for never.")


@strawberry.type(name="Rule", description="One business rule.")
class RuleNode:
    """A rule."""

    rule_id: str = strawberry.field(description="Its id within the tenant.")
    kind: RuleKind = strawberry.field(description="What it does with the selected items.")
    items: RuleItemsNode = strawberry.field(description="Which items.")
    lists: RuleListsNode = strawberry.field(description="Which lists, and when.")
    position: int | None = strawberry.field(description="Of a pin: the place of the list, from 0.")
    factor: float | None = strawberry.field(description="Of a boost: by how many times the people it counts.")
    amount: float | None = strawberry.field(description="Of a boost: standard deviations to move the items by.")
    at_most: int | None = strawberry.field(description="Of a cap: how many of the items a page has at most.")
    per: CapGroup | None = strawberry.field(description="Of a cap: what has a cap of its own; null for one together.")

    @classmethod
    def of(cls, rule: model.Rule) -> Self:
        """The rule as clients see it."""
        items, lists = rule.items, rule.lists
        return cls(
            rule_id=rule.rule_id,
            kind=rule.kind,
            items=RuleItemsNode(
                item_ids=sorted(items.item_ids),
                kinds=sorted(items.kinds),
                categories=sorted(items.categories),
                tags=sorted(items.tags),
                attributes=JSON(dict(items.attributes)),
            ),
            lists=RuleListsNode(
                kinds=sorted(lists.kinds),
                surfaces=sorted(lists.surfaces),
                devices=sorted(lists.devices),
                active_from=lists.active_from,
                active_until=lists.active_until,
            ),
            position=rule.position,
            factor=rule.factor,
            amount=rule.amount,
            at_most=rule.at_most,
            per=rule.per,
        )


@strawberry.type(name="Rules", description="All rules of the tenant.")
class RulesNode:
    """A rule book."""

    version: int = strawberry.field(description="Grows with every change.")
    rules: list[RuleNode] = strawberry.field(description="In the order of their ids.")

    @classmethod
    def of(cls, book: model.RuleBook) -> Self:
        """The rules as clients see them."""
        return cls(version=book.version, rules=[RuleNode.of(rule) for rule in book.rules])


@strawberry.input(description="The items a rule is about; all parts that name something must match.")
class RuleItemsInput:
    """A selector."""

    item_ids: list[str] = strawberry.field(default_factory=list, description="Items by id.")
    kinds: list[ItemKind] = strawberry.field(default_factory=list, description="Items of these kinds.")
    categories: list[str] = strawberry.field(default_factory=list, description="Items of these categories.")
    tags: list[str] = strawberry.field(default_factory=list, description="Items with one of these tags.")
    attributes: JSON | None = strawberry.field(default=None, description="Items with all of these attributes.")


@strawberry.input(description="The lists a rule applies to; a part that names nothing restricts nothing.")
class RuleListsInput:
    """A scope."""

    kinds: list[ItemKind] = strawberry.field(default_factory=list, description="Lists of these kinds alone.")
    surfaces: list[str] = strawberry.field(default_factory=list, description="Lists shown there.")
    devices: list[str] = strawberry.field(default_factory=list, description="Lists shown on these devices.")
    active_from: datetime | None = strawberry.field(default=None, description="First moment; null for always.")
    active_until: datetime | None = strawberry.field(default=None, description="First moment no longer.")


@strawberry.input(description="A rule to add, or to put in the place of the one with the same id.")
class RuleInput:
    """A rule as clients write it."""

    rule_id: str = strawberry.field(description="1 to 128 of letters, digits and `_.:-`.")
    kind: RuleKind = strawberry.field(description="What it does with the selected items.")
    items: RuleItemsInput = strawberry.field(default_factory=RuleItemsInput, description="Which items.")
    lists: RuleListsInput = strawberry.field(default_factory=RuleListsInput, description="Which lists, and when.")
    position: int | None = strawberry.field(default=None, description="Of a pin: the place, 0 to 99.")
    factor: float | None = strawberry.field(default=None, description="Of a boost: 1/20 to 20; below 1 demotes.")
    amount: float | None = strawberry.field(default=None, description="Of a boost instead: -3 to 3.")
    at_most: int | None = strawberry.field(default=None, description="Of a cap: 1 to 100.")
    per: CapGroup | None = strawberry.field(default=None, description="Of a cap: what has a cap of its own.")

    def rule(self) -> model.Rule:
        """The rule; raises `ValidationFailed`."""
        return model.Rule(
            rule_id=self.rule_id,
            kind=self.kind,
            items=model.Selector(
                item_ids=frozenset(map(ItemId, self.items.item_ids)),
                kinds=frozenset(self.items.kinds),
                categories=frozenset(self.items.categories),
                tags=frozenset(self.items.tags),
                attributes=named_values(self.items.attributes, "items.attributes"),
            ),
            lists=model.Scope(
                kinds=frozenset(self.lists.kinds),
                surfaces=frozenset(self.lists.surfaces),
                devices=frozenset(self.lists.devices),
                active_from=self.lists.active_from,
                active_until=self.lists.active_until,
            ),
            position=self.position,
            factor=self.factor,
            amount=self.amount,
            at_most=self.at_most,
            per=self.per,
        )


@strawberry.input(description="Rules to add or replace, all or none.")
class UpsertRulesInput:
    """The input of `upsertRules`."""

    rules: list[RuleInput] = strawberry.field(description="The rules.")


@strawberry.input(description="Rules to take away.")
class DeleteRulesInput:
    """The input of `deleteRules`."""

    rule_ids: list[str] = strawberry.field(description="Their ids; ids that no rule has change nothing.")


UpsertRulesPayload: TypeAlias = Annotated[
    RulesNode | AnyProblem, strawberry.union("UpsertRulesPayload", description="All rules, or why none was written.")
]
DeleteRulesPayload: TypeAlias = Annotated[
    RulesNode | AnyProblem, strawberry.union("DeleteRulesPayload", description="The rules left, or why none went.")
]


@strawberry.type
class RuleQuery:
    """Reading rules."""

    @strawberry.field(
        description="The business rules of the tenant's lists; needs the scope catalog:write. Null where they fail."
    )
    async def rules(self, info: Info) -> RulesNode | None:
        """All of them."""
        return RulesNode.of(await info.context.services.rules.rules(info.context.allow(Scope.CATALOG_WRITE)))


@strawberry.type
class RuleMutation:
    """Writing rules."""

    @strawberry.mutation(description="Add or replace business rules; needs the scope catalog:write.")
    @answering_problems
    async def upsert_rules(
        self,
        info: Info,
        input: Annotated[UpsertRulesInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> UpsertRulesPayload:
        """All or none."""
        tenant = info.context.allow(Scope.CATALOG_WRITE)
        rules = [_rule_at(index, entry) for index, entry in enumerate(input.rules)]
        try:
            return RulesNode.of(await info.context.services.rules.upsert(tenant, rules))
        except DomainError as error:
            error.field = None if error.field is None else path_of(error.field)
            raise

    @strawberry.mutation(description="Take business rules away; needs the scope catalog:write.")
    @answering_problems
    async def delete_rules(
        self,
        info: Info,
        input: Annotated[DeleteRulesInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> DeleteRulesPayload:
        """Those that are there."""
        tenant = info.context.allow(Scope.CATALOG_WRITE)
        return RulesNode.of(await info.context.services.rules.delete(tenant, frozenset(input.rule_ids)))


def _rule_at(index: int, entry: RuleInput) -> model.Rule:
    try:
        return entry.rule()
    except ValidationFailed as error:
        raise ValidationFailed(error.message, field=f"rules.{index}.{path_of(error.field or '')}") from error
