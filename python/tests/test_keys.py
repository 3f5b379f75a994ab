"""Flight SQL's catalogue and key commands against PostgreSQL's own catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from comparison import connect_as_reference, reference_rows, rows
from conftest import NO_REFRESH, refresh
from flight_sql_messages import command
from pyarrow import flight
from wire_types import without_remarks

from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from conftest import NewDatabase

# Keys of several columns, in another order than the table's; two keys to one table; every rule; a key to a
# UNIQUE constraint instead of the primary key; a table that refers to itself; names that need quoting.
LIBRARY = [
    "CREATE TABLE shelf (room integer, place integer, code text UNIQUE, PRIMARY KEY (place, room))",
    """CREATE TABLE book (
           id bigint CONSTRAINT "Book's Key" PRIMARY KEY, code text, sequel_to bigint,
           at_place integer DEFAULT 0, in_room integer DEFAULT 0, old_place integer, old_room integer,
           CONSTRAINT z_now FOREIGN KEY (in_room, at_place) REFERENCES shelf (room, place)
               ON UPDATE CASCADE ON DELETE SET DEFAULT,
           CONSTRAINT a_then FOREIGN KEY (old_place, old_room) REFERENCES shelf ON DELETE SET NULL,
           CONSTRAINT by_code FOREIGN KEY (code) REFERENCES shelf (code) ON UPDATE RESTRICT,
           CONSTRAINT sequel FOREIGN KEY (sequel_to) REFERENCES book ON DELETE CASCADE)""",
    'CREATE TABLE "Loan 1" ("who?" text, book bigint REFERENCES book, PRIMARY KEY ("who?", book))',
    "CREATE TABLE loose (id integer)",
]
LIBRARY_TABLES = ["shelf", "book", "Loan 1", "loose"]
SHOP_TABLES = ["region", "category", "product", "customer", "orders", "order_line", "Gift Wrap"]

PRIMARY = """
    SELECT $1::text, n.nspname::text, c.relname::text, a.attname::text, k.conname::text, u.i::int
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
         unnest(k.conkey) WITH ORDINALITY u(number, i), pg_attribute a
    WHERE k.contype = 'p' AND c.relname = $2 AND a.attrelid = c.oid AND a.attnum = u.number
    ORDER BY u.i"""

# Rules are numbered as FlightSql.proto does: cascade, restrict, set null, no action, set default.
FOREIGN = """
    SELECT $1::text, rn.nspname::text, r.relname::text, ra.attname::text,
           $1::text, n.nspname::text, c.relname::text, a.attname::text,
           u.i::int, k.conname::text, p.conname::text,
           strpos('crnad', k.confupdtype::text) - 1, strpos('crnad', k.confdeltype::text) - 1
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
    LEFT JOIN pg_constraint p ON p.conindid = k.conindid AND p.contype = 'p',
         unnest(k.conkey, k.confkey) WITH ORDINALITY u(number, referenced, i), pg_attribute a, pg_attribute ra
    WHERE k.contype = 'f' AND a.attrelid = c.oid AND a.attnum = u.number
      AND ra.attrelid = r.oid AND ra.attnum = u.referenced"""


@pytest.fixture(scope="module")
def library(new_database: NewDatabase) -> Iterator[tuple[flight.FlightClient, psycopg.Connection]]:
    url = new_database(*LIBRARY)
    with RailForgeServer({"library": url}, arguments=NO_REFRESH) as server:
        refresh(server)
        with flight.connect(server.flight) as client, connect_as_reference(url) as reference:
            yield client, reference


@pytest.mark.parametrize("table", LIBRARY_TABLES)
def test_primary_keys(table: str, library: tuple[flight.FlightClient, psycopg.Connection]) -> None:
    client, reference = library
    got = command(client, "CommandGetPrimaryKeys", catalog="library", db_schema="public", table=table)
    assert rows(got) == reference_rows(reference, PRIMARY, ["library", table])


@pytest.mark.parametrize("table", LIBRARY_TABLES)
@pytest.mark.parametrize(
    ("name", "side"), [("CommandGetImportedKeys", "c.relname"), ("CommandGetExportedKeys", "r.relname")]
)
def test_foreign_keys(
    name: str, side: str, table: str, library: tuple[flight.FlightClient, psycopg.Connection]
) -> None:
    client, reference = library
    got = rows(command(client, name, catalog="library", db_schema="public", table=table))
    wanted = reference_rows(reference, f"{FOREIGN} AND {side} = $2", ["library", table])
    assert sorted(got, key=repr) == sorted(wanted, key=repr)


@pytest.mark.parametrize("referenced", LIBRARY_TABLES)
@pytest.mark.parametrize("referring", LIBRARY_TABLES)
def test_cross_reference(
    referenced: str, referring: str, library: tuple[flight.FlightClient, psycopg.Connection]
) -> None:
    client, reference = library
    got = rows(command(client, "CommandGetCrossReference", pk_table=referenced, fk_table=referring))
    query = f"{FOREIGN} AND r.relname = $2 AND c.relname = $3"
    wanted = reference_rows(reference, query, ["library", referenced, referring])
    assert sorted(got, key=repr) == sorted(wanted, key=repr)


def test_keys_come_in_the_order_of_the_specification(
    library: tuple[flight.FlightClient, psycopg.Connection],
) -> None:
    client, _ = library
    exported = command(client, "CommandGetExportedKeys", table="shelf").to_pylist()
    order = [(row["fk_table_name"], row["fk_key_name"], row["key_sequence"]) for row in exported]
    assert order == sorted(order)
    imported = command(client, "CommandGetImportedKeys", table="book").to_pylist()
    order = [(row["pk_table_name"], row["pk_key_name"] or "", row["key_sequence"]) for row in imported]
    assert order == sorted(order)


@pytest.mark.parametrize("table", SHOP_TABLES)
def test_keys_of_the_shop(table: str, stock: flight.FlightClient, shop_reference: psycopg.Connection) -> None:
    primary = rows(command(stock, "CommandGetPrimaryKeys", table=table))
    assert primary == reference_rows(shop_reference, PRIMARY, ["shop", table])
    imported = rows(command(stock, "CommandGetImportedKeys", table=table))
    wanted = reference_rows(shop_reference, f"{FOREIGN} AND c.relname = $2", ["shop", table])
    assert sorted(imported, key=repr) == sorted(wanted, key=repr)


def test_keys_of_elsewhere_are_none(library: tuple[flight.FlightClient, psycopg.Connection]) -> None:
    client, _ = library
    for name in ("CommandGetPrimaryKeys", "CommandGetImportedKeys", "CommandGetExportedKeys"):
        assert command(client, name, table="no_such_table").num_rows == 0
        assert command(client, name, catalog="other", table="book").num_rows == 0
        assert command(client, name, db_schema="other", table="book").num_rows == 0


def test_tables_and_their_schemas(stock: flight.FlightClient) -> None:
    tables = command(stock, "CommandGetTables", include_schema=True).to_pylist()
    assert [(row["catalog_name"], row["db_schema_name"], row["table_type"]) for row in tables] == [
        ("shop", "public", "TABLE")
    ] * len(SHOP_TABLES)
    assert [row["table_name"] for row in tables] == sorted(SHOP_TABLES)
    for row in tables:
        asked = flight.FlightDescriptor.for_path("shop", "public", row["table_name"])
        schema = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
        assert without_remarks(schema).equals(stock.get_schema(asked).schema, check_metadata=True)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("order%", ["order_line", "orders"]),
        ("order_", ["orders"]),
        ("Gift Wrap", ["Gift Wrap"]),
        ("ORDERS", []),
        ("%", sorted(SHOP_TABLES)),
    ],
)
def test_tables_by_pattern(pattern: str, names: list[str], stock: flight.FlightClient) -> None:
    got = command(stock, "CommandGetTables", table_name_filter_pattern=pattern)
    assert got.column("table_name").to_pylist() == names


def test_catalogs_schemas_and_table_types(stock: flight.FlightClient) -> None:
    assert rows(command(stock, "CommandGetCatalogs")) == [("shop",)]
    assert rows(command(stock, "CommandGetDbSchemas")) == [("shop", "public")]
    assert rows(command(stock, "CommandGetDbSchemas", catalog="other")) == []
    assert rows(command(stock, "CommandGetTableTypes")) == [("TABLE",)]
    for kinds in (["TABLE"], ["VIEW", "", "TABLE", "TABLE"]):
        assert command(stock, "CommandGetTables", table_types=kinds).num_rows == len(SHOP_TABLES)
    assert command(stock, "CommandGetTables", table_types=["VIEW", "", "table"]).num_rows == 0


def test_a_path_has_three_parts_at_most(stock: flight.FlightClient) -> None:
    assert stock.get_flight_info(flight.FlightDescriptor.for_path("shop", "public", "orders")).endpoints
    with pytest.raises(
        pa.ArrowInvalid, match="has 4 parts; that of a table is its catalog, its schema and its"
    ):
        stock.get_flight_info(flight.FlightDescriptor.for_path("x", "shop", "public", "orders"))
