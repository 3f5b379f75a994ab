"""A cursor: one statement at a time, whose rows become Python objects as they are fetched."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Self

from rail_forge._errors import QueryCancelled
from rail_forge._failure import Failure
from rail_forge._values import RowReader, type_name

from ._exceptions import InterfaceError, NotSupportedError, ProgrammingError, database_errors
from ._placeholders import positional

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    import pyarrow as pa

    from rail_forge import Result
    from rail_forge._values import Row

    from ._connection import Connection
    from ._placeholders import Parameters


class Column(NamedTuple):
    """One column of a cursor's `description`, as PEP 249 has it."""

    name: str
    type_code: str
    display_size: int | None
    internal_size: int | None
    precision: int | None
    scale: int | None
    null_ok: bool | None


class Cursor:
    """A cursor by PEP 249. Not to be shared between threads.

    Its rows arrive while they are fetched: a result may be larger than memory. One that is not fetched to its
    end stops the server when the cursor is closed, or executes something else. `reader_of` is the
    connection's unless it is set; timestamps with a time zone come without it, as the clocks there show,
    unless `has_time_zones`. `max_staleness` is the connection's unless it is set.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._closed = False
        # Since the last statement has ended.
        self._is_cancelled = False
        self._result: Result | None = None
        self._rows: _Rows | None = None
        self.arraysize = 1
        self.reader_of = connection.reader_of
        self.has_time_zones = True
        self.max_staleness = connection.max_staleness

    @property
    def connection(self) -> Connection:
        """The connection that the cursor is of."""
        return self._connection

    @property
    def description(self) -> list[Column] | None:
        """The columns of the result; None before a statement was executed."""
        return None if self._result is None else [_column(field) for field in self._result.schema]

    @property
    def rowcount(self) -> int:
        """How many rows the result has once all were fetched, and -1 before: they are not counted ahead."""
        return -1 if self._rows is None or not self._rows.ended else self._rows.fetched

    @property
    def rownumber(self) -> int | None:
        """How many rows were fetched; None before a statement was executed."""
        return None if self._rows is None else self._rows.fetched

    @property
    def result(self) -> Result:
        """The executed statement's result: its `as_of`, `engine` and `schema`."""
        self._check()
        if self._result is None:
            raise ProgrammingError("no statement was executed")
        return self._result

    def execute(self, operation: str, parameters: Parameters | None = None) -> Self:
        """Execute a statement with the values of its `%s` or `%(name)s`; return the cursor itself.

        Without parameters a percent sign stands for itself, and with them it is written `%%`.
        """
        self._check()
        if self._result is not None:
            self._end()
        with database_errors():
            sql, values = (operation, None) if parameters is None else positional(operation, parameters)
            try:
                self._begin(sql, values)
            except BaseException:
                # What the first rows fail with is an error of the statement, which then has no result.
                self._end()
                raise
        return self

    def _begin(self, sql: str, values: Sequence[object] | None) -> None:
        client = self._connection.client
        if self._is_cancelled:
            raise QueryCancelled("the statement was cancelled before it began")
        try:
            self._result = client.sql(sql, values, max_staleness=self.max_staleness)
        except (TypeError, ValueError) as error:
            raise ProgrammingError(str(error)) from error
        if self._is_cancelled:  # while it was planned
            self._result.close()
        self._rows = _Rows(self._result, self._reader(client.timezone))

    def executemany(self, operation: str, seq_of_parameters: Iterable[Parameters]) -> None:  # noqa: ARG002
        """Refuse: it is for changing many rows, and RailForge changes none."""
        self._check()
        raise NotSupportedError("executemany is for statements that change rows, and RailForge changes none")

    def fetchone(self) -> Row | None:
        """Return the next row; None when there is none. Raises as `fetchall` does."""
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return as many of the next rows, `arraysize` of them by default, and fewer at the end.

        Raises as `fetchall` does.
        """
        with database_errors():
            return self._fetched().take(self.arraysize if size is None else size)

    def fetchall(self) -> list[Row]:
        """Return all rows that are left.

        Raises DataError when a value is none that Python can hold, and ProgrammingError once batches were
        asked for.
        """
        with database_errors():
            return self._fetched().take(None)

    def fetch_arrow_table(self) -> pa.Table:
        """Return the whole result as an Arrow table; raises as `fetch_record_batches` does."""
        import pyarrow as pa  # noqa: PLC0415 - nothing else here needs it

        return pa.Table.from_batches(self.fetch_record_batches(), schema=self.result.schema)

    def fetch_record_batches(self) -> Iterator[pa.RecordBatch]:
        """Iterate over the record batches of the result as they arrive.

        Raises ProgrammingError once rows were fetched, or batches asked for.
        """
        with database_errors():
            return self._fetched().batches()

    def setinputsizes(self, sizes: Sequence[object]) -> None:
        """Do nothing, as PEP 249 allows."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing, as PEP 249 allows."""

    def cancel(self) -> None:
        """Cancel the statement that another thread executes, is about to, or fetches: it gets an error."""
        self._is_cancelled = True
        result = self._result  # which that thread may drop meanwhile
        if result is not None:
            result.close()

    def close(self) -> None:
        """Give up what was not fetched, and refuse further use. May be called again."""
        self._end()
        self._closed = True

    def _reader(self, timezone: str) -> RowReader:
        return RowReader(self.result.schema, timezone, self.reader_of, has_time_zones=self.has_time_zones)

    def _check(self) -> None:
        if self._closed:
            raise InterfaceError("this cursor is closed")
        self._connection.client  # noqa: B018 - raises once the connection is closed

    def _fetched(self) -> _Rows:
        self._check()
        if self._rows is None:
            raise ProgrammingError("no statement was executed, so there are no rows to fetch")
        return self._rows

    def _end(self) -> None:
        if self._result is not None:
            self._result.close()
        self._result = self._rows = None
        self._is_cancelled = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _Rows:
    """One result, given as rows or as batches; once reading it has failed, it fails again.

    It waits for the first batch. Nothing in it refers back to it, so that a cursor that is dropped stops the
    server at once.
    """

    def __init__(self, result: Result, reader: RowReader) -> None:
        arriving = result.batches()
        first = next(arriving, None)
        self._batches = arriving if first is None else chain([first], arriving)
        self._parts = chain.from_iterable(map(reader.rows, self._batches))
        self._part: list[Row] = []
        self._at = 0
        self._failure = Failure()
        self._as_batches = False
        self.fetched = 0
        self.ended = False

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the batches instead of the rows, of which none must have been fetched."""
        self._failure.check()
        if self._as_batches or self.fetched or self.ended:
            raise ProgrammingError("this result was fetched; execute the statement again for its batches")
        self._as_batches = True
        return self._counted()

    def take(self, size: int | None) -> list[Row]:
        """Return the next `size` rows, all that are left when None."""
        if self._as_batches:
            raise ProgrammingError("this result is fetched in batches; execute the statement again for rows")
        with self._failure:
            return self._take(size)

    def _counted(self) -> Iterator[pa.RecordBatch]:
        while True:
            with database_errors(), self._failure:
                batch = next(self._batches, None)
            if batch is None:
                self.ended = True
                return
            self.fetched += batch.num_rows
            yield batch

    def _take(self, size: int | None) -> list[Row]:
        taken: list[Row] = []
        while size is None or len(taken) < size:
            if self._at == len(self._part):
                part = next(self._parts, None)
                if part is None:
                    self.ended = True
                    break
                self._part, self._at = part, 0
            end = len(self._part) if size is None else min(len(self._part), self._at + size - len(taken))
            taken += self._part[self._at : end]
            self._at = end
        self.fetched += len(taken)
        return taken


def _column(field: pa.Field) -> Column:
    metadata = field.metadata or {}

    def number(key: str) -> int | None:
        told = metadata.get(f"ARROW:FLIGHT:SQL:{key}".encode())
        return None if told is None else int(told)

    name = type_name(field)
    precision, scale = number("PRECISION"), number("SCALE")
    is_text = name in {"text", "character varying", "character", "name"}
    return Column(
        field.name,
        name,
        None,
        precision if is_text else None,
        None if is_text else precision,
        None if is_text else scale,
        field.nullable,
    )
