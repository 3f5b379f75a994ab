"""Every cell arrives as PostgreSQL has it: the shop's, and the extremes of every type that is handled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from comparison import columns, connect_as_reference, first_difference, reference_rows
from conftest import NO_REFRESH, answer, refresh, run
from psycopg import sql

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from conftest import NewDatabase, Serve, Served

SHOP_TABLES = ["region", "category", "product", "customer", "orders", "order_line", "Gift Wrap"]

ARROW_TYPES = {
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "oid": pa.uint32(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "text": pa.string(),
    "name": pa.string(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "time without time zone": pa.time64("us"),
    "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "uuid": pa.string(),
    "json": pa.string(),
    "jsonb": pa.string(),
    "order_status": pa.string(),
    "mood": pa.string(),
}

# One column for each type, and its values: the extremes, an empty value, NULL.
EXTREMES = {
    "boolean": ["true", "false"],
    "smallint": ["-32768", "32767", "0"],
    "integer": ["-2147483648", "2147483647", "0"],
    "bigint": ["-9223372036854775808", "9223372036854775807", "0"],
    "oid": ["0", "4294967295"],
    "real": ["NaN", "Infinity", "-Infinity", "-0", "3.4028235e38", "1e-45", "0.1"],
    "double precision": ["NaN", "Infinity", "-Infinity", "-0", "1.7976931348623157e308", "5e-324", "0.1"],
    "numeric(12,2)": ["9999999999.99", "-9999999999.99", "0", "-0.01"],
    "numeric(38,10)": [
        "9999999999999999999999999999.9999999999",
        "-9999999999999999999999999999.9999999999",
        "0",
    ],
    "numeric(5,5)": ["0.99999", "-0.99999", "0.00001", "0"],
    "numeric(28,28)": ["0.9999999999999999999999999999", "-0.0000000000000000000000000001", "0"],
    "numeric(29,0)": ["99999999999999999999999999999", "-99999999999999999999999999999", "0"],
    "numeric(38,0)": ["99999999999999999999999999999999999999", "-1"],
    "text": ["", " ", "Grüße, 世界 😀", "line\nbreak\ttab", "NULL", '"quoted" \\ back', "e\u0301 \u200b"],
    "character varying(5)": ["", "ab   ", "世界世界世"],
    "character(5)": ["", "ab", "ä", "世界世界世"],
    "character(1)": ["", "x"],
    "bpchar": ["", "ab", "ab   "],
    "name": ["", "pg_class"],
    "bytea": ["", "\\x00", "\\xfffe00"],
    "date": ["0001-01-01", "1969-12-31", "9999-12-31"],
    "time without time zone": ["00:00:00", "23:59:59.999999"],
    "timestamp without time zone": [
        "0001-01-01 00:00:00",
        "1969-12-31 23:59:59.999999",
        "9999-12-31 23:59:59.999999",
    ],
    "timestamp with time zone": [
        "0001-01-01 00:00:00+00",
        "9999-12-31 23:59:59.999999+00",
        "2026-03-29 02:30+02",
    ],
    "uuid": ["00000000-0000-0000-0000-000000000000", "FFFFFFFF-ffff-4fff-8fff-ffffffffffff"],
    "json": ["null", '{"b": 1,   "a": 1.10, "a": 12345678901234567890.123}', '"\\u00e4"'],
    "jsonb": ["null", '{"b": 1,   "a": 1.10, "n": 12345678901234567890.123}', '"\\u00e4"'],
    "mood": ["sad", "it's ok"],
    "boolean[]": ["{}", "{t,f,NULL}"],
    "smallint[]": ["{}", "{-32768,NULL,32767}"],
    "integer[]": ["{}", "{-2147483648,NULL,2147483647}"],
    "bigint[]": ["{}", "{-9223372036854775808,NULL,9223372036854775807}"],
    "real[]": ["{}", "{NaN,NULL,-Infinity,0.1}"],
    "double precision[]": ["{}", "{NaN,NULL,-Infinity,0.1}"],
    "text[]": ["{}", '{"",NULL,"NULL","a,b","Grüße"}'],
    "character varying(5)[]": ["{}", "{NULL,NULL}", '{"世界"}'],
}


def arrow_type(printed: str) -> pa.DataType:
    """The Arrow type that a column of a PostgreSQL type, as PostgreSQL prints it, has on the wire."""
    if printed.endswith("[]"):
        return pa.list_(arrow_type(printed.removesuffix("[]")))
    if numeric := re.fullmatch(r"numeric\((\d+),(\d+)\)", printed):
        return pa.decimal128(int(numeric[1]), int(numeric[2]))
    if printed.startswith(("character", "bpchar")):
        return pa.string()
    return ARROW_TYPES[printed]


def quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


def difference(
    client: rail_forge.Client, reference: psycopg.Connection, table: str, order: str = "id"
) -> str | None:
    """What is different in a table, whose name comes quoted."""
    query = f"SELECT * FROM {table} ORDER BY {order}"
    return first_difference(client.sql(query).rows(), reference_rows(reference, query))


@pytest.mark.parametrize("table", SHOP_TABLES)
def test_shop_cells_are_the_same(
    table: str, client: rail_forge.Client, shop: Served, shop_reference: psycopg.Connection
) -> None:
    assert shop.rows[table] == client.sql(f"SELECT count(*) FROM {quoted(table)}").rows()[0][0] > 0
    assert difference(client, shop_reference, quoted(table)) is None


@pytest.mark.parametrize("table", SHOP_TABLES)
def test_shop_columns_are_the_same(
    table: str, client: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    schema = client.sql(f"SELECT * FROM {quoted(table)} LIMIT 0").schema
    described = [
        (field.name, field.type, field.nullable, (field.metadata or {}).get(b"comment")) for field in schema
    ]
    assert described == [
        (name, arrow_type(printed), nullable, comment.encode() if comment else None)
        for name, printed, nullable, comment in columns(shop_reference, quoted(table))
    ]


def test_timestamps_with_time_zone_are_aware_and_in_utc(client: rail_forge.Client) -> None:
    table = client.sql("SELECT placed_at, shipped_at FROM orders").arrow()
    assert [field.type.tz for field in table.schema] == ["UTC", "UTC"]
    assert str(client.sql("SELECT placed_at FROM orders").polars().schema["placed_at"].time_zone) == "UTC"  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def typed(new_database: NewDatabase) -> Iterator[tuple[rail_forge.Client, psycopg.Connection]]:
    """A client and a reference of a database of tables that are hard to carry over."""
    url = new_database(
        "CREATE TYPE mood AS ENUM ('sad', 'it''s ok')",
        *extremes_table(),
        "CREATE TABLE empty (id integer, t text, n numeric(12,2), a text[])",
        *wide_table(300),
        *beyond_python_table(),
        *odd_names(),
        *many_rows(),
        *changed_columns(),
        *partitioned_table(),
    )
    with (
        RailForgeServer({"typed": url}, arguments=NO_REFRESH) as server,
        rail_forge.connect(server.flight) as client,
        connect_as_reference(url) as reference,
    ):
        client.refresh()
        yield client, reference


def extremes_table() -> list[str]:
    """One column for each type; the last row is NULL but for its id."""
    definitions = [f"c{number} {printed}" for number, printed in enumerate(EXTREMES)]
    rows = max(len(values) for values in EXTREMES.values()) + 1
    inserts = []
    for row in range(rows):
        cells = [values[row] if row < len(values) else None for values in EXTREMES.values()]
        literals = ["NULL" if cell is None else sql.quote(cell) for cell in cells]
        inserts.append(f"INSERT INTO extremes VALUES ({row}, {', '.join(literals)})")
    return [f"CREATE TABLE extremes (id integer PRIMARY KEY, {', '.join(definitions)})", *inserts]


def wide_table(width: int) -> list[str]:
    definitions = ", ".join(f"c{number} integer" for number in range(width))
    numbers = ", ".join(str(number) for number in range(width))
    return [f"CREATE TABLE wide ({definitions})", f"INSERT INTO wide VALUES ({numbers})"]


def beyond_python_table() -> list[str]:
    """Moments that PostgreSQL and Arrow have and Python's datetime has not."""
    return [
        "CREATE TABLE beyond (id integer, at timestamp, zoned timestamptz, day date)",
        "INSERT INTO beyond VALUES (1, '4713-01-01 BC', '4713-01-01 BC', '4713-01-01 BC')",
        "INSERT INTO beyond VALUES (2, '200000-12-31 23:59:59.999999', '200000-01-01 12:00Z', '200000-1-1')",
    ]


ODD_NAME = '"a.b ""c"" it\'s"'
LONGEST_NAME = f'"{"Ü" * 31}x"'  # 63 bytes


def odd_names() -> list[str]:
    return [
        f'CREATE TABLE {ODD_NAME} (id integer, "Größe" text, "a""b" integer, "c.d" integer, "1" integer)',
        f"INSERT INTO {ODD_NAME} VALUES (1, 'x', 2, 3, 4)",
        f'CREATE TABLE {LONGEST_NAME} (id integer, "{"y" * 63}" integer)',
        f"INSERT INTO {LONGEST_NAME} VALUES (1, 2)",
    ]


def many_rows() -> list[str]:
    """More rows than a batch has, some of them large."""
    return [
        "CREATE TABLE many (id integer, maybe integer, t text)",
        """INSERT INTO many
           SELECT i, CASE WHEN i % 3 = 0 THEN i END,
                  CASE WHEN i % 20000 = 0 THEN repeat('ä', 1000000) ELSE i::text END
           FROM generate_series(1, 150000) i""",
    ]


def changed_columns() -> list[str]:
    """Dropped, added with a default, generated."""
    return [
        "CREATE TABLE changed (id integer, gone money, kept text)",
        "INSERT INTO changed VALUES (1, 1, 'a'), (2, 2, NULL)",
        "ALTER TABLE changed DROP COLUMN gone, ADD COLUMN added integer DEFAULT 7",
        "ALTER TABLE changed ADD COLUMN doubled integer GENERATED ALWAYS AS (added * 2) STORED",
    ]


def partitioned_table() -> list[str]:
    return [
        "CREATE TABLE parted (id integer, t text) PARTITION BY RANGE (id)",
        "CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (100) TO (200)",
        "INSERT INTO parted SELECT i, i::text FROM generate_series(0, 199) i",
    ]


Typed = tuple[rail_forge.Client, "psycopg.Connection"]


@pytest.mark.parametrize(("number", "printed"), list(enumerate(EXTREMES)))
def test_extremes_are_the_same(number: int, printed: str, typed: Typed) -> None:
    client, reference = typed
    query = f"SELECT c{number} FROM extremes ORDER BY id"
    result = client.sql(query)
    assert result.schema.field(0).type == arrow_type(printed)
    assert result.schema.field(0).metadata[b"postgres.type"].decode() == printed
    assert first_difference(result.rows(), reference_rows(reference, query)) is None


@pytest.mark.parametrize(
    ("table", "order"),
    [
        ("empty", "id"),
        ("wide", "c0"),
        (ODD_NAME, "id"),
        (LONGEST_NAME, "id"),
        ("many", "id"),
        ("changed", "id"),
        ("parted", "id"),
    ],
)
def test_odd_tables_are_the_same(table: str, order: str, typed: Typed) -> None:
    client, reference = typed
    assert difference(client, reference, table, order) is None
    names = client.sql(f"SELECT * FROM {table}").schema.names
    assert names == [name for name, *_ in columns(reference, table)]


def test_moments_beyond_python_are_the_same(typed: Typed) -> None:
    client, reference = typed
    table = client.sql("SELECT at, zoned, day FROM beyond ORDER BY id").arrow()
    micros = [table.column(name).cast(pa.int64()).to_pylist() for name in ("at", "zoned")]
    days = table.column("day").cast(pa.int32()).to_pylist()
    wanted = reference_rows(
        reference,
        """SELECT (extract(epoch FROM at) * 1000000)::int8, (extract(epoch FROM zoned) * 1000000)::int8,
                  day - date '1970-01-01' FROM beyond ORDER BY id""",
    )
    assert list(zip(*micros, days, strict=True)) == wanted


def test_settings_of_the_database_do_not_change_values(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TYPE mood AS ENUM ('sad', 'it''s ok')", *extremes_table())
    with connect_as_reference(url) as reference:
        wanted = reference_rows(reference, "SELECT * FROM extremes ORDER BY id")
    name = quoted(url.rpartition("/")[2])
    settings = {"timezone": "America/New_York", "datestyle": "German", "extra_float_digits": "-10"}
    settings |= {"bytea_output": "escape", "intervalstyle": "iso_8601", "search_path": "nowhere"}
    run(url, *(f"ALTER DATABASE {name} SET {key} = '{value}'" for key, value in settings.items()))
    server = serve({"typed": url})
    refresh(server)
    assert first_difference(answer(server, "SELECT * FROM extremes ORDER BY id"), wanted) is None
