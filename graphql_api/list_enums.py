"""The enumerations of lists, their rules and the questions about them, as GraphQL enums."""

from domain.interest.model import Window
from domain.recommendations.questions import WhyNotCode
from domain.recommendations.similar import SimilarityCode
from domain.recommendations.style_fit import Relation
from domain.rules.model import CapGroup, RuleKind
from graphql_api.enumeration import register

__all__ = ["CapGroup", "Relation", "RuleKind", "SimilarityCode", "WhyNotCode", "Window"]

register(
    RuleKind,
    "RuleKind",
    "What a rule does with the items that it selects.",
    {
        "INCLUDE": "Lets only them onto the list, with those of other including rules.",
        "EXCLUDE": "Keeps them off the list.",
        "PIN": "Puts the one selected item at a place of the list.",
        "BOOST": "Moves them up or down.",
        "CAP": "Lets at most so many of them onto a page.",
    },
)
register(
    CapGroup,
    "CapGroup",
    "What has a cap of its own.",
    {"CATEGORY": "Each category of the selected items.", "KIND": "Each kind of the selected items."},
)
register(
    Window,
    "TrendWindow",
    "Over how long interest is looked at.",
    {
        "DAY": "Somebody's interest counts half after 8 hours.",
        "WEEK": "It counts half after two and a half days.",
        "MONTH": "It counts half after a week and half a day.",
    },
)
register(
    SimilarityCode,
    "SimilarityCode",
    "Why two items are alike.",
    {
        "USED_TOGETHER": "People who take to one take to the other.",
        "SIMILAR_CONTENT": "The same is said of both.",
    },
)
register(
    Relation,
    "StyleRelation",
    "How a style stands to those that a person used.",
    {
        "SIMILAR": "It looks much like them.",
        "COMPLEMENT": "It keeps a part of the usual look and changes another.",
        "NEW": "It looks like nothing that the person used.",
    },
)
register(
    WhyNotCode,
    "WhyNotCode",
    "Why an item is not on a list.",
    {
        "ON_THE_LIST": "It is on the list.",
        "RANKED_LOWER": "Others stand before it.",
        "NOT_IN_CATALOGUE": "There is no such item.",
        "OTHER_KIND": "The list is of another kind.",
        "NOT_AVAILABLE": "It may not be recommended yet, or any more.",
        "OTHER_DEVICE": "It is made for other devices.",
        "EXCLUDED_BY_RULE": "A rule of the provider keeps it off; `ruleId` says which.",
        "CAPPED_BY_RULE": "A rule lets no more items like it onto a page; `ruleId` says which.",
        "DISMISSED": "The person said: never again.",
        "SNOOZED": "The person said: not now; `until` says for how long.",
        "SEEN": "The person used it already.",
        "EXCLUDED_BY_REQUEST": "The request excludes it, or an earlier page showed it.",
    },
)
