"""Whatever stands in a file: good rows come back as written, and each bad one is reported on its own line."""

import csv
import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.importing.records import EVENT_TYPES, ImportedEvent, RejectedRow
from cli.importing.sources import Row, open_source
from domain.ids import ItemId, UserId

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
COLUMNS = ("user_id", "item_id", "type", "value", "timestamp", "device", "session")

Written = dict[str, str | float | None]

printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).map(str.strip)
words = printable.filter(bool)
item_ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,20}", fullmatch=True)
times = st.datetimes(datetime(1990, 1, 2), datetime(2026, 3, 9), timezones=st.just(UTC))  # noqa: DTZ001 -- takes its zone from `timezones`
numbers = st.floats(-1e6, 1e6)


@st.composite
def events(draw: st.DrawFn) -> ImportedEvent:
    kind = draw(st.sampled_from(EVENT_TYPES))
    return ImportedEvent(
        user_id=UserId(draw(words)),
        item_id=ItemId(draw(item_ids)),
        type=kind,
        value=draw(numbers if kind == "rated" else st.none() | numbers),
        occurred_at=draw(times),
        device=draw(st.none() | st.sampled_from(["mobile", "desktop", "tv"])),
        session=draw(st.none() | words),
    )


def written(event: ImportedEvent) -> Written:
    return {
        "user_id": event.user_id,
        "item_id": event.item_id,
        "type": event.type,
        "value": event.value,
        "timestamp": event.occurred_at.isoformat(),
        "device": event.device,
        "session": event.session,
    }


def write_csv(path: Path, rows: list[Written]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def write_jsonl(path: Path, rows: list[Written]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8", newline="")


def write_parquet(path: Path, rows: list[Written]) -> None:
    schema = pa.schema([(name, pa.float64() if name == "value" else pa.string()) for name in COLUMNS])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


WRITERS = {"csv": write_csv, "jsonl": write_jsonl, "parquet": write_parquet}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("importing")


def read(path: Path, format_name: str) -> list[Row]:
    return list(open_source(format_name, path, NOW, holds_items=False))


@given(rows=st.lists(events(), max_size=8), format_name=st.sampled_from(sorted(WRITERS)))
def test_events_come_back_as_they_were_written(rows: list[ImportedEvent], format_name: str, folder: Path) -> None:
    path = folder / f"written.{format_name}"
    WRITERS[format_name](path, [written(row) for row in rows])

    assert read(path, format_name) == rows


@given(parts=st.lists(st.sampled_from(["good", "wide", "stray quote", "late", "nobody"]), max_size=40))
def test_each_bad_line_is_reported_by_its_number_and_the_rest_loads(parts: list[str], folder: Path) -> None:
    lines = {
        "good": "ana,a,2024-01-01",
        "wide": "ana,a,2024-01-01,x",
        "stray quote": 'ana,"a,2024-01-01',
        "late": "ana,a,2099-01-01",
        "nobody": ",a,2024-01-01",
    }
    path = folder / "damaged.csv"
    path.write_text("\n".join(["user_id,item_id,timestamp", *(lines[part] for part in parts), ""]))

    found = read(path, "csv")

    bad = [number for number, part in zip(count(2), parts, strict=False) if part != "good"]
    assert [row.line_number for row in found if isinstance(row, RejectedRow)] == bad
    assert len(found) == len(parts)


@given(noise=st.lists(st.binary(max_size=40).filter(lambda line: not set(line) & set(b"\r\n")), max_size=8))
def test_garbage_between_lines_of_json_never_hides_a_good_one(noise: list[bytes], folder: Path) -> None:
    good = json.dumps({"user_id": "ana", "item_id": "a", "timestamp": "2024-01-01"}).encode()
    path = folder / "noise.jsonl"
    path.write_bytes(b"".join(line + b"\n" + good + b"\n" for line in noise))

    found = read(path, "jsonl")

    refused = [row.line_number for row in found if isinstance(row, RejectedRow)]
    assert sum(isinstance(row, ImportedEvent) for row in found) == len(noise)
    assert set(refused) <= set(range(1, 2 * len(noise), 2))
    assert len(set(refused)) == len(refused) == len(found) - len(noise)
