"""The data map declares everything that is kept: each table and column, each kind of Redis key, each folder."""

import ast
import inspect
import re
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from domain.errors import ValidationFailed
from domain.ids import SubjectId, TenantId
from domain.privacy.data_map import Category, DataMap, Erasure, Keeping, Store, differences
from domain.privacy.inventory import DATA_MAP
from domain.privacy.inventory.declaring import person_table
from domain.privacy.inventory.texts import TEXTS, Text
from domain.storage import keys
from tests.contract.source import ROOT, Module, modules, plant
from tests.contract.test_redis_keys import builders, built
from tests.storage.user_rows import tables

DATA_MAP_OF = {entry.name: entry for entry in DATA_MAP.tables}
FOLDER_MAKERS = {"open_home", "open_log"}
SERVERS = {"domain/storage/embedded/postgres.py", "domain/storage/embedded/valkey.py"}


def folders_of(module: Module) -> set[str]:
    """The folders below the data folder that a module writes: `data_dir / "name"` and `open_home(data_dir, "name")`."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            left = node.left.attr if isinstance(node.left, ast.Attribute) else getattr(node.left, "id", "")
            found |= {str(node.right.value)} if left in {"data_dir", "_data_dir"} else set()
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "open_home":
            found |= {str(a.value) for a in node.args if isinstance(a, ast.Constant)}
        if (
            str(module.path) in SERVERS
            and isinstance(node, ast.Assign)
            and getattr(node.targets[0], "id", "") == "NAME"
        ):
            found.add(ast.literal_eval(node.value))
    return found


def folders(root: Path = ROOT) -> set[str]:
    return set().union(*map(folders_of, modules(root)))


async def columns_of(owner_url: str) -> dict[str, set[str]]:
    found = await tables(owner_url)
    return {name.removeprefix("public."): {column.name for column in columns} for name, columns in found.items()}


async def test_everything_that_is_kept_is_declared_and_nothing_else(owner_url: str) -> None:
    assert differences(DATA_MAP, await columns_of(owner_url), builders(), folders()) == []


async def test_a_planted_table_and_column_are_found_with_what_to_do(owner_url: str) -> None:
    name = f"planted_{uuid4().hex[:8]}"
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute(f"CREATE TABLE {name} (tenant_id text, subject_id uuid, shoe_size integer)")
        await owner.execute("ALTER TABLE user_profiles ADD COLUMN shoe_size integer")
        found = differences(DATA_MAP, await columns_of(owner_url), builders(), folders())
    finally:
        await owner.execute(f"DROP TABLE {name}")
        await owner.execute("ALTER TABLE user_profiles DROP COLUMN shoe_size")
        await owner.close()
    assert [line.partition(" is not in the data map: ")[0] for line in found] == [
        f"column {name}.shoe_size",
        f"column {name}.subject_id",
        f"column {name}.tenant_id",
        "column user_profiles.shoe_size",
        f"table {name}",
    ]
    assert f'`person_table("{name}", ' in found[-1]
    assert "add it to user_profiles under its category" in found[3]


async def texts_of(owner_url: str) -> set[str]:
    """Every column that can hold text and is not sealed."""
    owner = await asyncpg.connect(owner_url)
    try:
        rows = await owner.fetch(
            "SELECT table_schema AS place, table_name AS name, column_name AS of FROM information_schema.columns "
            "WHERE table_schema IN ('public', 'vault') AND column_name <> 'tenant_id' "
            "AND table_name IN (SELECT tablename FROM pg_tables) AND table_name <> 'tortoise_migrations' "
            "AND udt_name IN ('text', 'varchar', 'bpchar', 'json', 'jsonb', 'xml', 'citext', '_text', '_varchar')"
        )
    finally:
        await owner.close()
    return {f"{row['place']}.{row['name']}.{row['of']}".removeprefix("public.") for row in rows}


async def test_every_text_is_the_services_an_id_or_the_operators(owner_url: str) -> None:
    assert await texts_of(owner_url) == set(TEXTS)
    of_operators = {name for name, text in TEXTS.items() if text is Text.OPERATOR}
    assert not {name for name in of_operators if DATA_MAP_OF[name.rpartition(".")[0]].personal}
    guide = (
        (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8").partition("\n### Texts\n")[2].partition("\n## ")[0]
    )
    assert {name for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", guide) if name in TEXTS} == of_operators


async def test_a_planted_text_belongs_to_no_class(owner_url: str) -> None:
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute("ALTER TABLE tenants ADD COLUMN contact jsonb")
        assert await texts_of(owner_url) - set(TEXTS) == {"tenants.contact"}
    finally:
        await owner.execute("ALTER TABLE tenants DROP COLUMN contact")
        await owner.close()


async def test_planted_keys_and_folders_are_found(owner_url: str, tmp_path: Path) -> None:
    plant(tmp_path, "domain/privacy/service.py", 'def f(settings):\n    return settings.data_dir / "shoes"')
    plant(tmp_path, "cli/up.py", 'def f(data_dir):\n    return open_home(data_dir, "hats")')
    assert folders(tmp_path) == {"shoes", "hats"}
    found = differences(DATA_MAP, await columns_of(owner_url), [*builders(), "shoe"], folders() | {"shoes"})
    assert [line.partition(" is not")[0] for line in found] == ["Redis key builder shoe", "folder shoes"]


def test_what_is_declared_and_gone_is_found() -> None:
    gone = DataMap([person_table("shoes", "to walk", dated_by="worn_at", behaviour="worn_at")])
    assert "table shoes is in the data map and does not exist" in differences(gone, {}, [], [])


@pytest.mark.parametrize("columns", [{"behaviour": "a a"}, {"behaviour": "tenant_id"}, {"shoes": "a"}])
def test_a_declaration_that_contradicts_itself_is_refused(columns: dict[str, str]) -> None:
    with pytest.raises((ValidationFailed, ValueError)):
        DataMap([person_table("shoes", "to walk", **columns)])


async def test_a_table_is_personal_exactly_if_it_has_a_subject(owner_url: str) -> None:
    found = {name for name, columns in (await columns_of(owner_url)).items() if "subject_id" in columns}
    assert {entry.name for entry in DATA_MAP.about_people} == found


def test_a_key_is_personal_exactly_if_it_names_a_subject_and_begins_as_declared() -> None:
    for entry in DATA_MAP.of(Store.REDIS):
        builder = builders()[entry.name]
        assert built(builder).name.startswith(entry.prefix), entry.name
        assert entry.personal == ("subject" in inspect.signature(builder).parameters), entry.name


def test_every_personal_key_is_named_by_its_prefix_and_the_person_alone() -> None:
    tenant, subject = TenantId("demo"), SubjectId(uuid4())
    for entry in DATA_MAP.of(Store.REDIS):
        if entry.personal:
            assert re.fullmatch(rf"{entry.prefix}\{{[^{{}}]+\}}", built(builders()[entry.name]).name), entry.name
    assert keys.cached_recommendations(tenant, subject, "q").name == f"rec:{{{tenant}/{subject}}}"


def test_what_ages_by_level_is_dated_and_what_is_sealed_is_told() -> None:
    for entry in DATA_MAP.about_people:
        assert (entry.keeping is Keeping.LEVEL) == (entry.dated_by is not None), entry.name
        assert entry.dated_by is None or entry.dated_by in {column.name for column in entry.columns}
        for column in entry.columns:
            own = column.name == "archive_sealed"
            assert own or not column.sealed or column.category.told, (entry.name, column.name)


def test_only_what_must_stay_is_not_deleted_with_its_person() -> None:
    kept = {entry.name: entry.erasure for entry in DATA_MAP.about_people if entry.erasure is not Erasure.DELETE}
    assert kept == {
        "subjects": Erasure.STRIP,
        "consents": Erasure.STRIP,
        "outbox": Erasure.EMPTY,
        "vault.data_keys": Erasure.SHRED,
    }
    assert all(Category.IDENTIFIER not in entry.categories for entry in DATA_MAP.tables if not entry.personal)
