"""Each behaviour that the privacy guide promises names a test, and each of these tests exists."""

import re

from tests.contract.source import ROOT
from tests.contract.spec_lines import Statement
from tests.contract.test_spec_map import Entry, missing_tests

GUIDE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ((?:GDPR|CCPA) [^|]*) \| ([^|]*) \| `(tests/[^`]*)` \|$", re.MULTILINE)
ASKED = (
    "GDPR 5(1)(e)", "GDPR 6, 7(1)", "GDPR 7(3)", "GDPR 15, 20", "GDPR 16", "GDPR 17", "GDPR 18, 21", "GDPR 32",
    "CCPA 1798.120", "CCPA 1798.121",
)  # fmt: skip


def test_every_promise_names_a_test_that_exists() -> None:
    promises = [Entry(Statement(article, said), (test,), None) for article, said, test in ROW.findall(GUIDE)]
    table = GUIDE.partition("| article |")[2].partition("\n\n")[0]
    assert len(promises) == len(table.splitlines()) - 2
    assert missing_tests(promises) == []


def test_the_rights_that_people_have_are_among_them() -> None:
    articles = [article for article, _, _ in ROW.findall(GUIDE)]
    assert [asked for asked in ASKED if not any(article.startswith(asked) for article in articles)] == []
