"""Values of every type as Arrow's JDBC driver gets them, against what PostgreSQL prints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from comparison import connect_as_reference
from conftest import NO_REFRESH, refresh, run
from java import JavaError, JavaObject, calendar, java_class, jdbc_url, labels, time_zone
from pyarrow import flight
from type_catalogue import TypeCatalogue, refusals
from type_tables import TABLES, Column, create_tables, read_columns
from type_values import OWN_TYPES
from wire_types import element_type, is_any_decimal, with_decimals

from rail_forge_testbed.postgres_text import array_text, texts
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase, Serve, Served
    from java import Jvm

    from rail_forge_testbed.postgres import EmbeddedPostgres

ISO_INTERVAL = re.compile(
    r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?[\d.]+)S)?)?"
)
# Java's calendar is the Julian one before, and `java.sql.Date` prints no era.
FIRST_YEAR, LAST_YEAR = 1583, 9999
LARGEST_INT = 2**31 - 1
MONTHS_OF_YEAR = 12


@dataclass(frozen=True)
class Everything:
    """A database with a column of every type, and a server that has pulled it."""

    server: RailForgeServer
    columns: dict[str, list[Column]]
    types: TypeCatalogue
    schemas: dict[str, pa.Schema]


@pytest.fixture(scope="module")
def everything(own_postgres: EmbeddedPostgres) -> Iterator[Everything]:
    url = own_postgres.create_database("jdbc_types")
    run(url, *OWN_TYPES)
    with connect_as_reference(url) as reference:
        reference.execute("SET default_transaction_read_only = off")
        types = TypeCatalogue.read(reference)
        refused = refusals(reference, types)
        members = [name for name in types.types if name not in refused and types.has_samples(name)]
        create_tables(reference, types, members)
        columns = {table: read_columns(reference, types, table) for table in TABLES}
    with RailForgeServer({"types": url}, arguments=NO_REFRESH) as server:
        refresh(server)
        with flight.connect(server.flight) as stock:
            schemas = {
                table: stock.get_schema(flight.FlightDescriptor.for_path("public", table)).schema
                for table in TABLES
            }
        yield Everything(server, columns, types, schemas)


@pytest.fixture(scope="module")
def connection(jvm: Jvm, everything: Everything) -> Iterator[JavaObject]:
    with jvm.connected(jdbc_url(everything.server)) as opened:
        yield opened


def getter(data_type: pa.DataType) -> str:
    """How a program in Java reads a column of this type without losing anything of it."""
    for is_of_type, name in (
        (pa.types.is_boolean, "getBoolean"),
        (pa.types.is_integer, "getLong"),
        (pa.types.is_float32, "getFloat"),
        (pa.types.is_float64, "getDouble"),
        (pa.types.is_decimal, "getBigDecimal"),
        (pa.types.is_binary, "getBytes"),
        (pa.types.is_date, "getDate"),
        (pa.types.is_time, "getTime"),
        (pa.types.is_timestamp, "getTimestamp"),
        (pa.types.is_list, "getArray"),
    ):
        if is_of_type(data_type):
            return name
    return "getString"


def shown(value: Any, data_type: pa.DataType) -> str | None:
    """A value of Java's as PostgreSQL prints it."""
    if value is None:
        return None
    if pa.types.is_list(data_type):
        element = data_type.value_type
        printed = [shown(each, element) for each in value]
        return array_text([text[:1] if pa.types.is_boolean(element) and text else text for text in printed])
    if data_type == pa.month_day_nano_interval():
        value = interval(value)
    elif isinstance(value, date | time):
        return fraction_shortened(value.isoformat(*([" "] if isinstance(value, datetime) else []))) + (
            "+00" if pa.types.is_timestamp(data_type) and data_type.tz else ""
        )
    [text] = texts(pa.chunked_array([[value]], data_type))
    return text


def interval(text: str) -> pa.MonthDayNano:
    found = ISO_INTERVAL.fullmatch(text)
    assert found is not None, text
    years, months, days, hours, minutes = (int(part or 0) for part in found.groups()[:5])
    seconds = (hours * 60 + minutes) * 60 + Decimal(found[6] or 0)
    return pa.MonthDayNano([years * MONTHS_OF_YEAR + months, days, int(seconds * 1_000_000_000)])


def fraction_shortened(text: str) -> str:
    return re.sub(r"(\.\d*?)0+$", r"\1", text).removesuffix(".")


def expected(text: str, data_type: pa.DataType) -> str:
    """What PostgreSQL prints, as far as JDBC's types go."""
    if is_any_decimal(data_type):
        return with_decimals(text, element_type(data_type).scale)
    if pa.types.is_time(data_type):
        # java.sql.Time has milliseconds; in arrays there are other classes.
        return re.sub(
            r":\d\d\.\d+", lambda found: fraction_shortened(re.sub(r"(\.\d{3})\d+", r"\1", found[0])), text
        )
    return text


def is_beyond_java(text: str, data_type: pa.DataType) -> bool:
    element = element_type(data_type)
    if pa.types.is_unsigned_integer(element):
        # The driver takes the four bytes of an oid for a signed number.
        return any(int(number) > LARGEST_INT for number in re.findall(r"\d+", text))
    if not (pa.types.is_date(element) or pa.types.is_timestamp(element)):
        return False
    years = [int(year) for year in re.findall(r"(\d{4,})-\d\d-\d\d", text)]
    return "BC" in text or any(not FIRST_YEAR <= year <= LAST_YEAR for year in years)


@pytest.mark.parametrize("table", TABLES)
def test_cells_are_what_postgresql_prints(table: str, everything: Everything, connection: JavaObject) -> None:
    schema = everything.schemas[table]
    result = connection.createStatement().executeQuery(f"SELECT * FROM {table} ORDER BY id")
    assert labels(result) == schema.names
    rows = result.rows(*(getter(field.type) for field in schema))
    wrong, compared = [], 0
    for position, column in enumerate(everything.columns[table], start=1):
        data_type = schema.field(position).type
        for row, text in zip(rows, column.texts, strict=True):
            if text is not None and is_beyond_java(text, data_type):
                continue
            compared += 1
            value = row[position]
            if text is None:
                # Of primitive types, which have no NULL.
                got, wanted = value or None, None
            elif isinstance(value, JavaError):
                got, wanted = str(value), text
            else:
                got, wanted = shown(value, data_type), expected(text, data_type)
            if got != wanted:
                wrong.append(f"{column.name} {column.printed}: {got!r} instead of {wanted!r}")
    assert wrong == []
    assert compared > len(everything.columns[table])


@pytest.mark.parametrize("table", TABLES)
def test_every_cell_is_an_object_and_a_text(
    table: str, everything: Everything, connection: JavaObject
) -> None:
    schema = everything.schemas[table]
    result = connection.createStatement().executeQuery(f"SELECT * FROM {table} ORDER BY id")
    # This version of the driver has no object for a timestamp with a time zone.
    zoned = [pa.types.is_timestamp(field.type) and field.type.tz is not None for field in schema]
    getters = ["getTimestamp,getString" if is_zoned else "getObject,getString" for is_zoned in zoned]
    rows = result.rows(*getters)
    columns = {column.name: column.texts for column in everything.columns[table]}
    wrong = []
    for row_number, row in enumerate(rows):
        for position, field in enumerate(schema):
            if field.name == "id":
                continue
            pair = row[2 * position : 2 * position + 2]
            text = columns[field.name][row_number]
            is_wrong = any(
                isinstance(value, JavaError) or (value is None) != (text is None) for value in pair
            )
            if is_wrong or (pa.types.is_string(field.type) and pair != (text, text)):
                wrong.append(f"{field}: {text!r} is {pair}")
    assert wrong == []


NUMBERS = "SELECT 7::smallint AS a, 8 AS b, 9::bigint AS c, 1.50::numeric(12, 2) AS d, 2.5::real AS e"


@pytest.mark.parametrize(
    "name", ["getByte", "getShort", "getInt", "getLong", "getFloat", "getDouble", "getBigDecimal"]
)
def test_numbers_are_converted(name: str, connection: JavaObject) -> None:
    [row] = connection.createStatement().executeQuery(NUMBERS).rows(name)
    wanted = [7, 8, 9, 1.5, 2.5]
    if name in ("getByte", "getShort", "getInt", "getLong"):
        wanted = [int(number) for number in wanted]
    assert [float(number) for number in row] == wanted


@pytest.fixture(scope="module")
def shop_connection(jvm: Jvm, shop: Served) -> Iterator[JavaObject]:
    with jvm.connected(jdbc_url(shop.server)) as opened:
        yield opened


def test_nulls_of_primitive_types(shop_connection: JavaObject) -> None:
    sql = "SELECT NULL::integer AS i, NULL::boolean AS b, NULL AS nothing"
    result = shop_connection.createStatement().executeQuery(sql)
    assert result.next()
    for read in (result.getInt(1), result.getBoolean(2), result.getString(3), result.getObject(1)):
        assert not read
        assert result.wasNull()


def test_columns_are_found_by_their_names(shop_connection: JavaObject) -> None:
    """Those with a comment, too."""
    statement = shop_connection.createStatement()
    result = statement.executeQuery("SELECT id, total, total AS amount, region_id FROM orders WHERE id = 5")
    assert labels(result) == ["id", "total", "amount", "region_id"]
    assert result.next()
    assert result.getLong("id") == 5
    assert result.findColumn("region_id") == 4
    assert result.getBigDecimal("total") == result.getBigDecimal("amount")
    with pytest.raises(JavaError, match="not found"):
        result.getLong("none")


def test_what_is_told_of_columns(shop_connection: JavaObject) -> None:
    sql = 'SELECT o.id, total, placed_at, coupon, total * 2 AS twice, w."it\'s" FROM orders o, "Gift Wrap" w'
    told = shop_connection.createStatement().executeQuery(sql).getMetaData()
    names = ["getColumnName", "getColumnLabel", "getColumnType", "getPrecision", "getScale", "getTableName"]
    names += ["getSchemaName", "getCatalogName", "isReadOnly", "isCaseSensitive", "isAutoIncrement"]
    got = [tuple(getattr(told, name)(column) for name in names) for column in range(1, 7)]
    of_orders = ("orders", "public", "shop", True)
    assert got == [
        ("id", "id", -5, 19, 0, *of_orders, False, False),
        ("total", "total", 3, 12, 2, *of_orders, False, False),
        ("placed_at", "placed_at", 2014, 26, 6, *of_orders, False, False),
        ("coupon", "coupon", 12, 20, 0, *of_orders, True, False),
        ("twice", "twice", 3, 14, 2, None, None, None, True, False, False),
        ("it's", "it's", 16, 1, 0, "Gift Wrap", "public", "shop", True, False, False),
    ]


def test_the_same_is_told_before_it_runs(shop_connection: JavaObject) -> None:
    prepared = shop_connection.prepareStatement("SELECT id, total FROM orders WHERE id = ?")
    told = prepared.getMetaData()
    assert [told.getColumnLabel(column) for column in (1, 2)] == ["id", "total"]
    assert [told.getColumnType(column) for column in (1, 2)] == [-5, 3]
    parameters = prepared.getParameterMetaData()
    assert (parameters.getParameterCount(), parameters.getParameterType(1)) == (1, -5)
    prepared.close()


MOMENTS = """SELECT '2024-07-01 12:00:00.123456Z'::timestamptz AS zoned,
                    '2024-07-01 12:00:00.123456'::timestamp AS local"""


def test_moments(shop_connection: JavaObject, jvm: Jvm) -> None:
    moment = datetime(2024, 7, 1, 12, 0, 0, 123456)  # noqa: DTZ001 - as java.sql.Timestamp prints it
    zoned = {
        "java.time.OffsetDateTime": moment.replace(tzinfo=UTC),
        "java.time.Instant": moment.replace(tzinfo=UTC),
    }

    def result() -> JavaObject:
        opened = shop_connection.createStatement().executeQuery(MOMENTS)
        assert opened.next()
        assert isinstance(opened, JavaObject)
        return opened

    opened = result()
    assert opened.getTimestamp(1) == opened.getTimestamp(2) == opened.getObject(2) == moment
    for zone in ("America/New_York", "UTC"):
        # In another zone than UTC, this version of the driver is right with the newer classes alone.
        jvm.static("java.util.TimeZone").setDefault(time_zone(zone))
        opened = result()
        assert {name: opened.getObject(1, java_class(name)) for name in zoned} == zoned
        assert opened.getObject(2, java_class("java.time.LocalDateTime")) == moment
        for column in (1, 2):
            assert opened.getTimestamp(column, calendar("UTC")) == moment
            assert opened.getString(column) == str(moment)


def test_dates_and_times(new_database: NewDatabase, serve: Serve, jvm: Jvm) -> None:
    url = new_database(
        "CREATE TABLE t (day date, hour time, at timestamp)",
        "INSERT INTO t VALUES ('2024-02-29', '12:34:56.789012', '2024-02-29 23:59:59.999999')",
    )
    server = serve({"own": url})
    refresh(server)
    with jvm.connected(jdbc_url(server)) as connection:
        [row] = connection.createStatement().executeQuery("SELECT * FROM t").rows("getObject,getString")
    assert row == (
        *(date(2024, 2, 29), "2024-02-29"),
        *(time(12, 34, 56, 789000), "12:34:56.789"),
        *(datetime(2024, 2, 29, 23, 59, 59, 999999), "2024-02-29 23:59:59.999999"),  # noqa: DTZ001 - as above
    )
