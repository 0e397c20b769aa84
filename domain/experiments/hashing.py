"""Where a unit lies on the line from 0 to 1: a hash of its id and a seed, the same in every language.

FNV-1a of 32 bits over UTF-16 code units, in the two versions that the SDKs of GrowthBook use (SDK specification 0.8.0),
so that a client can find its variation without asking. Source of FNV-1a: Fowler, Noll, Vo, draft-eastlake-fnv.
"""

from typing import Final

from domain.errors import ValidationFailed

OFFSET: Final = 0x811C9DC5
PRIME: Final = 0x01000193
MASK: Final = 0xFFFFFFFF
THOUSANDTHS: Final = 1
TEN_THOUSANDTHS: Final = 2


def fnv1a32(text: str) -> int:
    """The 32-bit hash of a text, one step for each UTF-16 code unit."""
    units = memoryview(text.encode("utf-16-le", "surrogatepass"))
    value = OFFSET
    for position in range(0, len(units), 2):
        value = ((value ^ (units[position] | units[position + 1] << 8)) * PRIME) & MASK
    return value


def bucket_of(seed: str, unit: str, version: int = TEN_THOUSANDTHS) -> float:
    """Where a unit lies, in [0, 1): in ten-thousandths (version 2) or thousandths (version 1).

    Version 2 hashes twice: with one hash, ids that differ in their end only lie at related places under similar seeds.

    Raises:
        ValidationFailed: the version is neither.
    """
    if version == TEN_THOUSANDTHS:
        return fnv1a32(str(fnv1a32(seed + unit))) % 10_000 / 10_000
    if version == THOUSANDTHS:
        return fnv1a32(unit + seed) % 1_000 / 1_000
    raise ValidationFailed("a hash version is 1 or 2", field="hashVersion")
