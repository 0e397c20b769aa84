"""How something is declared in the data map: one call for a table, a kind of Redis key or a folder.

The columns of a table are named by their category, as words in one text: `behaviour="type item_id"`.
"""

from domain.privacy.data_map import Basis, Category, Column, Entry, Erasure, Keeping, Store


def person_table(
    name: str,
    purpose: str,
    *,
    basis: Basis = Basis.CONSENT,
    erasure: Erasure = Erasure.DELETE,
    keeping: Keeping | None = None,
    dated_by: str | None = None,
    **columns: str,
) -> Entry:
    """A table whose rows are about one person each, found by `subject_id`.

    Args:
        name: the table, with its schema unless that is public.
        purpose: why it is kept.
        basis: what makes that lawful.
        erasure: what an erasure does with a row.
        keeping: for how long; by the privacy level if `dated_by` is given, else until erasure.
        dated_by: the column by which retention tells a row's age.
        **columns: names of columns by category.
    """
    kept = keeping or (Keeping.LEVEL if dated_by else Keeping.ACCOUNT)
    columns_of = _columns({"pseudonym": "subject_id", "technical": "tenant_id"}, columns)
    return Entry(Store.POSTGRES, name, purpose, basis, erasure, kept, columns_of, dated_by, personal=True)


def other_table(
    name: str,
    purpose: str,
    *,
    basis: Basis = Basis.NONE_NEEDED,
    erasure: Erasure = Erasure.KEEP,
    keeping: Keeping = Keeping.OPERATION,
    of_tenants: bool = True,
    **columns: str,
) -> Entry:
    """A table that nobody's rows are found in by a subject id; arguments as of `person_table`.

    `of_tenants` is False where a row is everybody's.
    """
    usual = {"technical": "tenant_id"} if of_tenants else {}
    return Entry(Store.POSTGRES, name, purpose, basis, erasure, keeping, _columns(usual, columns))


def key(builder: str, prefix: str, purpose: str, *, personal: bool = False) -> Entry:
    """A kind of Redis key or channel.

    Args:
        builder: the function of `domain.storage.keys` that makes it.
        prefix: how its name begins.
        purpose: why it is kept.
        personal: it is one person's, found by their subject id.
    """
    basis, erasure = (Basis.CONSENT, Erasure.EXPIRE) if personal else (Basis.NONE_NEEDED, Erasure.KEEP)
    return Entry(Store.REDIS, builder, purpose, basis, erasure, Keeping.LIFETIME, prefix=prefix, personal=personal)


def folder(
    name: str,
    purpose: str,
    *,
    basis: Basis = Basis.NONE_NEEDED,
    erasure: Erasure = Erasure.KEEP,
    keeping: Keeping = Keeping.OPERATION,
) -> Entry:
    """A folder below the data folder; arguments as of `person_table`."""
    return Entry(Store.FILES, name, purpose, basis, erasure, keeping)


def _columns(always: dict[str, str], given: dict[str, str]) -> tuple[Column, ...]:
    named = [
        (Category(category), name)
        for part in (always, given)
        for category, names in part.items()
        for name in names.split()
    ]
    return tuple(Column(name, category) for category, name in named)
