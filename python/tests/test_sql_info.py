"""What the server tells about itself: every code of the specification, of its type, and true."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from flight_sql_messages import command
from pyarrow import flight

if TYPE_CHECKING:
    import psycopg

# FlightSql.proto of Apache Arrow, `enum SqlInfo`: which codes have values of which type.
TEXTS = {0, 1, 2, 6, 7, 504, 513, 514, 529, 530, 531}
LISTS = {508, 509, 510, 511, 512}
MAPS = {517}
NUMBERS = {8, 100, 101, 503, 505, 507, 522, 525, 526, 528, 533, 534, 535, 538, 540, 564, *range(567, 572)}
LIMITS = {*range(541, 556), *range(557, 563)}
CODES = {*range(12), 100, 101, *range(500, 577)}
FLAGS = CODES - TEXTS - LISTS - MAPS - NUMBERS - LIMITS

# The children of the dense union, by their type ids.
KINDS = [("string_value", TEXTS), ("bool_value", FLAGS), ("bigint_value", LIMITS), ("int32_bitmask", NUMBERS)]
KINDS += [("string_list", LISTS), ("int32_to_int32_list_map", MAPS)]

# That of pgcrypto.
EXTENSIONS = {"digest"}
# What a version of PostgreSQL before the newest may not have yet, and what is grammar there.
NEWER = {"casefold", "crc32", "crc32c", "gamma", "lgamma", "uuidv4", "erf", "erfc", "to_bin", "to_oct"}
GRAMMAR = {"coalesce", "greatest", "least", "nullif", "current_catalog", "current_date", "current_timestamp"}
GRAMMAR |= {"localtime", "localtimestamp", "extract"}

# `enum SqlSupportsConvert`, in the order of its numbers.
CONVERTED = ["bigint", "bytea", "boolean", "char(10)", "date", "numeric", "double precision", "integer"]
CONVERTED += ["interval", "interval", "bytea", "text", "numeric", "real", "smallint", "time", "timestamp", ""]
CONVERTED += ["bytea", "varchar"]


def sql_info(client: flight.FlightClient, *codes: int) -> dict[int, Any]:
    table = command(client, "CommandGetSqlInfo", info=list(codes))
    told = dict(zip(table["info_name"].to_pylist(), table["value"].to_pylist(), strict=True))
    # pyarrow makes a list of pairs of a map.
    return {code: dict(value) if code in MAPS else value for code, value in told.items()}


@pytest.fixture(scope="module")
def told(stock: flight.FlightClient) -> dict[int, Any]:
    return sql_info(stock)


def test_an_empty_list_asks_for_every_code(told: dict[int, Any]) -> None:
    assert set(told) == CODES


def test_each_value_has_the_type_of_the_specification(stock: flight.FlightClient) -> None:
    table = command(stock, "CommandGetSqlInfo")
    union = table["value"].type
    assert pa.types.is_union(union)
    assert union.mode == "dense"
    assert [union.field(place).name for place in range(union.num_fields)] == [name for name, _ in KINDS]
    types = [union.field(place).type for place in range(4)]
    assert types == [pa.string(), pa.bool_(), pa.int64(), pa.int32()]
    found: dict[str, set[int]] = {name: set() for name, _ in KINDS}
    [values] = table["value"].chunks
    for code, kind in zip(table["info_name"].to_pylist(), values.type_codes.to_pylist(), strict=True):
        found[KINDS[kind][0]].add(code)
    assert found == dict(KINDS)


def test_only_what_is_asked_for_is_answered(stock: flight.FlightClient) -> None:
    assert set(sql_info(stock, 0, 8, 8, 504)) == {0, 8, 504}
    assert sql_info(stock, 9_999) == {}
    assert set(sql_info(stock, *([3] * 100_000))) == {3}


def test_it_is_a_server_of_postgresqls_dialect_that_changes_nothing(told: dict[int, Any]) -> None:
    assert (told[0], told[3], told[4], told[10]) == ("RailForge", True, True, False)
    # Substrait plans are taken, of these versions.
    assert (told[5], told[6], told[7]) == (True, "0.47.0", "0.108.0")
    # Queries can be cancelled.
    assert told[9] is True
    assert [told[code] for code in (500, 501, 502, 536, 537, 572)] == [False] * 6
    # Lower case, quoted by ", NULLs as the largest values; catalogues before schemas.
    assert (told[503], told[504], told[507], told[532]) == (3, '"', 0, True)
    # Transactions without savepoints, READ COMMITTED.
    assert (told[8], told[562], told[563], told[564], told[573]) == (1, 2, True, 0b100, False)
    # Every kind of subquery, UNION and outer join.
    assert (told[538], told[539], told[540], told[528]) == (0b1111, True, 0b11, 0b110)


def test_the_keywords_are_those_that_postgresql_reserves(
    told: dict[int, Any], shop_reference: psycopg.Connection
) -> None:
    reserved = "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')"
    wanted = {word for (word,) in shop_reference.execute(reserved).fetchall()}
    assert wanted <= set(told[508])
    # Since PostgreSQL 16.
    assert set(told[508]) - wanted <= {"system_user"}
    assert told[508] == sorted(told[508])


def test_the_functions_are_those_that_can_be_called(
    told: dict[int, Any], stock: flight.FlightClient, shop_reference: psycopg.Connection
) -> None:
    names = {name for code in (509, 510, 511, 512) for name in told[code]}
    assert {"abs", "round", "upper", "substring", "version", "coalesce", "date_trunc", "now"} <= names
    known = {name for (name,) in shop_reference.execute("SELECT proname FROM pg_proc").fetchall()}
    assert names - known - NEWER - GRAMMAR - EXTENSIONS == set()
    for name in names:
        # A function that there is not at all is not supported; one without its arguments is a mistake.
        with suppress(pa.ArrowInvalid):
            stock.get_flight_info(flight.FlightDescriptor.for_command(f'SELECT "{name}"()'.encode()))


def test_the_conversions_can_be_made(
    told: dict[int, Any], stock: flight.FlightClient, shop_reference: psycopg.Connection
) -> None:
    made = {(source, target) for source, targets in told[517].items() for target in targets}
    assert {(7, 0), (19, 4), (4, 16), (2, 7)} <= made
    for source, target in made:
        one, other = CONVERTED[source], CONVERTED[target]
        assert one, "PostgreSQL has no such type"
        assert other, "PostgreSQL has no such type"
        sql = f"SELECT CAST(CAST(NULL AS {one}) AS {other}) AS x"
        assert shop_reference.execute(sql.encode()).fetchall() == [(None,)]
        info = stock.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()))
        assert stock.do_get(info.endpoints[0].ticket).read_all().to_pydict() == {"x": [None]}


def test_the_limits_are_those_that_are_kept(told: dict[int, Any], stock: flight.FlightClient) -> None:
    def refused(sql: str) -> bool:
        try:
            stock.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()))
        except pa.ArrowInvalid as error:
            return "resource exhausted" in str(error)
        return False

    columns = ", ".join(["1"] * told[547])
    assert not refused(f"SELECT {columns}")
    assert refused(f"SELECT {columns}, 1")
    tables = "region CROSS JOIN " * (told[560] - 1)
    assert refused(f"SELECT 1 FROM region, {tables} region")
    blanks = " " * (told[557] - len("SELECT 1"))
    assert not refused(f"SELECT 1{blanks}")
    assert refused(f"SELECT 1{blanks} ")
