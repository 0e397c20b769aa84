"""The record of processing activities (GDPR Article 30), written from the data map as a document for a person.

What only the operator knows (who they are, whom they tell, where they host) is left as a line to fill in.
"""

from collections.abc import Mapping
from typing import Any, Final

from domain.privacy.data_map import Basis, Category, DataMap, Entry
from domain.privacy.model import RULES

_TO_FILL: Final = "_to be filled in by the controller_"

_MEASURES: Final = (
    (
        "Personal fields are sealed with AES-256-GCM under a key of each person, which is kept apart and wrapped by "
        "the operator's key; Redis holds sealed values only."
    ),
    "Row-level security is forced on every table about people; each kind of work logs in as a role of its own.",
    "Erasures, exports and retention walk this record; erasures end in a signed receipt.",
)


def as_document(data_map: DataMap) -> str:
    """The record in Markdown."""
    lines = ["# Record of processing activities (GDPR Article 30)", ""]
    facts = {
        "Controller and contact": _TO_FILL,
        "Data protection officer": _TO_FILL,
        "Categories of data subjects": "users of the products that this service personalizes",
        "Recipients": f"none outside the installation; {_TO_FILL} if that changes",
        "Transfers to third countries": f"none by the service itself; {_TO_FILL} for the place of hosting",
        "Time limits": "; ".join(f"{level.value}: {_months(rules.retention_months)}" for level, rules in RULES.items()),
    }
    lines += [f"- **{name}**: {value}" for name, value in facts.items()]
    lines += ["- **Technical and organisational measures** (Article 32):", *(f"  - {m}" for m in _MEASURES), ""]
    lines += [
        "| Activity | Where | Categories of data | Lawful because of | Kept | On erasure |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_row(entry) for entry in data_map.entries if entry.basis is not Basis.NONE_NEEDED]
    return "\n".join(lines) + "\n"


def described(data_map: DataMap) -> list[Mapping[str, Any]]:
    """Every declaration as a JSON object."""
    return [
        {
            "store": entry.store.value,
            "name": entry.name,
            "purpose": entry.purpose,
            "legalBasis": entry.basis.value,
            "retention": entry.keeping.value,
            "datedBy": entry.dated_by,
            "erasure": entry.erasure.value,
            "personal": entry.personal,
            "columns": [
                {
                    "name": column.name,
                    "category": column.category.value,
                    "sealed": column.sealed,
                    "exported": column in entry.told,
                }
                for column in entry.columns
            ],
        }
        for entry in data_map.entries
    ]


def _row(entry: Entry) -> str:
    silent = {Category.TECHNICAL, Category.NOBODY}
    categories = (
        ", ".join(category.value for category in entry.categories if category not in silent) or "see the tables"
    )
    cells = (
        entry.purpose,
        f"{entry.store.value}: `{entry.name}`",
        categories,
        entry.basis,
        entry.keeping,
        entry.erasure,
    )
    return f"| {' | '.join(cells)} |"


def _months(count: int) -> str:
    return f"{count} months" if count else "nothing is kept"
