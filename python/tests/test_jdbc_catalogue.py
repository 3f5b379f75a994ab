"""What Arrow's JDBC driver tells of a server and its tables, as DBeaver, Tableau and Metabase ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from java import JavaError, JavaObject, dictionaries, jdbc_url

from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from conftest import Served
    from java import Jvm

SHOP_TABLES = ["Gift Wrap", "category", "customer", "order_line", "orders", "product", "region"]

# java.sql.DatabaseMetaData's numbers for what happens to keys, by PostgreSQL's letters for it.
ACTIONS = {"a": 3, "c": 0, "n": 2, "d": 4, "r": 1}
NO = False

COLUMNS = """
    SELECT table_schema, table_name, column_name, ordinal_position::int, is_nullable,
           (SELECT format_type(atttypid, NULL) FROM pg_attribute
            WHERE attrelid = format('%I.%I', table_schema, table_name)::regclass AND attname = column_name),
           coalesce(character_maximum_length,
                    CASE WHEN numeric_precision_radix = 10 THEN numeric_precision END)::int,
           col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position)
    FROM information_schema.columns
    WHERE table_schema = 'public' ORDER BY table_name COLLATE "C", ordinal_position
"""
PRIMARY_KEYS = """
    SELECT a.attname::text, k.place::int, c.conname::text
    FROM pg_constraint AS c, unnest(c.conkey) WITH ORDINALITY AS k (number, place), pg_attribute AS a
    WHERE c.contype = 'p' AND c.conrelid = %s::regclass AND a.attrelid = c.conrelid AND a.attnum = k.number
"""
FOREIGN_KEYS = """
    SELECT p.relname::text, pa.attname::text, f.relname::text, fa.attname::text, k.place::int,
           c.conname::text, c.confupdtype::text, c.confdeltype::text
    FROM pg_constraint AS c, unnest(c.conkey, c.confkey) WITH ORDINALITY AS k (own, other, place),
         pg_class AS p, pg_class AS f, pg_attribute AS pa, pg_attribute AS fa
    WHERE c.contype = 'f' AND p.oid = c.confrelid AND f.oid = c.conrelid
      AND pa.attrelid = p.oid AND pa.attnum = k.other AND fa.attrelid = f.oid AND fa.attnum = k.own
"""


@pytest.fixture(scope="module")
def connection(jvm: Jvm, shop: Served) -> Iterator[JavaObject]:
    with jvm.connected(jdbc_url(shop.server)) as opened:
        yield opened


@pytest.fixture(scope="module")
def told(connection: JavaObject) -> JavaObject:
    """The connection's DatabaseMetaData."""
    metadata = connection.getMetaData()
    assert isinstance(metadata, JavaObject)
    return metadata


def test_catalogs_schemas_and_types_of_tables(told: JavaObject) -> None:
    assert dictionaries(told.getCatalogs()) == [{"TABLE_CAT": "shop"}]
    schemas = [{"TABLE_SCHEM": "public", "TABLE_CATALOG": "shop"}]
    assert dictionaries(told.getSchemas()) == schemas
    assert dictionaries(told.getSchemas("shop", "pub%")) == schemas
    assert dictionaries(told.getSchemas("shop", "other")) == []
    assert dictionaries(told.getSchemas("other", None)) == []
    assert dictionaries(told.getTableTypes()) == [{"TABLE_TYPE": "TABLE"}]


def names(told: JavaObject, *arguments: object) -> list[str]:
    return sorted(row["TABLE_NAME"] for row in dictionaries(told.getTables(*arguments)))


def test_tables(told: JavaObject) -> None:
    rows = dictionaries(told.getTables(None, None, "%", None))
    assert {(row["TABLE_CAT"], row["TABLE_SCHEM"], row["TABLE_TYPE"]) for row in rows} == {
        ("shop", "public", "TABLE")
    }
    assert sorted(row["TABLE_NAME"] for row in rows) == SHOP_TABLES


def test_tables_by_pattern_and_type(told: JavaObject) -> None:
    assert names(told, "shop", "public", "order%", ["TABLE", "VIEW"]) == ["order_line", "orders"]
    assert names(told, "shop", "public", "Gift Wrap", ["TABLE"]) == ["Gift Wrap"]
    assert names(told, "shop", "public", "order_", ["TABLE"]) == ["orders"]
    assert names(told, None, None, None, ["VIEW"]) == []
    assert names(told, "other", None, None, None) == []
    # As DBeaver asks for one table: nothing in its name is a pattern.
    escape = told.getSearchStringEscape()
    assert names(told, "shop", "public", f"order{escape}_line", None) == ["order_line"]
    assert names(told, "shop", "public", f"order{escape}_", None) == []


def test_columns(told: JavaObject, shop_reference: psycopg.Connection) -> None:
    rows = dictionaries(told.getColumns(None, "public", "%", "%"))
    wanted = shop_reference.execute(COLUMNS).fetchall()
    keys = ("TABLE_SCHEM", "TABLE_NAME", "COLUMN_NAME", "ORDINAL_POSITION", "IS_NULLABLE", "TYPE_NAME")
    got = [tuple(row[key] for key in keys) for row in rows]
    assert got == [row[:6] for row in wanted]
    for row, (*_, size, comment) in zip(rows, wanted, strict=True):
        assert row["REMARKS"] == comment
        assert row["IS_AUTOINCREMENT"] == "NO"
        assert row["NULLABLE"] == int(row["IS_NULLABLE"] == "YES")
        if size is not None and row["TYPE_NAME"] not in ("smallint", "integer", "bigint"):
            assert row["COLUMN_SIZE"] == size
    types = {row["TYPE_NAME"]: (row["DATA_TYPE"], row["COLUMN_SIZE"], row["DECIMAL_DIGITS"]) for row in rows}
    assert types["bigint"] == (-5, 19, 0)
    assert types["numeric"] == (3, 12, 2)
    assert types["timestamp with time zone"] == (2014, 26, 6)
    assert types["boolean"][0] == 16
    assert types["text[]"][0] == 2003


def test_columns_by_pattern(told: JavaObject) -> None:
    def found(*arguments: object) -> list[tuple[str, str]]:
        return [(row["TABLE_NAME"], row["COLUMN_NAME"]) for row in dictionaries(told.getColumns(*arguments))]

    assert found("shop", "public", "order%", "id") == [("order_line", "id"), ("orders", "id")]
    assert found(None, None, "Gift Wrap", "%") == [
        ("Gift Wrap", column) for column in ("id", "Größe", "select", "it's")
    ]
    assert found(None, None, "no_such_table", None) == []


@pytest.mark.parametrize("table", SHOP_TABLES)
def test_primary_keys(table: str, told: JavaObject, shop_reference: psycopg.Connection) -> None:
    rows = dictionaries(told.getPrimaryKeys("shop", "public", table))
    assert {(row["TABLE_CAT"], row["TABLE_SCHEM"], row["TABLE_NAME"]) for row in rows} == {
        ("shop", "public", table)
    }
    got = [(row["COLUMN_NAME"], row["KEY_SEQ"], row["PK_NAME"]) for row in rows]
    assert got == shop_reference.execute(PRIMARY_KEYS, [f'"{table}"']).fetchall()


def test_foreign_keys_from_both_sides(told: JavaObject, shop_reference: psycopg.Connection) -> None:
    wanted = sorted(
        (*named, ACTIONS[updated], ACTIONS[deleted])
        for *named, updated, deleted in shop_reference.execute(FOREIGN_KEYS).fetchall()
    )
    keys = ["PKTABLE_NAME", "PKCOLUMN_NAME", "FKTABLE_NAME", "FKCOLUMN_NAME", "KEY_SEQ", "FK_NAME"]
    keys += ["UPDATE_RULE", "DELETE_RULE"]

    def found(result: JavaObject) -> list[tuple[Any, ...]]:
        return [tuple(row[key] for key in keys) for row in dictionaries(result)]

    imported = [row for table in SHOP_TABLES for row in found(told.getImportedKeys(None, "public", table))]
    exported = [row for table in SHOP_TABLES for row in found(told.getExportedKeys("shop", None, table))]
    assert sorted(imported) == wanted
    assert sorted(exported) == wanted
    crossed = found(told.getCrossReference(None, None, "customer", None, None, "orders"))
    assert crossed == [row for row in wanted if (row[0], row[2]) == ("customer", "orders")]
    assert found(told.getCrossReference(None, None, "orders", None, None, "customer")) == []


def test_what_the_driver_answers_by_itself(told: JavaObject) -> None:
    """Nothing, and without an error; it asks no server for these."""
    for result in (
        told.getTypeInfo(),
        told.getIndexInfo("shop", "public", "orders", NO, NO),
        told.getBestRowIdentifier("shop", "public", "orders", 1, NO),
        told.getVersionColumns("shop", "public", "orders"),
        told.getFunctions(None, None, "%"),
        told.getProcedures(None, None, "%"),
        told.getColumnPrivileges("shop", "public", "orders", "%"),
        told.getTablePrivileges("shop", "public", "orders"),
        told.getUDTs(None, None, "%", None),
        told.getClientInfoProperties(),
    ):
        assert dictionaries(result) == []


def test_every_property_is_told(jvm: Jvm, told: JavaObject) -> None:
    """A code that a server leaves out makes the driver throw a NullPointerException."""
    asked = jvm.static("java.lang.Class").forName("java.sql.DatabaseMetaData").getMethods()
    properties = [method for method in asked if method.getParameterCount() == 0]
    assert len(properties) > 130
    failed = {}
    for method in properties:
        name = method.getName()
        try:
            getattr(told, name)()
        except JavaError as error:
            failed[name] = error.kind
    assert failed == {}


def test_what_is_told_is_true(told: JavaObject) -> None:
    assert told.getDatabaseProductName() == "RailForge"
    assert told.getDatabaseProductVersion() in run_cli("--version").stdout.split()
    assert told.getIdentifierQuoteString() == '"'
    assert told.getSearchStringEscape() == "\\"
    assert (told.getCatalogTerm(), told.getSchemaTerm()) == ("catalog", "schema")
    assert (told.getCatalogSeparator(), told.isCatalogAtStart()) == (".", True)
    assert "lateral" in told.getSQLKeywords().split(", ")
    for functions, known in (
        (told.getNumericFunctions(), "round"),
        (told.getStringFunctions(), "upper"),
        (told.getTimeDateFunctions(), "date_trunc"),
        (told.getSystemFunctions(), "version"),
    ):
        assert known in functions.split(", ")
    yes = [
        *["supportsOuterJoins", "supportsFullOuterJoins", "supportsLimitedOuterJoins", "supportsGroupBy"],
        *["supportsGroupByUnrelated", "supportsUnion", "supportsUnionAll", "supportsCorrelatedSubqueries"],
        *[
            "supportsSubqueriesInExists",
            "supportsSubqueriesInIns",
            "supportsColumnAliasing",
            "supportsConvert",
        ],
        *["supportsExpressionsInOrderBy", "supportsOrderByUnrelated", "supportsTableCorrelationNames"],
        *["supportsLikeEscapeClause", "supportsANSI92EntryLevelSQL", "supportsSchemasInDataManipulation"],
        *["supportsCatalogsInDataManipulation", "nullPlusNonNullIsNull", "isReadOnly"],
    ]
    no = [
        *[
            "supportsStoredProcedures",
            "supportsSavepoints",
            "supportsBatchUpdates",
            "supportsSelectForUpdate",
        ],
        *["supportsPositionedUpdate", "supportsNamedParameters"],
    ]
    assert {name: getattr(told, name)() for name in [*yes, *no]} == {
        **dict.fromkeys(yes, True),
        **dict.fromkeys(no, False),
    }
    assert told.getMaxColumnsInSelect() == 1_664
