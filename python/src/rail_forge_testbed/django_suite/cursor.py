"""A cursor that sends reads to RailForge, and everything else to the writer."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from psycopg.pq import TransactionStatus

from rail_forge import dbapi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import DatabaseWrapper

# A file to which the statements are written that RailForge answers with an error.
REFUSED_VARIABLE = "RAIL_FORGE_SUITE_REFUSED"

_READS = re.compile(r"[\s(]*(?:SELECT|WITH|VALUES|EXPLAIN)\b", re.IGNORECASE)
# What reads PostgreSQL's own state, locks rows or changes something: no matter for RailForge.
_OF_THE_WRITER = re.compile(
    r"\bpg_|\binformation_schema\b|\bset_config\b|\bcurrent_setting\b|\btxid_"
    r"|\b(?:next|set|curr)val\b|\bFOR (?:NO KEY )?UPDATE\b|\bINSERT INTO\b",
    re.IGNORECASE,
)


class RoutingCursor:
    """A cursor that is the writer's or RailForge's, as its statement asks for."""

    def __init__(self, wrapper: DatabaseWrapper, writing: Any, reading: Any) -> None:
        self._wrapper = wrapper
        self._writing = writing
        self._reading = reading
        self._current = writing

    @property
    def executed(self) -> str | None:
        """The statement that was sent, with its values in it."""
        if self._current is self._reading:
            sent: str | None = self._reading.executed
            return sent
        query = self._writing._query  # noqa: SLF001 - as Django does
        return query.query.decode() if query and query.query is not None else None

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        """Execute a statement where it belongs."""
        statement = (
            str(operation) if isinstance(operation, str) else operation.as_string(self._writing.connection)
        )
        mirror = self._wrapper.mirror
        aborted = self._writing.connection.info.transaction_status == TransactionStatus.INERROR
        if mirror is None or aborted or not _READS.match(statement) or _OF_THE_WRITER.search(statement):
            self._current = self._writing
            try:
                return self._writing.execute(operation, parameters)
            finally:
                if mirror is not None and not _READS.match(statement):
                    self._wrapper.touched |= mirror.touched(statement)
        mirror.bring_up_to_date(self._writing.connection, statement)
        self._current = self._reading
        try:
            return self._reading.execute(statement, parameters)
        except dbapi.Error as error:
            refused = os.environ.get(REFUSED_VARIABLE)
            if refused:
                with Path(refused).open("a") as file:
                    file.write(f"-- {error}\n{self._reading.executed};\n")
            raise

    def executemany(self, operation: Any, seq_of_parameters: Any) -> Any:
        """Execute a statement for each set of values."""
        for parameters in seq_of_parameters:
            self.execute(operation, parameters)

    def close(self) -> None:
        """Close both."""
        self._reading.close()
        self._writing.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._current)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
