"""Frames from querysets: their columns as Arrow, Polars or pandas, without a model or a row between.

A queryset of RailForge's comes as the server's own record batches. One of another database comes through its
rows, in columns of the types that the fields say.
"""

from __future__ import annotations

import asyncio
import weakref
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from contextvars import Context as Surroundings
from contextvars import copy_context
from dataclasses import dataclass
from decimal import Context, Decimal
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
from django.core.exceptions import FieldError
from django.db import connections, models
from django.db.models.expressions import Col, ColPairs
from django.db.models.query import ModelIterable
from psycopg.postgres import types as postgres_types

from rail_forge._polars import as_polars

from .base import DatabaseWrapper

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Callable,
        Generator,
        Iterable,
        Iterator,
        Sequence,
    )
    from datetime import datetime

    import pandas as pd
    import polars as pl

    Chunks = Callable[[pa.Schema, Iterable[pa.RecordBatch]], Iterator[bytes]]

T = TypeVar("T")

# Rows of another database that become one batch.
_ROWS_OF_BATCH = 50_000
# As the server has what is computed of numerics.
_COMPUTED_DECIMAL = pa.decimal128(38, 20)
_LAST_DECIMAL, _DECIMALS = Decimal(1).scaleb(-20), Context(prec=38)
# As the server has sums of what is a bigint, which PostgreSQL gives as numeric.
_SUM_OF_INTEGERS = pa.decimal128(29, 0)
_INTEGERS = {
    "AutoField": pa.int32(),
    "BigAutoField": pa.int64(),
    "BigIntegerField": pa.int64(),
    "IntegerField": pa.int32(),
    "PositiveBigIntegerField": pa.int64(),
    "PositiveIntegerField": pa.int32(),
    "PositiveSmallIntegerField": pa.int16(),
    "SmallAutoField": pa.int16(),
    "SmallIntegerField": pa.int16(),
}
_TYPES = {
    **_INTEGERS,
    "BinaryField": pa.binary(),
    "BooleanField": pa.bool_(),
    "DateField": pa.date32(),
    "DateTimeField": pa.timestamp("us", tz="UTC"),
    "DurationField": pa.month_day_nano_interval(),
    "FloatField": pa.float64(),
    "TimeField": pa.time64("us"),
}
# What PostgreSQL computes is of the types that it says, such as a numeric for Django's average of integers.
_NUMERIC = postgres_types["numeric"].oid
_COMPUTED_NUMBERS = {
    postgres_types["int2"].oid: pa.int16(),
    postgres_types["int4"].oid: pa.int32(),
    postgres_types["int8"].oid: pa.int64(),
    postgres_types["float4"].oid: pa.float32(),
    postgres_types["float8"].oid: pa.float64(),
}


class FramesMixin:
    """Methods of a queryset, or of a manager made of one, that give its rows as frames."""

    def to_arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        return to_arrow(_queryset(self))

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a Polars frame."""
        return to_polars(_queryset(self))

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a pandas frame with Arrow-backed columns."""
        return to_pandas(_queryset(self))

    def iter_batches(self) -> Iterator[pa.RecordBatch]:
        """Iterate over the rows as record batches, keeping none."""
        return iter_batches(_queryset(self))

    def aiter_batches(self) -> AsyncIterator[pa.RecordBatch]:
        """Iterate over the rows as record batches, keeping none, without blocking the event loop."""
        return aiter_batches(_queryset(self))


def to_arrow(queryset: models.QuerySet[Any]) -> pa.Table:
    """Return a queryset's rows as an Arrow table.

    Its columns are those of `values()` where that was called, and otherwise the model's own fields by the
    names of their columns, such as `customer_id`, and what was annotated. `select_related` and
    `prefetch_related` add none.
    """
    rows = rows_of(queryset)
    return pa.Table.from_batches(rows.batches, schema=rows.schema)


def to_polars(queryset: models.QuerySet[Any]) -> pl.DataFrame:
    """Return a queryset's rows as a Polars frame; see `to_arrow` for its columns."""
    import polars as pl  # noqa: F401, PLC0415 - an optional dependency, missed before anything is read

    return as_polars(to_arrow(queryset))


def to_pandas(queryset: models.QuerySet[Any]) -> pd.DataFrame:
    """Return a queryset's rows as a pandas frame of Arrow-backed columns; see `to_arrow` for these."""
    import pandas as pd  # noqa: PLC0415 - an optional dependency

    return to_arrow(queryset).to_pandas(types_mapper=pd.ArrowDtype)


def iter_batches(queryset: models.QuerySet[Any]) -> Generator[pa.RecordBatch, None, None]:
    """Iterate over a queryset's rows as record batches, keeping none; see `to_arrow` for their columns."""
    yield from rows_of(queryset).batches


def aiter_batches(queryset: models.QuerySet[Any]) -> AsyncIterator[pa.RecordBatch]:
    """Iterate over a queryset's rows as record batches, without blocking the event loop."""
    return _OnThread(queryset, lambda rows: rows.batches)


async def aiter_chunks(queryset: models.QuerySet[Any], chunks: Chunks) -> tuple[Read, AsyncIterator[bytes]]:
    """Return a queryset's rows, and an iterator over what `chunks` makes of their schema and batches.

    The query has been answered then, as far as its first rows, which are for the iterator alone.
    """

    def answered(rows: Read) -> Iterator[Any]:
        made = chunks(rows.schema, rows.batches)
        yield rows  # the query is answered
        yield from made

    begun = _OnThread(queryset, answered)
    return await anext(begun), begun


class _OnThread(Generic[T]):
    """Iterates over what a thread makes of a queryset's rows: Django's connections are a thread's own.

    What is around its making, such as `analytics()`, is around the thread's work. No generator: one that has
    begun ends with its event loop, and an `async` view has another for each request under WSGI.
    """

    def __init__(self, queryset: models.QuerySet[Any], made_of: Callable[[Read], Iterable[T]]) -> None:
        self._wanted: SimpleQueue[Future[T | None] | None] = SimpleQueue()
        self._query = _Query()
        queryset = queryset.using(queryset.db)  # a router is asked once, and here
        self._thread: Thread | None = Thread(
            target=_make,
            args=(_items(queryset, made_of, self._query), copy_context(), self._wanted),
            name="rail-forge batches",
            daemon=True,  # what cannot be cancelled goes on until it is answered
        )
        # Of a queue, because this may be called in the midst of anything, another finalizer's locks included.
        self._end = weakref.finalize(self, self._wanted.put, None)
        # At the end of the process nobody waits for it.
        self._end.atexit = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if not self._end.alive:
            raise StopAsyncIteration
        if self._thread is not None:
            self._thread.start()
            self._thread = None
        following: Future[T | None] = Future()
        self._wanted.put(following)
        try:
            item = await asyncio.wrap_future(following)
        except BaseException:
            self.close()
            raise
        if item is None:
            self.close()
            raise StopAsyncIteration
        return item

    def close(self) -> None:
        """Give up what is left, and the query where it is not answered yet."""
        self._end()
        self._query.cancel()

    async def aclose(self) -> None:
        """Give up what is left."""
        self.close()


class _Query:
    """The query of a thread, which others cancel: it does not begin then, or ends."""

    def __init__(self) -> None:
        self._is_cancelled = False
        self._cancel: Callable[[], None] | None = None

    def begin(self, cancel: Callable[[], None]) -> None:
        # What is written before the other is read is seen by one of the two threads at least.
        self._cancel = cancel
        if self._is_cancelled:
            raise CancelledError

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._cancel is not None:
            self._cancel()


def _items(
    queryset: models.QuerySet[Any], made_of: Callable[[Read], Iterable[T]], query: _Query
) -> Generator[T, None, None]:
    rows = rows_of(queryset, query.begin)
    try:
        yield from made_of(rows)
    finally:
        rows.close()


def _make(
    items: Generator[T, None, None], context: Surroundings, wanted: SimpleQueue[Future[T | None] | None]
) -> None:
    """Make the items that are wanted, until there are no more to be."""
    try:
        while (following := wanted.get()) is not None:
            if following.set_running_or_notify_cancel():
                try:
                    following.set_result(context.run(next, items, None))
                except BaseException as error:  # noqa: BLE001 - whoever waits raises it
                    following.set_exception(error)
            # Nothing of an item stays here until the next one.
            del following
    finally:
        try:
            items.close()
        finally:
            connections.close_all()  # this thread's, one of which may have said who is asking


@dataclass(frozen=True)
class Read:
    """The rows of a queryset: their schema, and their batches, which are read once, or closed.

    `as_of` is the moment that they are true for, where RailForge tells one.
    """

    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]
    close: Callable[[], None]
    as_of: datetime | None = None


def _queryset(queryset_or_manager: Any) -> models.QuerySet[Any]:
    queryset: models.QuerySet[Any] = queryset_or_manager.all()
    return queryset


def rows_of(
    queryset: models.QuerySet[Any], begin: Callable[[Callable[[], None]], None] | None = None
) -> Read:
    """Have a queryset's query answered, and return its rows as they come.

    `begin` is called before, with what cancels a query of RailForge's from any thread.
    """
    if issubclass(queryset._iterable_class, ModelIterable):  # noqa: SLF001 - nothing else tells
        queryset = queryset.all()
        _select_own_columns(queryset.query)
    connection = connections[queryset.db]
    # Also a query that Django knows to be empty has columns.
    compiler = queryset.query.get_compiler(connection=connection, elide_empty=False)
    sql, parameters = compiler.as_sql()
    names = _names(queryset, compiler)
    if isinstance(connection, DatabaseWrapper):
        return _of_railforge(connection, sql, parameters, names, begin)
    return _of_rows(connection, sql, parameters, names, compiler)


def _select_own_columns(query: Any) -> None:
    """Have a query, and those that a union is made of, select nothing of related models."""
    query.select_related = False
    for combined in query.combined_queries:
        _select_own_columns(combined)


@contextmanager
def _closed_on_failure(cursor: Any) -> Iterator[None]:
    try:
        yield
    except BaseException:
        cursor.close()
        raise


def _of_railforge(
    connection: DatabaseWrapper,
    sql: str,
    parameters: Any,
    names: Sequence[str],
    begin: Callable[[Callable[[], None]], None] | None,
) -> Read:
    cursor = connection.cursor()
    own = cursor.cursor
    with _closed_on_failure(cursor):
        if begin is not None:
            begin(own.cancel)
        cursor.execute(sql, parameters)
        # The columns behind the named ones are there for the order of distinct rows only.
        count = len(names)
        fields = list(own.result.schema)[:count]
        schema = pa.schema([field.with_name(name) for field, name in zip(fields, names, strict=True)])
        as_of = own.result.as_of

    def batches() -> Iterator[pa.RecordBatch]:
        with cursor:
            with connection.wrap_database_errors:
                arriving = own.fetch_record_batches()
            while True:
                with connection.wrap_database_errors:
                    batch = next(arriving, None)
                if batch is None:
                    return
                yield pa.RecordBatch.from_arrays(batch.columns[:count], schema=schema)

    return Read(schema, batches(), cursor.close, as_of and as_of.time)


def _of_rows(connection: Any, sql: str, parameters: Any, names: Sequence[str], compiler: Any) -> Read:
    has_cursors = not connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    cursor = connection.chunked_cursor() if has_cursors else connection.cursor()
    with _closed_on_failure(cursor):
        cursor.execute(sql, parameters)
        first = cursor.fetchmany(_ROWS_OF_BATCH)
        count = len(names)
        columns = list(zip(*first, strict=True))[:count] or [()] * count
        expressions = [column for selected, _, _ in compiler.select for column in _columns_of(selected)]
        codes = [column.type_code for column in cursor.description[:count]]
        types = [_type_of(*column) for column in zip(expressions, codes, columns, strict=True)]
        schema = pa.schema(list(zip(names, types, strict=True)))
    zone = ZoneInfo(connection.timezone_name)

    def batches() -> Iterator[pa.RecordBatch]:
        with cursor:
            rows = first
            while rows:
                values = zip(list(zip(*rows, strict=True))[:count], types, strict=True)
                arrays = [_array(column, kind, zone) for column, kind in values]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
                rows = cursor.fetchmany(_ROWS_OF_BATCH)

    return Read(schema, batches(), cursor.close)


def _names(queryset: models.QuerySet[Any], compiler: Any) -> list[str]:
    """Return the names of a query's columns, in their order in the SELECT."""
    query = queryset.query
    if issubclass(queryset._iterable_class, ModelIterable):  # noqa: SLF001 - nothing else tells
        columns = [compiler.select[position][0] for position in compiler.klass_info["select_fields"]]
        own = (column.target.attname for column in columns)
        return [*query.extra_select, *own, *query.annotation_select]
    names = query.selected or [*query.extra_select, *query.values_select, *query.annotation_select]
    named = zip(names, compiler.select, strict=True)
    return [one for name, (selected, _, _) in named for one in _names_of(name, selected)]


def _names_of(name: str, selected: Any) -> list[str]:
    """Return the names of the columns of one expression: a composite key has those of its fields."""
    return [target.attname for target in selected.targets] if isinstance(selected, ColPairs) else [name]


def _columns_of(selected: Any) -> list[Any]:
    return list(selected.get_cols()) if isinstance(selected, ColPairs) else [selected]


def _type_of(expression: Any, code: Any, values: Sequence[Any]) -> pa.DataType:
    """Return the Arrow type of an expression by its field; that of a text where no other is known.

    `code` is the database's own for the type. It says which number is computed: PostgreSQL's codes are OIDs.
    """
    try:
        kind = _type_of_field(expression.output_field)
    except (AttributeError, FieldError):
        kind = pa.string()
    if isinstance(expression, Col):
        return kind
    if code in _COMPUTED_NUMBERS:
        return _COMPUTED_NUMBERS[code]
    if pa.types.is_integer(kind):
        return _SUM_OF_INTEGERS if code == _NUMERIC else pa.int64()
    if pa.types.is_decimal(kind) or code == _NUMERIC:  # it may have more decimals than its field
        return _COMPUTED_DECIMAL
    if pa.types.is_timestamp(kind) and any(value is not None and value.tzinfo is None for value in values):
        return pa.timestamp("us")  # what was truncated shows a clock, as the server's answer does
    return kind


def _type_of_field(field: models.Field[Any, Any]) -> pa.DataType:
    target = getattr(field, "target_field", field)
    base = getattr(target, "base_field", None)
    if base is not None:
        return pa.list_(_type_of_field(base))
    kind = target.get_internal_type()
    if kind == "DecimalField":
        digits, places = target.max_digits, target.decimal_places
        return _COMPUTED_DECIMAL if digits is None or places is None else pa.decimal128(digits, places)
    return _TYPES.get(kind, pa.string())


def _array(values: Sequence[Any], kind: pa.DataType, zone: ZoneInfo) -> pa.Array:
    """Return a column of objects as psycopg gives them; moments without a zone are of `zone`."""
    if pa.types.is_string(kind):
        values = [value if value is None else str(value) for value in values]
    elif pa.types.is_integer(kind):  # some databases have decimals for these, and for floats
        values = [value if value is None else int(value) for value in values]
    elif pa.types.is_floating(kind):
        values = [value if value is None else float(value) for value in values]
    elif pa.types.is_timestamp(kind) and kind.tz is not None:
        values = [
            value if value is None or value.tzinfo is not None else value.replace(tzinfo=zone)
            for value in values
        ]
    elif kind == _COMPUTED_DECIMAL:
        values = [
            value if value is None else value.quantize(_LAST_DECIMAL, None, _DECIMALS) for value in values
        ]
    return pa.array(values, kind)
