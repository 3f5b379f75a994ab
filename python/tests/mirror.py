"""A database that changes, a server that refreshes from it, and whether both show the same.

Cells are compared as what PostgreSQL prints, so that every type can be. Beside the rows, counts and bounds of
the columns are compared, which the server may answer from what it knows of its files instead of from rows.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
from psycopg import sql
from wire_types import element_type, is_any_decimal, with_decimals

import rail_forge
from rail_forge._actions import REFRESH, refresh_request
from rail_forge_testbed.postgres_text import texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rail_forge_testbed.server import RailForgeServer

# A refresh that never ends fails its test, and nothing else.
CALL_SECONDS = 60

Texts = tuple[str | None, ...]

COLUMNS = """SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
             WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""
# A query may have 1,664 result columns, and a table 1,600 columns.
SUMMARISED = 100
# Types whose order is the same in PostgreSQL and in files.
ORDERED = ("smallint", "integer", "bigint", "numeric", "date", "timestamp", "text", "character varying")


@dataclass(frozen=True)
class Refreshed:
    """How many rows a refresh has read of each table and of each source, and which tables have failed."""

    read: Counter[str]
    read_of_source: Counter[str]
    errors: Mapping[str, str]


@dataclass(frozen=True)
class Mirror:
    """One source and its copy on the server."""

    server: RailForgeServer
    client: rail_forge.Client
    database: psycopg.Connection

    def run(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        for statement in statements:
            self.database.execute(statement.encode())

    def try_refresh(self, *tables: str) -> Refreshed:
        """Refresh; tables may fail."""
        answers = self.client._connection.act(REFRESH, refresh_request(tables))
        events = [json.loads(answer) for answer in answers]
        assert events[-1]["event"] == "done"
        read, read_of_source = Counter[str](), Counter[str]()
        for event in events:
            if event["event"] == "progress":
                read[called(event["schema"], event["table"])] += event["rows"]
                read_of_source[event["catalog"]] += event["rows"]
        ended = [event for event in events if event["event"] == "table"]
        errors = {
            called(event["schema"], event["table"]): event["error"] for event in ended if event["error"]
        }
        return Refreshed(read, read_of_source, errors)

    def refresh(self, *tables: str) -> Counter[str]:
        """Refresh; gives how many rows were read of each table from which some were."""
        refreshed = self.try_refresh(*tables)
        assert refreshed.errors == {}
        return refreshed.read

    def differences(self, *tables: str) -> list[str]:
        """What is different between the server's tables and PostgreSQL's, in words."""
        some = tables or self.tables()
        rows = [table_difference(self.client, self.database, table) for table in some]
        found = (
            rows if any(rows) else [summary_difference(self.client, self.database, table) for table in some]
        )
        return [words for words in found if words is not None]

    def different_rows(self, *tables: str) -> list[str]:
        """The same without counts and bounds, in half the time."""
        found = [table_difference(self.client, self.database, table) for table in tables or self.tables()]
        return [words for words in found if words is not None]

    def tables(self, schema: str = "public") -> list[str]:
        """All tables of a schema that are to be served, as they are called here."""
        rows = self.database.execute(
            """SELECT nspname, quote_ident(relname)
               FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
               WHERE nspname = %s AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition
               ORDER BY relname""",
            [schema],
        )
        return [called(*row) for row in rows]

    def entries(self) -> dict[str, dict[str, Any]]:
        """The tables of the newest manifest, by name."""
        return entries(self.server.data_dir)


@contextmanager
def mirror(server: RailForgeServer, url: str) -> Iterator[Mirror]:
    """Connects to both sides."""
    options = "-c timezone=UTC -c client_min_messages=error"
    with (
        rail_forge.connect(server.flight, timeout=CALL_SECONDS) as client,
        psycopg.connect(url, autocommit=True, options=options) as database,
    ):
        yield Mirror(server, client, database)


def entries(data_dir: Path) -> dict[str, dict[str, Any]]:
    """The tables of the newest manifest in a data folder, by name."""
    newest = max((data_dir / "manifests").glob("*.json"))
    tables = json.loads(newest.read_text().rstrip().rpartition("\n")[0])["tables"]
    return {called(table["name"]["schema"], table["name"]["table"]): table for table in tables}


def called(schema: str, table: str) -> str:
    """How a table is called in tests: without its schema where that is `public`."""
    return table if schema == "public" else f"{schema}.{table}"


def files(entry: Mapping[str, Any]) -> list[str]:
    """The paths of a table's files and of their deleted rows."""
    deletes = [file["deletes"]["path"] for file in entry["files"] if file.get("deletes")]
    return [file["path"] for file in entry["files"]] + deletes


def table_difference(
    client: rail_forge.Client, database: psycopg.Connection, table: str, served_as: str | None = None
) -> str | None:
    """The first row of a table that is different, in any order."""
    columns = database.execute(COLUMNS, [table]).fetchall()
    frame = client.sql(f"SELECT * FROM {served_as or table}").arrow()
    if frame.schema.names != [column for column, _ in columns]:
        return f"{table}: columns {frame.schema.names} instead of {columns}"
    got = Counter(zip(*map(texts, frame.columns), strict=True))
    printed = ", ".join(_text(column, type_name) for column, type_name in columns)
    rows = database.execute(f"SELECT {printed} FROM {table}".encode()).fetchall()
    wanted = Counter(_scaled(row, scales(frame.schema)) for row in rows)
    return None if got == wanted else f"{table}: {_first(got, wanted)}"


def summary_difference(
    client: rail_forge.Client, database: psycopg.Connection, table: str, served_as: str | None = None
) -> str | None:
    """The first count or bound of a column that is different."""
    expressions = ["count(*)"]
    for column, type_name in database.execute(COLUMNS, [table]).fetchall()[:SUMMARISED]:
        quoted = sql.Identifier(column).as_string()
        expressions.append(f"count({quoted})")
        if type_name.startswith(ORDERED) and not type_name.endswith("]"):
            collation = ' COLLATE "C"' if type_name.startswith(("text", "char")) else ""
            expressions += [f"{bound}({quoted}{collation})" for bound in ("min", "max")]
    named = [f"{expression} AS x{number}" for number, expression in enumerate(expressions)]
    frame = client.sql(f"SELECT {', '.join(named)} FROM {served_as or table}").arrow()
    printed = ", ".join(f"({expression})::text" for expression in expressions)
    [wanted] = database.execute(f"SELECT {printed} FROM {table}".encode()).fetchall()
    wanted = _scaled(wanted, scales(frame.schema))
    for expression, column, expected in zip(expressions, frame.columns, wanted, strict=True):
        # A column that has become text because of one value is ordered as text.
        is_comparable = expression.endswith('"C")') or not pa.types.is_string(column.type)
        [got] = texts(column)
        if got != expected and is_comparable:
            return f"{table}: {got} instead of {expected} for {expression}"
    return None


def _text(name: str, type_name: str) -> str:
    """The SQL expression of a column's text.

    The cast of character(n) would drop its blanks, and that of inet add the bits of its network.
    """
    quoted = sql.Identifier(name).as_string()
    output = (
        "inet_out" if type_name == "inet" else "bpcharout" if type_name.startswith("character(") else None
    )
    return f"textin({output}({quoted}))" if output else f"{quoted}::text"


def scales(schema: pa.Schema) -> list[int | None]:
    """The decimals of each column that has them."""
    return [element_type(field.type).scale if is_any_decimal(field.type) else None for field in schema]


def _scaled(row: Texts, scales: Sequence[int | None]) -> Texts:
    """A decimal has as many decimals in every row."""
    cells = zip(row, scales, strict=True)
    return tuple(
        text if text is None or scale is None else with_decimals(text, scale) for text, scale in cells
    )


def _first(got: Counter[Texts], wanted: Counter[Texts]) -> str:
    more, missing = got - wanted, wanted - got
    return (
        f"{got.total()} rows instead of {wanted.total()}; {more.total()} wrong such as {list(more)[:1]}, "
        f"{missing.total()} missing such as {list(missing)[:1]}"
    )
