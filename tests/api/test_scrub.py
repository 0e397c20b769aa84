"""The physical step: after it, nothing of an erased canary is readable in files, the log, Redis, exports or models."""

import asyncio
import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.privacy.data_map import Store
from domain.privacy.inventory import DATA_MAP
from domain.receipts.signing import require_chained
from domain.storage.embedded import EmbeddedPostgres, running_valkey
from domain.storage.scrub import scrub
from tests.api.byte_search import files_with, forms, is_in, keys_with
from tests.api.canary_filling import CANARY, MARK
from tests.api.canary_visit import everything
from tests.api.command import Up, running
from tests.api.rest_room import ITEMS
from tests.api.scrub_room import catalogued, done, idle, rows, short_folder, visiting

TRACES = """
    SELECT json_build_array(subject_id, encode(wrapped, 'hex'))::text FROM vault.data_keys
    UNION ALL SELECT json_build_array(subject_id, encode(attributes_sealed, 'hex'))::text FROM user_accounts
    UNION ALL SELECT json_build_array(subject_id, encode(learned_sealed, 'hex'))::text FROM user_profiles"""
"""What must not be found again: people's wrapped keys, and what is sealed with them."""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A short, empty data folder that every user may pass."""
    with short_folder("scrub-") as made:
        yield made / "data"


def imported(data_dir: Path, folder: Path) -> None:
    """Import what some people did, the canary among them, and train a model of it."""
    with (folder / "events.csv").open("w") as file:
        written = csv.writer(file)
        written.writerow(["user_id", "item_id", "type", "timestamp", "device", "session", "mood"])
        for place in range(240):
            user = CANARY if place % 12 == 0 else f"user-{place % 12}"
            at = datetime.now(UTC) - timedelta(hours=place)
            item = ITEMS[place * 7 % len(ITEMS)].item_id
            written.writerow([user, item, "template_used", at.isoformat(), MARK, MARK, f"{MARK} mood"])
        written.writerow([CANARY, f"{MARK} item", f"{MARK} type", f"{MARK} time", MARK, MARK, MARK])
    given = (str(folder / "events.csv"), "--context", "mood", "--legal-basis", "consent", "--format", "csv")
    done("import", *given, data_dir=data_dir)
    done("train", "--force", data_dir=data_dir)
    done("privacy", "export", CANARY, "--out", str(folder / "export.zip"), data_dir=data_dir, as_json=False)
    assert is_in((folder / "export.zip").read_bytes(), [f"{MARK} mood".encode()])


async def lived_and_erased(up: Up, folder: Path) -> list[bytes]:
    """Do everything, and be erased: what sealed the canary's fields, and what was sealed."""
    async with visiting(up) as visit:
        await asyncio.to_thread(catalogued, up.data_dir, folder)
        await visit.prepared()
        await asyncio.to_thread(imported, up.data_dir, folder)
        await visit.through_everything(lambda: idle(up.data_dir))
        sealed = await rows(up.data_dir, TRACES)
        await visit.requested("requestErasure")
        await idle(up.data_dir)
        assert everything() == visit.said
        metrics = (await visit.http.get("/metrics")).content
    assert not is_in(metrics, forms())
    erased = set(await rows(up.data_dir, "SELECT subject_id::text FROM subjects WHERE erased_at IS NOT NULL"))
    told = [json.loads(line) for line in sealed]
    return [bytes.fromhex(trace) for subject, trace in told if subject in erased]


@pytest.mark.drill
def test_after_the_physical_step_no_byte_is_left_anywhere(data_dir: Path) -> None:
    folder = data_dir.parent
    with running(data_dir, "--empty", PERSONALIZATION_DEBUG="true") as up:
        traces = asyncio.run(lived_and_erased(up, folder))
        assert len(traces) >= 3
        assert files_with(data_dir, traces) != set()
        scrubbed = json.loads(done("privacy", "scrub", data_dir=data_dir))
        assert scrubbed == {"done": ["tables", "statistics", "write-ahead log"], "refused": {}}
        valkey = running_valkey(data_dir)
        assert valkey is not None
        assert asyncio.run(keys_with(valkey.url, forms())) == []
        lines = asyncio.run(rows(data_dir, "SELECT document FROM privacy_receipts ORDER BY number"))
    receipts = require_chained([line.encode() + b"\n" for line in lines])
    assert [receipt["kind"] for receipt in receipts] == ["erasure", "physical"]
    assert {entry["level"] for entry in receipts[1]["reached"]} == {"physical"}
    for path in folder.glob("*.[cz][si][vp]"):
        # What the operator handed in, and what was handed out.
        path.unlink()
    assert is_in(Path(folder, "data.stderr").read_bytes(), [b"correlation_id"])
    assert (data_dir / "models").exists()
    assert files_with(folder, [*traces, *forms()]) == set()
    assert {path.name for path in data_dir.iterdir()} <= {entry.name for entry in DATA_MAP.of(Store.FILES)}


async def test_an_owner_is_told_what_only_a_superuser_may(owner_url: str) -> None:
    said: list[str] = []
    done = {
        part.part: part.refused for part in await scrub(owner_url, ["user_profiles", "vault.data_keys"], said.append)
    }
    assert done["tables"] == done["statistics"] == ""
    assert "the database refuses it to this login" in done["write-ahead log"]
    assert said[0] == "VACUUM (FULL, ANALYZE) user_profiles"


def test_the_login_for_repair_is_found_beside_the_running_server(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        may = asyncio.run(rows(data_dir, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
    assert may == [True]
