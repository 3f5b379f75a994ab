"""Files of SQL statements that RailForge and PostgreSQL are both asked.

A file is about one topic. It consists of blocks with an empty line between them; the first line of a block
says what it is. Lines that begin with `#` say why.

    setup                       statements for PostgreSQL, which make the tables that the file works on
    query                       one statement: the same rows in the same order
    query rowsort               one statement: the same rows in any order
    expressions [FROM ...]      an expression on each line, asked as `SELECT expression FROM ...`
    errors [FROM ...]           likewise, but both must refuse each
    error                       one statement that both must refuse
    differs                     one statement whose answers differ so far, or that one of them refuses
    differences [FROM ...]      likewise, an expression on each line

What a statement's answer is, no file says: PostgreSQL does. A difference that has gone fails its test, so
that the statement is moved to where it belongs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Expectation = Literal["same", "same in any order", "both refuse", "differs"]

WHOLE: dict[str, Expectation] = {
    "query": "same",
    "query rowsort": "same in any order",
    "error": "both refuse",
    "differs": "differs",
}
BY_LINE: dict[str, Expectation] = {"expressions": "same", "errors": "both refuse", "differences": "differs"}


@dataclass(frozen=True)
class Case:
    """A statement, and what is expected of the two answers."""

    line: int
    sql: str
    expectation: Expectation


@dataclass(frozen=True)
class SltFile:
    """What a file says."""

    name: str
    setup: str
    cases: tuple[Case, ...]


def read_slt(path: Path) -> SltFile:
    """Read a file."""
    setup: list[str] = []
    cases: list[Case] = []
    for number, first, body in _blocks(path):
        if first == "setup":
            setup.append(_joined(body))
        elif first in WHOLE:
            cases.append(Case(number, _joined(body), WHOLE[first]))
        elif (word := first.split(" ", 1)[0]) in BY_LINE:
            rest = first.removeprefix(word)
            cases += [Case(line, f"SELECT {text}{rest}", BY_LINE[word]) for line, text in body]
        else:
            raise ValueError(f"{path}:{number}: a block cannot begin with {first!r}")
    return SltFile(path.stem, "\n".join(setup), tuple(cases))


def _blocks(path: Path) -> Iterator[tuple[int, str, list[tuple[int, str]]]]:
    """Yield the number and text of the first line of each block, and its other lines with their numbers."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*path.read_text().splitlines(), ""], start=1):
        if line.startswith("#"):
            continue
        if line.strip():
            block.append((number, line))
        elif block:
            (first_number, first), *body = block
            yield first_number, first, body
            block = []


def _joined(body: list[tuple[int, str]]) -> str:
    return "\n".join(text for _, text in body)
