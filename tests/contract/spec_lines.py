"""Reads the owner's specification into its single statements, so that each can be mapped to a test."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Lines of a code block that only close something.
_CLOSING = re.compile(r"[\s{}()\[\];,]*")
_OPENING = re.compile(r"(?:const )?(\w+)(?: =|:) \{")
_SEPARATOR = re.compile(r"\|[\s:|-]*\|")
_NUMBERED = re.compile(r"\d+\. \*\*(.+)\*\*")
# One statement although it spans lines: the examples run as they stand.
_WHOLE_BLOCKS = "Usage Examples"


@dataclass(frozen=True)
class Statement:
    """One thing that the specification says, under the headings where it says it."""

    section: str
    text: str


@dataclass
class _Place:
    """Where the reader stands: headings, the numbered entry below them, and the lines of an open code block."""

    headings: list[str] = field(default_factory=list)
    entry: str | None = None
    block: list[str] | None = None

    @property
    def section(self) -> str:
        return " / ".join([*self.headings[1:], *([self.entry] if self.entry else [])])


def statements(text: str) -> Iterator[Statement]:
    """Every bullet, table row, sentence, line of configuration and whole usage example of a Markdown text, in order.

    Lines that only announce what follows (headings, sentences that end with a colon) become sections or nothing.
    """
    place = _Place()
    for line in text.splitlines():
        if line.startswith("```"):
            if place.block is not None:
                yield from _of_block(place.section, place.block)
            place.block = [] if place.block is None else None
        elif place.block is not None:
            place.block.append(line)
        else:
            yield from _of_line(place, line)


def statements_of(folder: Path) -> list[Statement]:
    """The statements of every Markdown file in `folder`, each file's name before its sections."""
    return [
        Statement(f"{path.stem} / {statement.section}".removesuffix(" / "), statement.text)
        for path in sorted(folder.glob("*.md"))
        for statement in statements(path.read_text(encoding="utf-8"))
    ]


def _of_line(place: _Place, line: str) -> Iterator[Statement]:
    if heading := re.match(r"(#+) (.*)", line):
        place.headings[len(heading[1]) - 1 :] = [heading[2]]
        place.entry = None
    elif numbered := _NUMBERED.fullmatch(line):
        place.entry = numbered[1]
    elif line.strip() and not _SEPARATOR.fullmatch(line) and not line.endswith(":"):
        yield Statement(place.section, line.strip())


def _of_block(section: str, lines: list[str]) -> Iterator[Statement]:
    if _WHOLE_BLOCKS in section:
        yield Statement(section, "\n".join(lines))
        return
    names: list[str] = []
    for line in map(str.strip, lines):
        if opening := _OPENING.fullmatch(line):
            names.append(opening[1])
        elif not _CLOSING.fullmatch(line):
            yield Statement(" / ".join([section, *names]), line.rstrip(","))
        elif line.startswith("}"):
            names.pop()
