"""Receipts: no byte of one can change unseen, and none can be taken out of their chain."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.main import main
from domain.receipts.signing import ReceiptInvalid, ReceiptSigner, digest, require_chained, verified

SIGNER = ReceiptSigner(bytes(range(32)))
RECEIPT: dict[str, Any] = {
    "format": "personalization-receipt/1",
    "kind": "erasure",
    "tenant": "demo",
    "number": 1,
    "previous": None,
    "finishedAt": "2026-03-10T12:00:00+00:00",
    "reached": [{"store": "postgres", "name": "consents", "level": "logical", "count": 3, "detail": "früher – “so”"}],
}


def written(receipt: dict[str, Any]) -> bytes:
    return SIGNER.signed(receipt).encode() + b"\n"


def chain(count: int) -> list[bytes]:
    found: list[bytes] = []
    for number in range(1, count + 1):
        previous = None if not found else digest(found[-1].decode().removesuffix("\n"))
        found.append(written({**RECEIPT, "number": number, "previous": previous}))
    return found


def test_a_receipt_is_what_was_signed() -> None:
    assert verified(written(RECEIPT)) == RECEIPT
    assert verified(written(RECEIPT), SIGNER.public_key.upper()) == RECEIPT


@pytest.mark.parametrize("change", [1, 2, 0x20, 0x80], ids=hex)
def test_no_byte_can_change(change: int) -> None:
    content = written(RECEIPT)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= change
        with pytest.raises(ReceiptInvalid):
            verified(bytes(changed))


@settings(max_examples=300)
@given(st.data())
def test_no_byte_can_be_added_or_taken(data: st.DataObject) -> None:
    content = written(RECEIPT)
    place = data.draw(st.integers(0, len(content)))
    extra = data.draw(st.binary(min_size=1, max_size=3))
    for changed in (content[:place] + extra + content[place:], content[:place] + content[place + 1 :]):
        if changed != content:
            with pytest.raises(ReceiptInvalid):
                verified(changed)


@pytest.mark.parametrize(
    "content",
    [b"", b"null\n", b"{}\n", b"[1]\n", b"\xff\n", b'{"publicKey":1,"receipt":{},"signature":2}\n'],
)
def test_what_is_no_receipt_is_refused(content: bytes) -> None:
    with pytest.raises(ReceiptInvalid):
        verified(content)


def test_somebody_elses_signature_is_refused_where_the_key_is_known() -> None:
    forged = ReceiptSigner(bytes(32)).signed(RECEIPT).encode() + b"\n"
    assert verified(forged) == RECEIPT
    with pytest.raises(ReceiptInvalid, match="Another key"):
        verified(forged, SIGNER.public_key)


def test_receipts_follow_each_other_and_none_can_be_left_out() -> None:
    first, second, third = chain(3)
    for whole in ([first, second, third], [third, first, second, second], [second + first, third]):
        assert [receipt["number"] for receipt in require_chained(whole)] == [1, 2, 3]
    with pytest.raises(ReceiptInvalid, match="Between the receipts 1 and 3"):
        require_chained([first, third])
    with pytest.raises(ReceiptInvalid, match="different tenants"):
        require_chained([first, written({**RECEIPT, "tenant": "other", "number": 2, "previous": None})])


def test_a_fork_is_told() -> None:
    first, second, third = chain(3)
    again = written({**RECEIPT, "number": 2, "previous": digest(first.decode().removesuffix("\n")), "kind": "physical"})
    with pytest.raises(ReceiptInvalid, match="The chain forks: two receipts have the number 2"):
        require_chained([first, second, third, again])
    with pytest.raises(ReceiptInvalid, match="The chain forks: receipt 3 does not follow this receipt 2"):
        require_chained([first, again, third])


@pytest.mark.parametrize("command", [["verify-receipt"], ["privacy", "verify-receipt"]])
def test_the_command_says_whether_a_file_is_valid(command: list[str], tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.json" for number in (1, 2)]
    for file, content in zip(files, chain(2), strict=True):
        file.write_bytes(content)
    names = [str(file) for file in files]
    shown = CliRunner().invoke(main, [*command, *names], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "Valid: receipt 2 of demo" in shown.stdout
    assert json.loads(CliRunner().invoke(main, [*command, *names, "--json"]).stdout)["valid"]
    files[1].write_bytes(files[1].read_bytes().replace(b'"count":3', b'"count":4'))
    refused = CliRunner().invoke(main, [*command, *names])
    assert refused.exit_code == 2
    assert refused.stderr == "VALIDATION: The signature does not fit the receipt.\n"
