"""Every type that a column can have arrives exactly, by both readers, from an older and a new PostgreSQL.

What arrives is compared with what PostgreSQL itself prints (`SELECT column::text`, or its output function).
The types are those of `pg_type`: one that a new version brings fails these tests until `type_values` has
values of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from comparison import connect_as_reference, exact
from conftest import NO_REFRESH, run
from psycopg.errors import InvalidTableDefinition
from random_rows import TABLE as RANDOM_ROWS
from random_rows import create_random_rows
from type_catalogue import TypeCatalogue, refusals
from type_tables import (
    FIRST_HARD_ID,
    HARD_SCHEMA,
    TABLES,
    Column,
    create_hard_tables,
    create_tables,
    read_columns,
)
from type_values import NO_COLUMNS, OWN_TYPES, UNREPRESENTABLE
from wire_types import element_type, is_any_decimal, wire_type, with_decimals

import rail_forge
from rail_forge_testbed.postgres import EmbeddedPostgres
from rail_forge_testbed.postgres_text import cells, texts
from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import psycopg

READERS = ("copy", "connectorx")
VERSIONS = (16, 18)


@dataclass(frozen=True)
class Everything:
    """A database with a column of every type, and a server that has pulled it in all ways."""

    url: str
    types: TypeCatalogue
    refused: Mapping[str, psycopg.Error]
    reference: psycopg.Connection
    client: rail_forge.Client
    errors: Mapping[str, str | None]
    _columns: dict[str, list[Column]] = field(default_factory=dict)
    _frames: dict[str, pa.Table] = field(default_factory=dict)

    def columns(self, table: str) -> list[Column]:
        """A table's columns but `id`, in PostgreSQL."""
        if table not in self._columns:
            self._columns[table] = read_columns(self.reference, self.types, table)
        return self._columns[table]

    def frame(self, name: str) -> pa.Table:
        """A table without its `id`, from RailForge."""
        if name not in self._frames:
            assert self.errors[name] is None
            whole = self.client.sql(f"SELECT * FROM {name} ORDER BY id").arrow()
            self._frames[name] = whole.drop_columns(["id"])
        return self._frames[name]


@pytest.fixture(scope="module", params=VERSIONS, ids="PostgreSQL {}".format)
def everything(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Everything]:
    # An embedded server in any case: base types take a superuser.
    with EmbeddedPostgres(request.param) as postgres:
        url = postgres.create_database("everything")
        run(url, *OWN_TYPES)
        with connect_as_reference(url) as reference:
            types, refused = create_everything(reference, postgres.version)
            config = tmp_path_factory.mktemp("every-type") / "rail-forge.toml"
            config.write_text(configuration(url))
            with (
                RailForgeServer({}, arguments=["--config", str(config), *NO_REFRESH]) as server,
                rail_forge.connect(server.flight) as client,
            ):
                yield Everything(url, types, refused, reference, client, refresh_all(client))


@pytest.fixture(scope="module")
def live(everything: Everything, tmp_path_factory: pytest.TempPathFactory) -> Iterator[rail_forge.Client]:
    """A client of a server with live tables; arrays of other shapes and long numbers come as text."""
    lines = [f"""[[source]]\nname = "live"\nurl = "{everything.url}"\nrefresh = {{ mode = "live" }}"""]
    for table in [*TABLES, RANDOM_ROWS]:
        frame = everything.frame(f"{READERS[0]}.public.{table}")
        as_text = [
            column.name
            for field, column in zip(frame.schema, everything.columns(table), strict=True)
            if (
                (base := everything.types.base(column.printed)).endswith("[]")
                and pa.types.is_string(field.type)
            )
            or everything.types.base(base.removesuffix("[]")) == "numeric"
        ]
        lines.append(f"""[source.tables."public.{table}"]\ntext_columns = {as_text}""")
    config = tmp_path_factory.mktemp("every-live-type") / "rail-forge.toml"
    config.write_text("\n".join(lines))
    with (
        RailForgeServer({}, arguments=["--config", str(config), *NO_REFRESH]) as server,
        rail_forge.connect(server.flight) as client,
    ):
        assert set(refresh_all(client).values()) == {None}
        yield client


def create_everything(
    connection: psycopg.Connection, version: int
) -> tuple[TypeCatalogue, dict[str, psycopg.Error]]:
    """Create all tables; say which types there are, and which of them can be in no table."""
    connection.execute("SET default_transaction_read_only = off")
    types = TypeCatalogue.read(connection)
    refused = refusals(connection, types)
    members = [name for name in types.types if name not in refused and types.has_samples(name)]
    create_tables(connection, types, members)
    create_random_rows(connection)
    create_hard_tables(connection, version)
    connection.execute("SET default_transaction_read_only = on")
    return types, refused


def configuration(url: str) -> str:
    """Sources for each reader, and for each way with what Arrow cannot hold; "error" is the default."""
    sources = [f"""name = "auto"\nreader = "auto"\nexclude = ["{RANDOM_ROWS}"]\n"""]
    for reader in READERS:
        sources.append(f"""name = "{reader}"\nreader = "{reader}"\n""")
        for setting in ("error", "null"):
            chosen = f"""name = "{reader}_{setting}"\nreader = "{reader}"\nschemas = ["{HARD_SCHEMA}"]\n"""
            default = setting == "error" and reader == "copy"
            sources.append(chosen if default else f"""{chosen}unrepresentable = "{setting}"\n""")
    return "".join(f"""[[source]]\nurl = "{url}"\n{source}""" for source in sources)


def refresh_all(client: rail_forge.Client) -> dict[str, str | None]:
    """Pull everything, and give the tables' errors."""
    try:
        tables = client.refresh()
    except rail_forge.RefreshError as error:
        tables = error.tables
    return {table.full_name: table.error for table in tables}


every_reader = pytest.mark.parametrize("reader", READERS)
every_table = pytest.mark.parametrize("table", [*TABLES, RANDOM_ROWS])


def test_every_type_is_in_a_table(everything: Everything) -> None:
    filled = {
        column.printed
        for table in TABLES
        for column in everything.columns(table)
        if any(text is not None for text in column.texts)
    }
    assert sorted(set(everything.types.types) - set(everything.refused) - filled) == []


def test_a_type_that_is_in_no_table_has_a_reason(everything: Everything) -> None:
    expected = {
        name
        for name, known in everything.types.types.items()
        if known.kind == "p" or name in NO_COLUMNS or name.removesuffix("[]") in NO_COLUMNS
    }
    assert set(everything.refused) == expected
    assert {type(error) for error in everything.refused.values()} == {InvalidTableDefinition}


@every_table
@every_reader
def test_arrow_types_are_the_expected(everything: Everything, reader: str, table: str) -> None:
    schema = everything.frame(f"{reader}.public.{table}").schema
    columns = everything.columns(table)
    assert schema.names == [column.name for column in columns]
    wrong = [
        wrong_type(field, column, everything.types) for field, column in zip(schema, columns, strict=True)
    ]
    assert [words for words in wrong if words is not None] == []


@pytest.mark.parametrize(
    ("reader", "table"),
    # Printing the large table takes seconds; one reader's is enough, since both readers' frames are the same.
    [*((reader, table) for reader in READERS for table in TABLES), (READERS[0], RANDOM_ROWS)],
)
def test_cells_are_what_postgresql_prints(everything: Everything, reader: str, table: str) -> None:
    frame = everything.frame(f"{reader}.public.{table}")
    wrong = [
        wrong_cell(got, column, everything.types)
        for got, column in zip(frame.columns, everything.columns(table), strict=True)
    ]
    assert [words for words in wrong if words is not None] == []


@every_table
def test_both_readers_give_the_same_frame(everything: Everything, table: str) -> None:
    one, other = (everything.frame(f"{reader}.public.{table}") for reader in READERS)
    assert different_columns(one, other) == []


@pytest.mark.parametrize("table", TABLES)
def test_the_reader_that_is_chosen_gives_the_same_frame(everything: Everything, table: str) -> None:
    one, other = (everything.frame(f"{reader}.public.{table}") for reader in ("auto", READERS[0]))
    assert different_columns(one, other) == []


@every_table
def test_live_tables_have_the_same_cells(everything: Everything, live: rail_forge.Client, table: str) -> None:
    got = live.sql(f"SELECT * FROM {table} ORDER BY id").arrow().drop_columns(["id"])
    kept = everything.frame(f"{READERS[0]}.public.{table}")
    assert got.schema.names == kept.schema.names
    wrong = []
    for position, column in enumerate(everything.columns(table)):
        base = everything.types.base(column.printed)
        if everything.types.base(base.removesuffix("[]")) == "numeric":
            # Without a precision, in an array too.
            assert pa.types.is_string(got.schema.field(position).type)
            wrong.append(wrong_cell(got.column(position), column, everything.types))
        elif different_columns(got.select([position]), kept.select([position])):
            wrong.append(f"{column.name} {column.printed}")
    assert [words for words in wrong if words is not None] == []


def wrong_type(field: pa.Field, column: Column, types: TypeCatalogue) -> str | None:
    """What is wrong with how a column is described, in words."""
    wanted = wire_type(column.printed, types, column.texts)
    agrees = is_any_decimal(field.type) if wanted is None else field.type == wanted
    if not agrees:
        return f"{column.name} {column.printed}: {field.type} instead of {wanted or 'a decimal'}"
    # What pads texts has to find the width, so a domain over character(n) is described as that.
    padded = types.base(column.printed).startswith("character(")
    described = types.base(column.printed) if padded else column.printed
    if (field.metadata or {}).get(b"postgres.type") != described.encode():
        return f"{column.name} {column.printed}: its metadata are {field.metadata}"
    return None


def wrong_cell(got: pa.ChunkedArray, column: Column, types: TypeCatalogue) -> str | None:
    """The first cell that is different, in words."""
    wanted = column.texts
    base = types.base(column.printed)
    if types.base(base.removesuffix("[]")) == "numeric" and is_any_decimal(got.type):
        # A decimal has as many decimals in every row.
        scale = element_type(got.type).scale
        wanted = [None if text is None else with_decimals(text, scale) for text in wanted]
    for row, (cell, reference) in enumerate(zip(texts(got), wanted, strict=True)):
        if cell != reference:
            return f"{column.name} {column.printed}, row {row}: {cell!r} instead of {reference!r}"
    return None


def in_no_catalog(field: pa.Field) -> pa.Field:
    """The field without the one thing that differs between the same tables of several readers."""
    metadata = dict(field.metadata or {})
    del metadata[b"ARROW:FLIGHT:SQL:CATALOG_NAME"]
    return field.with_metadata(metadata)


def different_columns(one: pa.Table, other: pa.Table) -> list[str]:
    """The columns that differ in type, metadata or values; NaN is the same as NaN."""
    assert one.schema.names == other.schema.names
    assert one.num_rows == other.num_rows
    return [
        field.name
        for position, field in enumerate(one.schema)
        if not in_no_catalog(field).equals(in_no_catalog(other.schema.field(position)), check_metadata=True)
        or not same_cells(one.column(position), other.column(position))
    ]


def same_cells(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    return one.equals(other) or [*map(exact, cells(one))] == [*map(exact, cells(other))]


every_case = pytest.mark.parametrize("case", UNREPRESENTABLE)


def is_possible(parameters: Mapping[str, object]) -> bool:
    """Whether a version of PostgreSQL has the value of a case; the others are no tests."""
    version, case = parameters.get("everything"), parameters.get("case")
    return not (isinstance(version, int) and isinstance(case, str)) or version >= UNREPRESENTABLE[case].since


@pytest.fixture
def bad_column(everything: Everything, case: str) -> Column:
    """The column of a case that Arrow cannot hold."""
    [column] = everything.columns(f"{HARD_SCHEMA}.{case}")
    return column


@every_case
@every_reader
def test_a_value_that_arrow_cannot_hold_refuses_its_table(
    everything: Everything, reader: str, case: str, bad_column: Column
) -> None:
    name = f"{reader}_error.{HARD_SCHEMA}.{case}"
    error = everything.errors[name] or ""
    for words in [f"table {name}", 'column "bad"', "unrepresentable"]:
        assert words in error
    left = zip(bad_column.texts, UNREPRESENTABLE[case].left, strict=True)
    bad_rows = [FIRST_HARD_ID + row for row, (text, kept) in enumerate(left) if text != kept]
    assert any(str(row) in error for row in bad_rows)
    with pytest.raises(rail_forge.NotFoundError, match=case):
        everything.client.sql(f"SELECT * FROM {name}")


@every_case
@every_reader
def test_a_value_that_arrow_cannot_hold_becomes_null_where_that_is_set(
    everything: Everything, reader: str, case: str, bad_column: Column
) -> None:
    frame = everything.frame(f"{reader}_null.{HARD_SCHEMA}.{case}")
    left = Column(bad_column.name, bad_column.printed, UNREPRESENTABLE[case].left)
    assert wrong_type(frame.schema.field("bad"), left, everything.types) is None
    assert wrong_cell(frame.column("bad"), left, everything.types) is None


@pytest.mark.parametrize(
    ("table", "words"),
    [("last_key", ["47110"]), ("two_keys", ["815", "47110"]), ("no_key", [])],
)
@every_reader
def test_the_row_is_named_by_its_primary_key(
    everything: Everything, reader: str, table: str, words: list[str]
) -> None:
    name = f"{reader}_error.{HARD_SCHEMA}.{table}"
    error = everything.errors[name] or ""
    for word in [f"table {name}", 'column "bad"', "unrepresentable", *words]:
        assert word in error


@pytest.mark.parametrize("setting", ["reader = 'psychic'", "unrepresentable = 'maybe'"])
def test_other_words_for_these_settings_are_refused(setting: str, tmp_path: Path) -> None:
    config = tmp_path / "rail-forge.toml"
    config.write_text(f"[[source]]\nname = 'shop'\nurl = 'postgres://app@127.0.0.1:1/shop'\n{setting}\n")
    ended = run_cli("check", "--config", str(config), "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 2
    for word in ["line 4", setting.split("'")[1]]:
        assert word in ended.stderr
