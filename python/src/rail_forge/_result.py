"""The result of a query: what it is before it is read, and the frames that it can be read into."""

from __future__ import annotations

import json
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from ._as_of import AsOf, read_as_of
from ._errors import Error, ServerError, expected
from ._html import SHOWN_ROWS, as_html
from ._polars import as_polars
from ._progress import ResultProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    import pandas as pd
    import polars as pl
    from pyarrow import flight

    from ._connection import BatchStream, Connection

_COLUMNS_IN_REPR = 8


class Result:
    """One query's result, computed on one moment of the database and read when it is first asked for.

    `arrow()`, `polars()`, `pandas()` and `rows()` read it whole and keep it, so they can be called in any
    order and again. `batches()` reads it without keeping it, once. A result that is closed or dropped before
    it was read to its end tells the server to stop. Not to be shared between threads.
    """

    def __init__(self, connection: Connection, plan: Callable[[], flight.FlightInfo]) -> None:
        self._plan = plan
        info = plan()
        # Weakly, so that a result that is dropped is closed at once.
        this = weakref.ref(self)
        self._stream = connection.read(info.endpoints, lambda: _plan_again(this))
        self._shows_progress = connection.progress
        self._taken = False
        self._table: pa.Table | None = None
        self._info = info

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns' names and Arrow types, known without reading."""
        return self._info.schema

    @property
    def as_of(self) -> AsOf | None:
        """The database's moment that the result is true for; None when it depends on no table."""
        with expected("description of a result"):
            return read_as_of(self._origin())

    @property
    def engine(self) -> str:
        """What computed the result: `datafusion`, or `postgres` for what was handed on to PostgreSQL."""
        with expected("description of a result"):
            engine: str = self._origin()["engine"]
        return engine

    def _origin(self) -> dict[str, Any]:
        origin: dict[str, Any] = json.loads(self._info.app_metadata)
        return origin

    def arrow(self) -> pa.Table:
        """Return the result as an Arrow table, which shares the memory that it arrived in."""
        if self._table is None:
            with ResultProgress(on=self._shows_progress) as progress:
                batches = self._take_stream().read_all(progress)
            # The batches have it, too, and for small results it takes long to read.
            self._table = pa.Table.from_batches(batches, schema=None if batches else self.schema)
        return self._table

    def polars(self) -> pl.DataFrame:
        """Return the result as a Polars frame, which shares the Arrow table's memory where Polars can.

        Intervals and numerics of more than 38 digits, which Polars does not have, are PostgreSQL's text.
        """
        try:
            import polars as pl  # noqa: F401, PLC0415 - an optional dependency, missed before anything is read
        except ModuleNotFoundError as error:
            raise _missing("polars") from error
        return as_polars(self.arrow())

    def pandas(self) -> pd.DataFrame:
        """Return the result as a pandas frame with Arrow-backed columns, so that types and NULLs stay."""
        try:
            import pandas as pd  # noqa: PLC0415 - an optional dependency
        except ModuleNotFoundError as error:
            raise _missing("pandas") from error
        return self.arrow().to_pandas(types_mapper=pd.ArrowDtype)

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the result as tuples; for small results, since every value becomes a Python object."""
        table = self.arrow()
        if table.num_columns == 0:  # zip() would lose the rows of `SELECT FROM orders`
            return [()] * table.num_rows
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Iterate over the record batches as they arrive, keeping none; leaving the loop stops the server."""
        if self._table is not None:
            return iter(self._table.to_batches())
        return self._streamed(self._take_stream())

    def close(self) -> None:
        """Stop the server if it is still sending. What was read stays; what was not is gone."""
        self._stream.cancel()
        self._taken = True

    def _take_stream(self) -> BatchStream:
        self._stream.failure.check()
        if self._taken:
            raise Error(
                "this result is gone: it was streamed by batches(), closed or interrupted; "
                "run the query again, and call arrow() first to keep its result"
            )
        self._taken = True
        return self._stream

    def _streamed(self, stream: BatchStream) -> Iterator[pa.RecordBatch]:
        # A method, so that the iterator keeps this result, and with it the stream, from being dropped.
        try:
            yield from stream
        finally:
            stream.cancel()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Hand the result to any Arrow library, as often as it asks; reads it whole, as `arrow()` does."""
        return self.arrow().__arrow_c_stream__(requested_schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_stream"):  # the query could be planned
            self.close()

    def _repr_html_(self) -> str | None:
        """Return the first rows for a notebook, without reading more; None when they cannot be read."""
        if self._table is None and self._taken:
            return None
        if self._table is not None:
            batches, count = self._table.slice(0, SHOWN_ROWS).to_batches(), self._table.num_rows
        else:
            batches, is_whole = self._stream.look_ahead(SHOWN_ROWS + 1)
            count = sum(batch.num_rows for batch in batches) if is_whole else None
        return as_html(pa.Table.from_batches(batches, schema=self.schema), count, self.as_of, self.engine)

    def __repr__(self) -> str:
        columns = [f"{field.name} {field.type}" for field in self.schema]
        if len(columns) > _COLUMNS_IN_REPR:
            columns[_COLUMNS_IN_REPR:] = [f"{len(columns) - _COLUMNS_IN_REPR} more"]
        as_of = self.as_of
        moment = f", as of {as_of.time.isoformat()} at {as_of.lsn}" if as_of else ""
        size = "not read" if self._table is None else f"{self._table.num_rows} rows"
        return f"<rail_forge.Result: {size}, by {self.engine}{moment}; {', '.join(columns)}>"


def _plan_again(this: weakref.ref[Result]) -> Sequence[flight.FlightEndpoint]:
    """Plan the query of a result once more and return where to read it; the result is of that moment."""
    result = this()
    if result is None:
        raise Error("this result is gone")
    info = result._plan()  # noqa: SLF001 - a result's own
    if not info.schema.equals(result.schema):
        raise ServerError("the tables have changed since the query was planned: run it again")
    result._info = info  # noqa: SLF001 - a result's own
    endpoints: Sequence[flight.FlightEndpoint] = info.endpoints
    return endpoints


def _missing(package: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"Result.{package}() needs {package}: pip install rail-forge[{package}]", name=package
    )
