"""The files of an import: what each format accepts, and the line and reason of what it refuses."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.importing.records import ImportedEvent, ImportedItem, RejectedRow
from cli.importing.sources import FORMATS, Row, open_source
from domain.catalog.model import ItemKind
from domain.errors import ValidationFailed

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def rows(path: Path, format_name: str = "csv", *, items: bool = False, context: tuple[str, ...] = ()) -> list[Row]:
    return list(open_source(format_name, path, NOW, holds_items=items, context=context))


def refusals(found: list[Row]) -> list[tuple[int, str | None]]:
    return [(row.line_number, row.field) for row in found if isinstance(row, RejectedRow)]


def write(folder: Path, text: str | bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_refused_row_has_the_line_on_which_it_starts(tmp_path: Path) -> None:
    text = 'user_id,item_id,timestamp\nana,"a",0\nana,"b\nc",2024-01-01\nana,d,then\nana,e\n\nana,f,2024-01-01\n'
    found = rows(write(tmp_path, text))
    assert refusals(found) == [(2, "timestamp"), (3, "item_id"), (5, "timestamp"), (6, None)]
    assert [row.item_id for row in found if isinstance(row, ImportedEvent)] == ["f"]


def test_a_byte_order_mark_and_windows_line_ends_are_nothing_special(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbfuser_id,item_id,timestamp\r\nana,a,2024-01-01T10:00:00+02:00\r\n"
    [event] = rows(write(tmp_path, text))
    assert isinstance(event, ImportedEvent)
    assert event.occurred_at == datetime(2024, 1, 1, 8, tzinfo=UTC)


def test_bytes_that_are_no_text_cost_their_row_only(tmp_path: Path) -> None:
    text = b"user_id,item_id,timestamp\nan\xffa,a,2024-01-01\nana,a,2024-01-01\n"
    found = rows(write(tmp_path, text))
    assert refusals(found) == [(2, "user_id")]
    assert len(found) == 2


@pytest.mark.parametrize("text", ["", "user,item_id,timestamp\nana,a,0\n"])
def test_a_file_without_its_columns_is_refused_as_a_whole(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed):
        rows(write(tmp_path, text))


def refused(format_name: str, path: Path, *, holds_items: bool) -> str:
    with pytest.raises(ValidationFailed) as failed:
        list(open_source(format_name, path, NOW, holds_items=holds_items))
    return failed.value.message


def test_a_wrong_header_is_refused_also_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("who,what,timestamp\n")
    assert refused("csv", path, holds_items=False) == "file.csv has no columns user_id, item_id"
    assert refused("csv", path, holds_items=True) == "file.csv has no columns item_id, title"
    path.write_text("user_id,item_id,timestamp,vaule\n")
    assert "did you mean 'value'" in refused("csv", path, holds_items=False)
    atomic = tmp_path / "file.inter"
    atomic.write_text("user_id:token\titem_id:token\n")
    assert refused("recbole", atomic, holds_items=False) == "file.inter has no column timestamp"
    columns = tmp_path / "file.parquet"
    pq.write_table(pa.table({"user_id": pa.array([], pa.string())}), columns)
    assert refused("parquet", columns, holds_items=False) == "file.parquet has no columns item_id, timestamp"


def test_lines_of_json_are_each_on_their_own(tmp_path: Path) -> None:
    good = json.dumps({"user_id": 7, "item_id": "a", "timestamp": 1714593600, "value": 4.5})
    path = write(tmp_path, f"{good}\n\n[1]\n{{\n{good}\n" + "[" * 100_000, "file.jsonl")
    found = rows(path, "jsonl")
    assert refusals(found) == [(3, None), (4, None), (6, None)]
    events = [row for row in found if isinstance(row, ImportedEvent)]
    assert [(event.user_id, event.type, event.value) for event in events] == [("7", "rated", 4.5)] * 2


def test_parquet_rows_are_numbered(tmp_path: Path) -> None:
    times = [datetime(2024, 1, 1, tzinfo=UTC), None, datetime(2024, 1, 2, tzinfo=UTC)]
    table = pa.table({"user_id": ["ana", "ben", None], "item_id": ["a", "a", "a"], "timestamp": times})
    pq.write_table(table, tmp_path / "file.parquet")
    assert refusals(rows(tmp_path / "file.parquet", "parquet")) == [(2, "timestamp"), (3, "user_id")]


def test_what_is_no_parquet_is_refused_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed):
        rows(write(tmp_path, "user_id\n", "file.parquet"), "parquet")


def test_items_take_tags_attributes_and_windows_from_their_cells(tmp_path: Path) -> None:
    text = (
        "item_id,title,kind,tags,attributes,available_from,sensitive\n"
        'a,First,style,calm|slow|calm,"{""year"": 1999}",2024-01-01,no\n'
        "b,Second,sculpture,,,,\n"
        "c,,,,,,\n"
        "d,Fourth,,,{,,\n"
    )
    found = rows(write(tmp_path, text), items=True)
    assert refusals(found) == [(3, "kind"), (4, "title"), (5, "attributes")]
    [item] = [row for row in found if isinstance(row, ImportedItem)]
    assert (item.kind, item.tags, dict(item.attributes)) == (ItemKind.STYLE, ("calm", "slow"), {"year": 1999})


def test_movielens_becomes_items_ratings_and_tags(tmp_path: Path) -> None:
    write(
        tmp_path, "movieId,title,genres\n1,Toy Story (1995),Adventure|Comedy\n2,None,(no genres listed)\n", "movies.csv"
    )
    write(tmp_path, "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,2,x,964982703\n", "ratings.csv")
    write(tmp_path, "userId,movieId,tag,timestamp\n2,1,funny,1445714994\n", "tags.csv")
    source = open_source("movielens", tmp_path, NOW, holds_items=False)
    found = list(source)
    assert source.rows == len(found) == 5
    first, second, rating, refused, tag = found
    assert isinstance(first, ImportedItem)
    assert (first.tags, dict(first.attributes)) == (("Adventure", "Comedy"), {"year": 1995})
    assert isinstance(second, ImportedItem)
    assert second.tags == ()
    assert isinstance(rating, ImportedEvent)
    assert (rating.type, rating.value) == ("rated", 4.0)
    assert isinstance(refused, RejectedRow)
    assert (refused.source, refused.line_number, refused.field) == ("ratings.csv", 3, "value")
    assert isinstance(tag, ImportedEvent)
    assert tag.type == "tagged"


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_place_that_cannot_hold_the_format_is_refused(format_name: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed):
        list(open_source(format_name, tmp_path, NOW, holds_items=False))


@given(st.binary(max_size=300), st.sampled_from(["csv", "jsonl", "parquet", "udata", "recbole"]), st.booleans())
def test_no_file_breaks_an_import(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, kind: str, items: bool
) -> None:
    header = b"" if kind != "csv" else b"user_id,item_id,timestamp,title,kind,tags,attributes\n"
    path = write(tmp_path_factory.getbasetemp(), header + text, f"random.{kind}")
    try:
        found = rows(path, kind, items=items)
    except ValidationFailed:
        return
    assert all(isinstance(row, ImportedItem | ImportedEvent | RejectedRow) for row in found)


def test_u_data_and_u_item_become_ratings_and_items(tmp_path: Path) -> None:
    write(tmp_path, "196\t242\t3\t881250949\n196\t242\t3\n196\t302\t3\tnever\n", "u.data")
    flags = ["0"] * 19
    flags[5] = flags[8] = "1"
    write(tmp_path, f"242|Caf\xe9 (1996)|24-Jan-1997||http://x|{'|'.join(flags)}\n".encode("latin-1"), "u.item")
    source = open_source("udata", tmp_path, NOW, holds_items=False)
    item, rating, short, late = source
    assert source.rows == 4
    assert isinstance(item, ImportedItem)
    assert (item.title, item.tags, item.category) == ("Café (1996)", ("Comedy", "Drama"), "Comedy")
    assert isinstance(rating, ImportedEvent)
    assert (rating.user_id, rating.item_id, rating.type, rating.value) == ("196", "242", "rated", 3.0)
    assert refusals([short, late]) == [(2, None), (3, "timestamp")]


def test_atomic_files_become_behaviour_and_items(tmp_path: Path) -> None:
    inter = write(tmp_path, "user_id:token\titem_id:token\ttimestamp:float\na\tx\t1.5e9\nb\ty\n", "d.inter")
    write(tmp_path, 'item_id:token\ttitle:token_seq\tclass:token_seq\nx\tA "b\ttender slow\ny\t\t\n', "d.item")
    first, second, seen, short = open_source("recbole", inter, NOW, holds_items=False)
    assert isinstance(first, ImportedItem)
    assert isinstance(second, ImportedItem)
    assert (first.title, first.tags, second.title, second.tags) == ('A "b', ("tender", "slow"), "y", ())
    assert isinstance(seen, ImportedEvent)
    assert (seen.type, seen.occurred_at) == ("item_viewed", datetime(2017, 7, 14, 2, 40, tzinfo=UTC))
    assert refusals([short]) == [(3, None)]


def test_other_columns_of_items_become_attributes(tmp_path: Path) -> None:
    text = (
        "item_id,title,year,run time,Colour,hd,maker,attributes\n"
        'a,First,1999,12.5,Deep red,TRUE,007,"{""year"": 2001}"\n'
        "b,Second,,,,false,,\n"
        f"c,Third,1,2,{'x' * 1001},,,\n"
    )
    first, second, refused = rows(write(tmp_path, text), items=True)
    assert isinstance(first, ImportedItem)
    assert isinstance(second, ImportedItem)
    named = {"year": 2001, "run_time": 12.5, "Colour": "Deep red", "hd": True, "maker": "007"}
    assert dict(first.attributes) == named
    assert dict(second.attributes) == {"hd": False}
    assert isinstance(refused, RejectedRow)
    assert refused.field == "attributes.Colour"


def test_typed_cells_become_attributes_of_their_type(tmp_path: Path) -> None:
    row = {"item_id": "a", "title": "A", "year": 1999, "hd": True, "cast": ["Ann", "Ben"], "vector": [0.5, 1.0]}
    path = write(tmp_path, json.dumps(row) + "\n" + json.dumps({**row, "shape": {"w": 1}}), "file.jsonl")
    item, refused = rows(path, "jsonl", items=True)
    assert isinstance(item, ImportedItem)
    assert dict(item.attributes) == {"year": 1999, "hd": True, "cast": "Ann Ben"}
    assert refusals([refused]) == [(2, "shape")]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "file.parquet")
    assert rows(tmp_path / "file.parquet", "parquet", items=True) == [item]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_of_behaviour_that_nobody_knows_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"file.{kind}"
    cells = {"user_id": "ana", "item_id": "a", "timestamp": "2024-01-01", "valeu": "4"}
    if kind == "csv":
        path.write_text(",".join(cells) + "\n" + ",".join(cells.values()) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist([cells]), path)
    with pytest.raises(ValidationFailed, match="did you mean 'value'") as refusal:
        rows(path, kind)
    assert refusal.value.field == "valeu"


def test_a_line_with_an_unknown_field_is_refused_alone(tmp_path: Path) -> None:
    good = {"user_id": "ana", "item_id": "a", "timestamp": "2024-01-01"}
    path = write(tmp_path, "\n".join(map(json.dumps, (good, {**good, "mood": "fine"}))), "file.jsonl")
    first, second = rows(path, "jsonl")
    assert isinstance(first, ImportedEvent)
    assert refusals([second]) == [(2, "mood")]


def test_context_is_kept_with_the_event(tmp_path: Path) -> None:
    text = (
        "user_id,item_id,timestamp,rating,device,surface,purpose,weather\n"
        "ana,a,2024-01-01,4,mobile,home,,rain\n"
        f"ana,b,2024-01-01,4,,{'x' * 129},,\n"
    )
    event, refused = rows(write(tmp_path, text), context=("weather",))
    assert isinstance(event, ImportedEvent)
    assert (event.value, event.device, event.context) == (4.0, "mobile", {"surface": "home", "weather": "rain"})
    assert refusals([refused]) == [(3, "surface")]


def test_what_an_atomic_header_declares_is_kept(tmp_path: Path) -> None:
    inter = write(tmp_path, "user_id:token\titem_id:token\ttimestamp:float\tcity:token\na\tx\t1.5e9\tBonn\n", "d.inter")
    header = "item_id:token\tname:token_seq\trelease_year:token\tprice:float\tvector:float_seq\tmaker:token"
    write(tmp_path, f"{header}\nx\tA\t1999\t2.50\t0.1 0.2\t42\n", "d.item")
    item, event = open_source("recbole", inter, NOW, holds_items=False)
    assert isinstance(item, ImportedItem)
    assert dict(item.attributes) == {"year": 1999, "price": 2.5, "maker": "42"}
    assert isinstance(event, ImportedEvent)
    assert event.context == {"city": "Bonn"}
