"""`personalization import` and `train` as a person uses them, beside a running service and without one."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.api.command import ROOT, Up, personalization, result, running

MOVIELENS = ROOT.parent / "shared" / "data" / "ml-latest-small"
TEN = """query Ten($user: String!) {
  recommendations(userId: $user, first: 10) { edges { node { item { id } reasons { code } } } } }"""

ITEMS = """item_id,title,kind,category,tags
film:1,The Long Way Home,CONTENT,drama,family|slow
film:2,Ten Seconds Left,CONTENT,thriller,tense|fast
film:3,Salt and Snow,CONTENT,drama,nature|slow
"""
EVENTS = """user_id,item_id,type,value,timestamp
ana,film:1,rated,5,2024-05-01T20:00:00Z
ana,film:2,rated,2,2024-05-02T20:00:00Z
ben,film:1,rated,4,2024-05-03T20:00:00Z
ben,film:3,rated,4,not a time
ben,film:3,ratd,4,2024-05-04T20:00:00Z
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("import") / "data", "--empty") as service:
        yield service


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "items.csv").write_text(ITEMS)
    (tmp_path / "events.csv").write_text(EVENTS)
    return tmp_path


def load(up: Up, tenant: str, path: Path, *options: str, kind: str = "csv") -> dict[str, object]:
    return result("import", "--format", kind, str(path), "--tenant", tenant, "--data-dir", str(up.data_dir), *options)


@contextmanager
def speaking_for(up: Up, tenant: str) -> Iterator[None]:
    """Queries of the block are a developer's of this tenant."""
    scopes = ("--scopes", "recommendations:read act_as", "--user", "developer")
    token = result("token", "--tenant", tenant, *scopes, "--data-dir", str(up.data_dir))["token"]
    developer, up.ready["token"] = up.ready["token"], token
    yield
    up.ready["token"] = developer


def test_good_rows_load_and_bad_rows_are_named(up: Up, files: Path) -> None:
    load(up, "films", files / "items.csv", "--items")
    rejects = files / "rejects.csv"
    arguments = ("--legal-basis", "contract", "--rejects", str(rejects), "--data-dir", str(up.data_dir), "--json")
    ran = personalization("import", "--format", "csv", str(files / "events.csv"), "--tenant", "films", *arguments)
    loaded = json.loads(ran.stdout)
    assert (loaded["events"], loaded["users"], loaded["rejected"]) == (3, 2, 2)
    assert "events.csv:5: timestamp: " in ran.stderr
    assert "did you mean 'rated'?" in ran.stderr
    rows = list(csv.DictReader(rejects.read_text().splitlines()))
    assert [(row["line"], row["field"]) for row in rows] == [("5", "timestamp"), ("6", "type")]


def test_the_same_file_twice_adds_nothing(up: Up, files: Path) -> None:
    load(up, "twice", files / "items.csv", "--items")
    first = load(up, "twice", files / "events.csv", "--legal-basis", "contract")
    again = load(up, "twice", files / "events.csv", "--legal-basis", "contract")
    assert (first["events"], first["duplicates"]) == (3, 0)
    assert (again["events"], again["duplicates"]) == (0, 3)


def test_without_a_legal_basis_nobody_who_has_not_agreed_is_loaded(up: Up, files: Path) -> None:
    load(up, "unasked", files / "items.csv", "--items")
    loaded = load(up, "unasked", files / "events.csv")
    assert (loaded["events"], loaded["refused"]) == (0, 3)


def test_jsonl_and_parquet_load_as_csv_does(up: Up, files: Path) -> None:
    events = [
        {"user_id": "ana", "item_id": "film:1", "value": 5.0, "timestamp": 1714593600},
        {"user_id": "ana", "item_id": "film:2", "value": 2.0, "timestamp": 1714680000},
    ]
    (files / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events) + "{not json\n")
    pq.write_table(pa.Table.from_pylist(events), files / "events.parquet")
    load(up, "kinds", files / "items.csv", "--items")
    lines = load(up, "kinds", files / "events.jsonl", "--legal-basis", "contract", kind="jsonl")
    assert (lines["events"], lines["rejected"]) == (2, 1)
    columns = load(up, "kinds", files / "events.parquet", "--legal-basis", "contract", kind="parquet")
    assert (columns["events"], columns["duplicates"]) == (0, 2)


def test_a_column_that_means_nothing_stops_an_import(up: Up, files: Path) -> None:
    header, *lines = EVENTS.splitlines()
    (files / "events.csv").write_text("\n".join([f"{header},stars", *(f"{line},5" for line in lines)]))
    ran = personalization("import", "--format", "csv", str(files / "events.csv"), "--tenant", "films", "--json")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "VALIDATION: events.csv has a column 'stars' that means nothing here" in ran.stderr
    loaded = load(up, "declared", files / "events.csv", "--legal-basis", "contract", "--context", "stars")
    assert (loaded["events"], loaded["rejected"]) == (3, 2)


def test_columns_of_items_are_attributes_of_the_catalogue(up: Up, files: Path) -> None:
    (files / "items.csv").write_text("item_id,title,year,pace\nfilm:1,The Long Way Home,1999,slow\n")
    load(up, "attributes", files / "items.csv", "--items")
    with speaking_for(up, "attributes"):
        found = up.query('{ catalogItem(itemId: "film:1") { attributes } }')
    assert found == {"catalogItem": {"attributes": {"year": 1999, "pace": "slow"}}}


def test_an_import_needs_no_running_service(files: Path, tmp_path: Path) -> None:
    options = ("--tenant", "films", "--data-dir", str(tmp_path / "alone"))
    assert result("import", "--format", "csv", str(files / "items.csv"), "--items", *options)["items"] == 3
    again = result("import", "--format", "csv", str(files / "events.csv"), "--legal-basis", "contract", *options)
    assert again["events"] == 3


@pytest.mark.parametrize("tenant", ["Films", "a b", "-x"])
def test_a_tenant_that_cannot_be_is_wrong_input(tenant: str, files: Path) -> None:
    ran = personalization("import", "--format", "csv", str(files / "events.csv"), f"--tenant={tenant}")
    assert ran.returncode == 2
    assert "VALIDATION" in ran.stderr


@pytest.mark.skipif(not MOVIELENS.exists(), reason="ml-latest-small is not on this machine")
def test_movielens_is_loaded_trained_on_and_recommended_from(up: Up) -> None:
    loaded = load(up, "movielens", MOVIELENS, "--legal-basis", "research", kind="movielens")
    assert (loaded["items"], loaded["users"], loaded["rejected"]) == (9742, 610, 0)
    assert loaded["events"] + loaded["duplicates"] == 100_836 + 3_683
    assert loaded["duplicates"] < 3_683
    trained = result("train", "--tenant", "movielens", "--data-dir", str(up.data_dir))
    metrics = trained["metrics"]
    assert metrics["blend_ndcg_at_10"] > metrics["popularity_ndcg_at_10"]
    with speaking_for(up, "movielens"):
        edges = up.query(TEN, user="1")["recommendations"]["edges"]
    assert len(edges) == 10
    assert all(edge["node"]["reasons"] for edge in edges)
