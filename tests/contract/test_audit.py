"""What `make audit` looks for is found: a planted secret, a licence that the project does not build on."""

import json
from pathlib import Path

import pytest

from tests.drills.dependency_audit import refused_parts
from tests.drills.secrets_scan import KNOWN, NOISY, tracked, unknown_secrets

# Put together here, so that this file holds none itself.
PLANTED = {
    "a private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "a cloud key": "aws = 'AKIA" + "IOSFODNN7REALKEY'",
    "a password": "database_" + "password = 'correct-horse-battery'",
    "a URL with one": "url = 'postgres://owner:" + "hunter2hunter2@db/x'",
}


@pytest.mark.parametrize("line", PLANTED.values(), ids=PLANTED)
def test_a_planted_secret_is_found(line: str, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(f"{line}\n")
    assert "planted.py" in unknown_secrets([str(tmp_path / "planted.py")])


def test_a_file_without_one_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("answer = 42\n")
    assert unknown_secrets([str(tmp_path / "plain.py")]) == ""


def test_what_is_known_guards_nothing_and_still_exists() -> None:
    known = json.loads(KNOWN.read_text())
    assert {plugin["name"] for plugin in known["plugins_used"]}.isdisjoint(NOISY)
    assert set(known["results"]) <= set(tracked())
    outside = {name for name in known["results"] if not name.startswith(("tests/", "benchmarks/"))}
    assert outside == {
        "domain/storage/embedded/postgres.py",
        "domain/storage/embedded/valkey.py",
        "graphql_api/auth.py",
    }


@pytest.mark.parametrize(
    "stated", ["MIT", "Apache-2.0 OR BSD-3-Clause", "MPL-2.0 AND (Apache-2.0 OR MIT)", "BSD License"]
)
def test_what_the_project_builds_on_is_allowed(stated: str) -> None:
    assert refused_parts(stated) == []


@pytest.mark.parametrize("stated", ["GPL-3.0", "MIT AND AGPL-3.0-only", "GNU GPL v3 (GPLv3)", "not stated"])
def test_another_licence_is_refused(stated: str) -> None:
    assert refused_parts(stated)
