"""`%s` and `%(name)s` in a statement become `$1`, `$2`, ..., which is what the server knows, or literals.

As in psycopg, a percent sign means one wherever it stands, also within quotes and comments, and is written
`%%`; a statement that is given no parameters at all is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ._exceptions import ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Parameters: TypeAlias = Sequence[object] | Mapping[str, object]

_PLACEHOLDER = re.compile(r"%(?:%|\((?P<name>[^)]*)\)s|s|(?P<other>.?))", re.DOTALL)


def positional(sql: str, parameters: Parameters) -> tuple[str, list[object]]:
    """Return the statement with `$1`, `$2`, ..., and their values; a name has one number wherever it stands.

    Raises ProgrammingError when placeholders and values do not go together.
    """
    values: list[object] = []
    numbers: dict[str, int] = {}

    def number(value: object, name: str | None) -> str:
        known = None if name is None else numbers.get(name)
        if known is None:
            values.append(value)
            known = len(values)
        if name is not None:
            numbers[name] = known
        return f"${known}"

    return _replaced(sql, parameters, number), values


def with_literals(sql: str, parameters: Parameters, literal: Callable[[object], str]) -> str:
    """Return the statement with its values in it, each as `literal` writes it.

    Raises ProgrammingError when placeholders and values do not go together.
    """
    return _replaced(sql, parameters, lambda value, _name: literal(value))


def _replaced(sql: str, parameters: Parameters, write: Callable[[object, str | None], str]) -> str:
    """Return the statement with what `write` makes of the value, and the name, of each placeholder."""
    named = isinstance(parameters, Mapping)
    if not named and (
        not isinstance(parameters, Sequence) or isinstance(parameters, (str, bytes, bytearray, memoryview))
    ):
        kind = type(parameters).__name__
        raise ProgrammingError(f"parameters are a sequence or a mapping of values, not a {kind}")
    count = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal count
        name = found["name"]
        if found[0] == "%%":
            return "%"
        if found["other"] is not None:
            raise ProgrammingError(
                f"%{found['other']} is no placeholder: write %s, %(name)s, or %% for a percent sign"
            )
        if (name is not None) != named:
            raise ProgrammingError(
                "%s takes a sequence of values, and %(name)s a mapping of values by their names"
            )
        if isinstance(parameters, Mapping):
            if name not in parameters:
                raise ProgrammingError(f"no value is given for %({name})s")
            return write(parameters[name], name)
        count += 1
        return write(parameters[count - 1], None) if count <= len(parameters) else ""

    replaced = _PLACEHOLDER.sub(replace, sql)
    if not named and count != len(parameters):
        raise ProgrammingError(
            f"the statement has {count} placeholders, and {len(parameters)} values are given"
        )
    return replaced
