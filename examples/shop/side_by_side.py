"""One question, asked of RailForge and of PostgreSQL: how long each takes, and whether both say the same.

The same SQL text goes to both. RailForge's answer becomes a Polars frame, PostgreSQL's a list of tuples: what
a Python program would work with in either case. Answers that are not the same in every row and every digit
are no answers: `ask` raises.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import polars as pl
    import psycopg

    from rail_forge import AsOf, Client

WARM_RUNS = 3
COMMENT = "--"

Given = TypeVar("Given")


class DifferentAnswersError(Exception):
    """RailForge and PostgreSQL did not give the same; the message shows where."""


@dataclass(frozen=True)
class Question:
    """A query with the words that introduce it."""

    title: str
    note: str
    sql: str

    @classmethod
    def read(cls, path: Path) -> Question:
        """Read a file whose first line is the title and whose second line is the note, as SQL comments."""
        sql = path.read_text()
        title, note, *_ = sql.splitlines()
        return cls(title.removeprefix(COMMENT).strip(), note.removeprefix(COMMENT).strip(), sql)


@dataclass(frozen=True)
class Timing:
    """Seconds of the first run, and the median of the runs after it."""

    first_s: float
    warm_s: float


@dataclass(frozen=True)
class Answer:
    """What RailForge answered, and how long both took."""

    frame: pl.DataFrame
    as_of: AsOf
    engine: str
    rail_forge: Timing
    postgres: Timing


def ask(question: Question, client: Client, connection: psycopg.Connection) -> Answer:
    """Ask both, and raise DifferentAnswersError unless they agree."""

    def ask_rail_forge() -> tuple[pl.DataFrame, AsOf | None, str]:
        result = client.sql(question.sql)
        return result.polars(), result.as_of, result.engine

    def ask_postgres() -> tuple[list[str], list[tuple[object, ...]]]:
        cursor = connection.execute(question.sql.encode())
        return [column.name for column in cursor.description or ()], cursor.fetchall()

    rail_forge, (frame, as_of, engine) = _timed(ask_rail_forge)
    postgres, (names, rows) = _timed(ask_postgres)
    _compare(question, "columns", frame.columns, names)
    _compare(question, "rows", frame.rows(), rows)
    if as_of is None:
        raise DifferentAnswersError(f"{question.title}: RailForge does not say what moment its answer is of")
    return Answer(frame, as_of, engine, rail_forge, postgres)


def _timed(work: Callable[[], Given]) -> tuple[Timing, Given]:
    seconds = []
    for _ in range(1 + WARM_RUNS):
        started = time.perf_counter()
        given = work()
        seconds.append(time.perf_counter() - started)
    return Timing(seconds[0], statistics.median(seconds[1:])), given


def _compare(question: Question, what: str, ours: Sequence[object], theirs: Sequence[object]) -> None:
    if len(ours) != len(theirs):
        raise DifferentAnswersError(
            f"{question.title}: RailForge gives {len(ours)} {what}, PostgreSQL {len(theirs)}"
        )
    for number, (our, their) in enumerate(zip(ours, theirs, strict=True), 1):
        if _comparable(our) != _comparable(their):
            raise DifferentAnswersError(
                f"{question.title}: of {len(ours)} {what}, number {number} differs\n"
                f"  RailForge:  {our!r}\n  PostgreSQL: {their!r}"
            )


def _comparable(value: object) -> object:
    """The value under the one type of its kind.

    Whole numbers become decimals, because PostgreSQL's sum of bigints is a numeric; moments are told in UTC.
    Nothing is rounded, and a value never equals one of another kind, as True and 1 do in Python.
    """
    if isinstance(value, tuple):
        return tuple(_comparable(each) for each in value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    elif isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
    return type(value), value
