"""A cursor that puts values into its statements as psycopg's does under Django."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from psycopg.sql import Composable

from rail_forge import dbapi
from rail_forge.dbapi._placeholders import with_literals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rail_forge.dbapi._placeholders import Parameters

    from .base import DatabaseWrapper
    from .values import Values


class Cursor(dbapi.Cursor):
    """A cursor of a Django connection. `executed` is the last statement, with its values in it."""

    def __init__(self, wrapper: DatabaseWrapper, connection: dbapi.Connection, values: Values) -> None:
        super().__init__(connection)
        self._wrapper = wrapper
        self._values = values
        self.executed: str | None = None
        self.reader_of = values.reader_of
        self.has_time_zones = values.timezone is not None

    def execute(self, operation: Any, parameters: Parameters | None = None) -> Self:
        """Execute a statement; what would change something is refused with the name of the primary."""
        sql = _text(operation)
        if parameters is not None:
            sql = with_literals(sql, parameters, self._values.literal)
        self.executed = sql
        try:
            return super().execute(sql)
        except dbapi.NotSupportedError as error:
            if error.reason == "READ_ONLY":
                raise self._wrapper.refusal(sql.split(maxsplit=1)[0].upper()) from error
            raise

    def executemany(self, operation: Any, seq_of_parameters: Iterable[Parameters]) -> None:
        """Execute a statement once for each set of values, which is for statements that change rows."""
        for parameters in seq_of_parameters:
            self.execute(operation, parameters)

    def callproc(self, name: str, args: Iterable[object] | None = None) -> Any:  # noqa: ARG002 - PEP 249
        """Refuse, since procedures are PostgreSQL's."""
        raise self._wrapper.refusal(f"the procedure {name}")


def _text(operation: Any) -> str:
    """Return a statement as text, however psycopg would take it."""
    match operation:
        case Composable():
            return operation.as_string(None)
        case bytes():
            return operation.decode()
        case _:
            return str(operation)
