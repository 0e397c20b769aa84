"""Files that are damaged in one place: what is lost is that place, and the person who imports is told where."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.importing.records import ImportedEvent, RejectedRow
from cli.importing.sources import Row, open_source
from domain.catalog.model import CatalogItem
from domain.errors import ValidationFailed

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HEADER = "user_id,item_id,timestamp\n"
GOOD = "ana,a,2024-01-01\n"
SECONDS = 1_714_593_600


def csv_rows(folder: Path, text: str) -> list[Row]:
    path = folder / "file.csv"
    path.write_bytes(text.encode())
    return list(open_source("csv", path, NOW, holds_items=False))


def parquet_rows(folder: Path, **columns: object) -> list[Row]:
    path = folder / "file.parquet"
    pq.write_table(pa.table({"user_id": ["ana", "ben"], "item_id": ["a", "b"]} | columns), path)
    return list(open_source("parquet", path, NOW, holds_items=False))


def events(found: list[Row]) -> list[ImportedEvent]:
    return [row for row in found if isinstance(row, ImportedEvent)]


def refused_lines(found: list[Row]) -> list[int]:
    return [row.line_number for row in found if isinstance(row, RejectedRow)]


@pytest.mark.parametrize("after", [0, 3, 5000])
def test_a_quote_that_is_never_closed_costs_its_row_only(after: int, tmp_path: Path) -> None:
    found = csv_rows(tmp_path, HEADER + GOOD + 'ana,"b,2024-01-01\n' + GOOD * after)

    assert refused_lines(found) == [3]
    assert len(events(found)) == 1 + after


def test_lines_after_several_stray_quotes_keep_their_numbers(tmp_path: Path) -> None:
    found = csv_rows(tmp_path, HEADER + 'ana,"b,0\n' + GOOD + 'ben,"b"c,0\n' + GOOD * 700 + "ana,a,then\n" + GOOD)

    assert refused_lines(found) == [2, 4, 705]
    assert len(events(found)) == 702


def test_a_cell_of_very_many_lines_is_no_cell(tmp_path: Path) -> None:
    found = csv_rows(tmp_path, HEADER + 'ana,"b\n' + GOOD * 600 + 'c",2024-01-01\n' + GOOD)

    assert refused_lines(found) == [2, 603]
    assert len(events(found)) == 601


def test_a_quoted_cell_may_go_on_over_lines(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text('item_id,title,description\na,First,"one\ntwo, ""three""\n"\nb,,\n')

    item, refused = open_source("csv", path, NOW, holds_items=True)

    assert not isinstance(item, ImportedEvent | RejectedRow)
    assert item.description == 'one\ntwo, "three"\n'
    assert isinstance(refused, RejectedRow)
    assert (refused.line_number, refused.field) == (5, "title")


@pytest.mark.parametrize("header", ['user_id,"item_id"x,timestamp', "user_id,item_id,timestamp,user_id"])
def test_a_header_that_cannot_be_trusted_refuses_the_file(header: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed):
        csv_rows(tmp_path, f"{header}\n{GOOD}")


def test_columns_without_a_name_may_stand_there_twice(tmp_path: Path) -> None:
    assert len(events(csv_rows(tmp_path, "user_id,item_id,timestamp,,\nana,a,2024-01-01,,\n"))) == 1


def test_parquet_times_of_data_frames_are_read(tmp_path: Path) -> None:
    nanoseconds = pa.array([SECONDS * 10**9 + 1, SECONDS * 10**9], pa.timestamp("ns"))

    found = events(parquet_rows(tmp_path, timestamp=nanoseconds))

    assert [event.occurred_at for event in found] == [datetime.fromtimestamp(SECONDS, UTC)] * 2


def test_parquet_dates_and_decimals_are_times_and_values(tmp_path: Path) -> None:
    first, second = events(
        parquet_rows(tmp_path, timestamp=[date(2024, 1, 1), date(2024, 1, 2)], value=[Decimal("4.50"), None])
    )

    assert (first.occurred_at, first.value, first.type) == (datetime(2024, 1, 1, tzinfo=UTC), 4.5, "rated")
    assert (second.value, second.type) == (None, "item_viewed")


def test_a_parquet_cell_that_python_cannot_hold_costs_its_row_only(tmp_path: Path) -> None:
    beyond_the_calendar = pa.array([2**62, SECONDS * 1000], pa.timestamp("ms"))
    broken_text = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"\xffb")]
    )

    for found in (
        parquet_rows(tmp_path, timestamp=beyond_the_calendar),
        parquet_rows(tmp_path, user_id=broken_text, timestamp=[SECONDS, SECONDS]),
    ):
        assert refused_lines(found) == [1]
        assert len(events(found)) == 1


@pytest.mark.parametrize("content", [b"", b"PAR1" + bytes(40) + b"PAR1"])
def test_damaged_parquet_is_refused_and_cannot_be_counted(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    path.write_bytes(content)
    source = open_source("parquet", path, NOW, holds_items=False)

    assert source.rows is None
    with pytest.raises(ValidationFailed):
        list(source)


def test_two_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table([pa.array(["a"])] * 2, names=["user_id", "user_id"]), path)

    with pytest.raises(ValidationFailed) as refusal:
        list(open_source("parquet", path, NOW, holds_items=False))
    assert refusal.value.field == "user_id"


def test_an_id_that_nobody_can_have_costs_its_row_only(tmp_path: Path) -> None:
    found = csv_rows(tmp_path, HEADER + "an\x85a,a,2024-01-01\n" + GOOD)

    assert refused_lines(found) == [2]
    assert len(events(found)) == 1


def test_of_two_columns_for_one_attribute_neither_is_lost_silently(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id,title,价格,名字\na,One,5,\nb,Two,5,red\n", encoding="utf-8")
    good, bad = open_source("csv", path, NOW, holds_items=True)

    assert isinstance(good, CatalogItem)
    assert good.attributes == {"_": 5}
    assert isinstance(bad, RejectedRow)
    assert (bad.line_number, bad.reason) == (3, "is one of two columns for the attribute '_'")
