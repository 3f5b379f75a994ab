"""What a statement that is made to do harm is, and what such statements are built from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Attack:
    """A statement, and the words of the error that ends it; without words it is answered."""

    sql: str
    words: str = ""
    params: Sequence[object] | None = None
    answer: object = None


# In which words they end.
CONSTANTS_LIMIT = "the constants of the statement are too large together"
COPIES = "is more than 4000 parts in its plan"
COLUMNS = "at most 1664 are allowed"
COMPLEX = "regular expression is too complex"
DEPTH = "stack depth limit exceeded"
LARGE_TEXT = "requested length too large"
MADE = "the values that a function makes are too large together"
OVERFLOW = "overflows numeric format"
PARENTHESES = "at most 32768 are read"
PARTS = "a text has more than 2097152 parts"
PLAN_STEPS = "at most 4000 steps are planned"
REPEATED = "can be repeated, as joins"
GROUPING_SETS = "at most 4096 are allowed"
NO_WINDOW = 'window "[vw]" does not exist'
NESTING = "at most 64 levels are planned"
OPERATORS = "at most 1000 are planned"
MEMORY = "memory_limit"
WORDS = "at most 131072 are read"
TIME = "stopped after 1 s .setting query_timeout"
EITHER = f"{MEMORY}|{TIME}"
WINDOW = f"{MEMORY}|{TIME}|the values of a window are too large together"
COPIED = f"{REPEATED}|{EITHER}"


def doubled(first: str, step: str, levels: int = 16) -> str:
    """WITH queries each of which names the one before it twice."""
    names = [f"c{level + 1} AS ({step.format(f'c{level}')})" for level in range(levels)]
    return f"WITH RECURSIVE c0 AS ({first}), {', '.join(names)} SELECT count(*) FROM c{levels}"


def chained(first: str, step: str, last: str, levels: int = 30) -> str:
    """WITH queries each of which computes a column by that of the one before it."""
    names = [f"c{level + 1} AS (SELECT {step} FROM c{level})" for level in range(levels)]
    return f"WITH c0 AS ({first}), {', '.join(names)} SELECT {last.format(f'c{levels}')}"


def recursive(first: str, step: str, last: str) -> str:
    return f"WITH RECURSIVE r(x) AS ({first} UNION ALL {step}) {last}"


def several(text: str, count: int, separator: str = ", ") -> str:
    return separator.join([text] * count)


def listed(text: str, count: int, separator: str = ", ") -> str:
    return separator.join(text.format(number) for number in range(1, count + 1))
