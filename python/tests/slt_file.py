"""Files of SQL statements that RailForge and PostgreSQL are both asked.

A file is about one topic. It consists of blocks with an empty line between them; the first line of a block
says what it is. Lines that begin with `#` say why.

    setup                             statements for PostgreSQL, which make the tables that the file works on
    query                             one statement: the same rows in the same order
    query rowsort                     one statement: the same rows in any order
    expressions [FROM ...]            an expression on each line, asked as `SELECT expression FROM ...`
    errors [FROM ...]                 likewise, but both must refuse each
    error                             one statement that both must refuse
    differs CAUSE                     one statement whose answers differ so far, or that one of them refuses
    differences CAUSE [FROM ...]      likewise, an expression on each line

What a statement's answer is, no file says: PostgreSQL does. A difference that has gone fails its test, so
that the statement is moved to where it belongs. `causes.toml`, beside the files, says what the causes are.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "slt"

# How an answer of RailForge differs: both answer; RailForge alone refuses; PostgreSQL alone refuses; both
# answer, and the values are the same in another form.
Severity = Literal["wrong", "refused", "accepted", "form"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
Expectation = Literal["same", "same in any order", "both refuse"] | Severity

WHOLE: dict[str, Expectation] = {
    "query": "same",
    "query rowsort": "same in any order",
    "error": "both refuse",
}
BY_LINE: dict[str, Expectation] = {"expressions": "same", "errors": "both refuse"}


@dataclass(frozen=True)
class Cause:
    """Why statements differ, as the page on compatibility tells it in Markdown."""

    severity: Severity
    what: str
    postgresql: str
    rail_forge: str

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"{self.severity!r} is none of {', '.join(SEVERITIES)}")


@dataclass(frozen=True)
class Case:
    """A statement, and what is expected of the two answers; where they differ, the name of the cause."""

    line: int
    sql: str
    expectation: Expectation
    cause: str = ""


@dataclass(frozen=True)
class SltFile:
    """What a file says."""

    name: str
    setup: str
    cases: tuple[Case, ...]


def read_all() -> list[SltFile]:
    """Read every file."""
    return [read_slt(path) for path in sorted(FOLDER.glob("*.slt"))]


@cache
def read_causes() -> dict[str, Cause]:
    """Read the causes by their names."""
    tables = tomllib.loads((FOLDER / "causes.toml").read_text())
    return {name: Cause(**table) for name, table in tables.items()}


def read_slt(path: Path) -> SltFile:
    """Read a file."""
    setup: list[str] = []
    cases: list[Case] = []
    for number, first, body in _blocks(path):
        if first == "setup":
            setup.append(_joined(body))
            continue
        try:
            cases += _cases(number, first, body)
        except KeyError:
            raise ValueError(f"{path}:{number}: a block cannot begin with {first!r}") from None
    return SltFile(path.stem, "\n".join(setup), tuple(cases))


def _cases(number: int, first: str, body: list[tuple[int, str]]) -> list[Case]:
    if first in WHOLE:
        return [Case(number, _joined(body), WHOLE[first])]
    word, _, rest = first.partition(" ")
    if word in ("differs", "differences"):
        cause, _, rest = rest.partition(" ")
        expectation: Expectation = read_causes()[cause].severity
    else:
        cause, expectation = "", BY_LINE[word]
    if word == "differs":
        return [Case(number, _joined(body), expectation, cause)]
    return [Case(line, f"SELECT {text} {rest}".rstrip(), expectation, cause) for line, text in body]


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
