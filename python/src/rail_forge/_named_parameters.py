"""`:name` in a query becomes `$1`, `$2`, ..., which is what the server knows.

A colon that means something else is left alone: within quotes, comments and dollar quotes, in a cast
(`x::date`), and behind an operand, where it is a slice (`a[1:n]`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What may hold a colon that is none of ours comes before what is; the rest of a text matches nothing.
_PART = re.compile(
    r"""
    [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
    | --[^\n]* | /\* | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
    | :: | := | (?<=[\w\])"]):
    | :(?P<name>[^\W\d]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")


def names_in(sql: str) -> list[str]:
    """Return the names that a query has, each once, in their order."""
    return list(dict.fromkeys(found["name"] for found in _find_names(sql)))


def positional(sql: str, params: Mapping[str, object]) -> tuple[str, list[object]]:
    """Return the query with `$1`, `$2`, ..., and their values; a name has one number wherever it stands.

    Raises ValueError when a name has no value, or a value's name is not in the query.
    """
    numbers: dict[str, int] = {}
    replaced, at = "", 0
    for found in _find_names(sql):
        name = found["name"]
        if name not in params:
            raise ValueError(f"no value is given for :{name}")
        replaced += f"{sql[at : found.start()]}${numbers.setdefault(name, len(numbers) + 1)}"
        at = found.end()
    unused = sorted(set(params) - set(numbers))
    if unused:
        raise ValueError(f"the query has no {', '.join(f':{name}' for name in unused)}")
    return replaced + sql[at:], [params[name] for name in numbers]


def _find_names(sql: str) -> Iterator[re.Match[str]]:
    """Find each `:name` that is one."""
    at = 0
    while (found := _PART.search(sql, at)) is not None:
        at = found.end()
        if found[0] == "/*":
            at = _end_of_comment(sql, at)
        elif found["name"] is not None:
            yield found


def _end_of_comment(sql: str, at: int) -> int:
    """Return where the comment ends whose text begins at `at`; as in PostgreSQL, comments nest."""
    depth = 1
    for mark in _COMMENT_MARK.finditer(sql, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(sql)
