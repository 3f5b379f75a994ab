"""Statements made to do harm, sent by several clients at once while another one asks for a small table.

Each ends in words that say why, or is answered; the other client never waits long, the server keeps to its
memory, and computes nothing any more when the answer is there. More that is endless is in test_limits.py.
"""

from __future__ import annotations

import re
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from conftest import NO_REFRESH, NO_RESULTS, refresh
from flight_sql_messages import descriptor, packed, prepare, put
from google.protobuf import any_pb2
from pyarrow import flight
from waiting import until_idle

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from conftest import NewDatabase

TIMEOUT_SECONDS = 1
# From the deadline to the error at the client.
GRACE_SECONDS = 1.5
CLIENT_SECONDS = 20.0
IDLE_SECONDS = 15.0
# How long anybody else waits.
WAIT_SECONDS = 1.0
ATTACKERS = 2
MIB = 1 << 20
MEMORY_LIMIT_MIB = 64
# What a server may take beside its queries: code, batches on their way, what its allocator keeps.
OWN_MIB = 400
# A server that has more before an attack is started anew: what earlier ones have left is not counted.
FRESH_MIB = 250
# Of address space: a server that forgets its limits dies, instead of the machine.
RESERVE_BYTES = 8 << 30
LIMITS = (
    *("--query-timeout", f"{TIMEOUT_SECONDS}s", "--memory-limit", f"{MEMORY_LIMIT_MIB}MiB"),
    *("--cache-memory", "16MiB", "--spill-limit", "64MiB"),
    *NO_RESULTS,
)


@pytest.fixture(scope="module")
def shared_victim(new_database: NewDatabase) -> Iterator[RailForgeServer]:
    url = new_database(
        """CREATE TABLE n AS SELECT i AS id, md5(i::text) || repeat('x', 200) AS t
           FROM generate_series(1, 60000) AS i""",
        "CREATE TABLE s AS SELECT i AS id, md5(i::text) AS t FROM generate_series(1, 10) AS i",
    )
    with RailForgeServer({"shop": url}, arguments=[*NO_REFRESH, *LIMITS]) as server:
        refresh(server)
        yield server


@pytest.fixture
def victim(shared_victim: RailForgeServer) -> RailForgeServer:
    """A server with little of everything, as good as new."""
    server = shared_victim
    if server.exit_code() is None:
        forget_peak(server)
        if server.peak_memory_bytes // MIB > FRESH_MIB:
            server.kill()
            server.start()
    else:
        server.start()
    resource.prlimit(server.pid, resource.RLIMIT_AS, (RESERVE_BYTES, RESERVE_BYTES))
    forget_peak(server)
    return server


def forget_peak(server: RailForgeServer) -> None:
    """The most memory is from now on what the server has now (Linux)."""
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")


@dataclass(frozen=True)
class Attack:
    """A statement, and the words of the error that ends it; without words it is answered."""

    sql: str
    words: str = ""
    params: Sequence[object] | None = None
    answer: object = None


def longest_wait(server: RailForgeServer, done: threading.Event, ready: threading.Event) -> float:
    """Ask for a small table until the attack is over, and at least once."""
    longest = 0.0
    with rail_forge.connect(server.flight, timeout=CLIENT_SECONDS) as client:
        client.sql("SELECT count(*) FROM s").rows()
        ready.set()
        while True:
            started = time.monotonic()
            assert client.sql("SELECT count(*) FROM s").rows() == [(10,)]
            longest = max(longest, time.monotonic() - started)
            if done.is_set():
                return longest


def outcome(server: RailForgeServer, attack: Attack) -> list[tuple[object, ...]] | str:
    """The rows, or the words of the error."""
    with rail_forge.connect(server.flight, timeout=CLIENT_SECONDS) as client:
        try:
            return client.sql(attack.sql, attack.params).rows()
        except (rail_forge.QueryError, rail_forge.QueryTimeout, rail_forge.ServerError) as error:
            assert not isinstance(error, rail_forge.ServerUnavailable), error  # noqa: PT017
            return str(error)


def withstands(server: RailForgeServer, attack: Attack) -> None:
    try:
        is_withstood(server, attack)
    except BaseException:
        # One that computes on would be blamed on the next attack.
        server.kill()
        raise


def is_withstood(server: RailForgeServer, attack: Attack) -> None:
    ready, done = threading.Event(), threading.Event()
    with ThreadPoolExecutor(ATTACKERS + 1) as threads:
        waited = threads.submit(longest_wait, server, done, ready)
        try:
            assert ready.wait(CLIENT_SECONDS)
            started = time.monotonic()
            attacks = [threads.submit(outcome, server, attack) for _ in range(ATTACKERS)]
            outcomes = [attack.result() for attack in attacks]
            took = time.monotonic() - started
        finally:
            done.set()
    assert server.exit_code() is None, server.log[-2000:]
    for got in outcomes:
        if attack.words:
            assert isinstance(got, str), f"it was answered: {got[:1]}"
            # On a slow machine, time can be over before what is said otherwise.
            assert re.search(f"{attack.words}|{TIME}", got), got
        else:
            assert got == [(attack.answer,)]
    assert took < TIMEOUT_SECONDS + GRACE_SECONDS
    assert waited.result() < WAIT_SECONDS
    assert server.peak_memory_bytes // MIB < MEMORY_LIMIT_MIB + OWN_MIB
    if took > TIMEOUT_SECONDS / 2:
        until_idle(server.pid, IDLE_SECONDS)


CONSTANTS_LIMIT = "the constants of the statement are too large together"
COPIES = "is more than 4000 parts in its plan"
COLUMNS = "at most 1664 are allowed"
COMPLEX = "regular expression is too complex"
DEPTH = "stack depth limit exceeded"
LARGE_TEXT = "requested length too large"
MADE = "the values that a function makes are too large together"
OVERFLOW = "overflows numeric format"
PARENTHESES = "at most 32768 are read"
PARTS = "a text has more than 2097152 parts"
PLAN_STEPS = "at most 4000 steps are planned"
REPEATED = "can be repeated, as joins"
GROUPING_SETS = "at most 4096 are allowed"
NO_WINDOW = 'window "[vw]" does not exist'
NESTING = "at most 64 levels are planned"
OPERATORS = "at most 1000 are planned"
MEMORY = "memory_limit"
WORDS = "at most 131072 are read"
TIME = "stopped after 1 s .setting query_timeout"
EITHER = f"{MEMORY}|{TIME}"
WINDOW = f"{MEMORY}|{TIME}|the values of a window are too large together"
COPIED = f"{REPEATED}|{EITHER}"


def doubled(first: str, step: str, levels: int = 16) -> str:
    """WITH queries each of which names the one before it twice."""
    names = [f"c{level + 1} AS ({step.format(f'c{level}')})" for level in range(levels)]
    return f"WITH RECURSIVE c0 AS ({first}), {', '.join(names)} SELECT count(*) FROM c{levels}"


def chained(first: str, step: str, last: str, levels: int = 30) -> str:
    """WITH queries each of which computes a column by that of the one before it."""
    names = [f"c{level + 1} AS (SELECT {step} FROM c{level})" for level in range(levels)]
    return f"WITH c0 AS ({first}), {', '.join(names)} SELECT {last.format(f'c{levels}')}"


def recursive(first: str, step: str, last: str) -> str:
    return f"WITH RECURSIVE r(x) AS ({first} UNION ALL {step}) {last}"


def several(text: str, count: int, separator: str = ", ") -> str:
    return separator.join([text] * count)


def listed(text: str, count: int, separator: str = ", ") -> str:
    return separator.join(text.format(number) for number in range(1, count + 1))


PATTERNS = {
    "counted repetitions": Attack("SELECT 'x' ~ '((((x{255}){255}){255}){255})'", COMPLEX),
    "counted repetitions of each row": Attack(
        "SELECT count(*) FROM n WHERE t ~ ('((x{200}){100}){5}' || id)", COMPLEX
    ),
    "repetitions of nothing": Attack(f"SELECT 'x' ~ '{'(' * 7}x?{'){0,255}' * 7}'", COMPLEX),
    "parentheses": Attack("SELECT 'x' ~ (repeat('(', 100000) || 'x' || repeat(')', 100000))", COMPLEX),
    "repetitions of repetitions": Attack("SELECT count(*) FROM n WHERE t ~ '(x+x+)+y'", answer=0),
    "back references": Attack(r"SELECT repeat('a', 5000) ~ '^(a*)*(a*)\1\2b$'", answer=False),
    "a start at every letter": Attack("SELECT regexp_count(repeat('a', 1000000), 'a*b')", answer=0),
    "lookbehind": Attack("SELECT regexp_count(repeat('a', 1000000), '(?<=b.*)a')", answer=0),
}

VALUES = {
    "repeat": Attack("SELECT length(repeat('x', 1000000000))", LARGE_TEXT),
    "lpad": Attack("SELECT length(lpad('x', 2000000000))", LARGE_TEXT),
    "format": Attack("SELECT length(format('%1000000000s', 'x'))", LARGE_TEXT),
    "format with a star": Attack("SELECT length(format('%*s', 2000000000, 'x'))", LARGE_TEXT),
    "array_fill": Attack(
        "SELECT array_length(array_fill(0, ARRAY[100000000]), 1)", "array size exceeds the maximum allowed"
    ),
    "array_fill in two dimensions": Attack(
        "SELECT array_fill(0, ARRAY[100000, 100000])", "more than one dimension"
    ),
    "a number in digits": Attack("SELECT 1e1000000", OVERFLOW),
    "a number in quotes": Attack("SELECT '1e1000000'::numeric", OVERFLOW),
    "a number in json": Attack("SELECT '1e1000000'::jsonb", OVERFLOW),
    "a number in a path": Attack("SELECT jsonb_path_query('1', '1e1000000')", OVERFLOW),
    "a power": Attack("SELECT 10::numeric ^ 1000000", OVERFLOW),
    "factorials": Attack("SELECT count(factorial(32177 - id % 100)) FROM n", "out of range"),
    "sums of long numbers": Attack(
        "SELECT sum(repeat('9', 100000)::numeric + id) FROM n", "numeric value out of range"
    ),
    "seconds": Attack("SELECT make_interval(secs => '1e300'::float8)", "out of range"),
    "years": Attack("SELECT '99999999999999999999999999 years'::interval", "out of range"),
    "date_bin": Attack(
        "SELECT date_bin('1 microsecond', TIMESTAMP '294000-01-01', TIMESTAMP '4000-01-01 BC')",
        "interval out of range",
    ),
    "json in json": Attack("SELECT (repeat('[', 1000000) || repeat(']', 1000000))::json", DEPTH),
    "jsonb in jsonb": Attack("SELECT (repeat('[', 1000000) || repeat(']', 1000000))::jsonb", DEPTH),
    "objects in objects": Attack(
        """SELECT (repeat('{"a":', 100000) || '1' || repeat('}', 100000))::jsonb""", DEPTH
    ),
    "signs in a path": Attack("SELECT jsonb_path_exists('1', (repeat('-', 10000) || '1')::jsonpath)", DEPTH),
    "a range in a path": Attack("SELECT jsonb_path_query_array('[1]', '$[0 to 2000000000]')", answer="[1]"),
    "a parameter's number": Attack("SELECT $99999999999999999999", "parameters are written"),
    "a parameter's bytes": Attack(
        "SELECT length($1::text)", "parameters have more than 4194304 bytes", params=["x" * 10_000_000]
    ),
}

BIG = [f"repeat('{number % 10}', 60000000)" for number in range(100)]
SMALLER = [f"repeat('{number % 10}', 1000000)" for number in range(100)]
CONSTANTS = {
    "columns": Attack(
        f"SELECT {', '.join(f'{text} AS c{i}' for i, text in enumerate(BIG))}", CONSTANTS_LIMIT
    ),
    "smaller columns": Attack(
        f"SELECT {', '.join(f'{text} AS c{i}' for i, text in enumerate(SMALLER))}", CONSTANTS_LIMIT
    ),
    "columns of rows": Attack(
        f"SELECT {', '.join(f'{text} || t AS c{i}' for i, text in enumerate(BIG[:20]))} FROM s",
        CONSTANTS_LIMIT,
    ),
    "elements": Attack(f"SELECT ARRAY[{', '.join(BIG)}]", CONSTANTS_LIMIT),
    "concat": Attack(f"SELECT length(concat({', '.join(BIG[:90])}))", CONSTANTS_LIMIT),
    "||": Attack(f"SELECT length({' || '.join(BIG[:60])})", CONSTANTS_LIMIT),
    "json_build_array": Attack(
        f"SELECT length(json_build_array({', '.join(BIG[:60])})::text)", CONSTANTS_LIMIT
    ),
    "format": Attack(
        "SELECT length(format(repeat('%1$s', 1000000), repeat('x', 60000000)))", CONSTANTS_LIMIT
    ),
    "format, smaller": Attack(
        "SELECT length(format(repeat('%1$s', 100000), repeat('x', 1000000)))", LARGE_TEXT
    ),
    "replaced by itself": Attack(
        r"SELECT length(regexp_replace(repeat('a', 1000000), '.*', repeat('\&', 100000), 'g'))",
        f"{LARGE_TEXT}|{MADE}",
    ),
    "matches": Attack(
        "SELECT count(*) FROM regexp_matches(repeat('a', 20000000), 'a', 'g') AS x", f"{PARTS}|{MADE}"
    ),
    "parts": Attack(
        "SELECT count(*) FROM regexp_split_to_table(repeat('a', 20000000), '') AS x", f"{PARTS}|{MADE}"
    ),
    "more parts": Attack(
        "SELECT count(*) FROM string_to_table(repeat('a,', 10000000), ',') AS x", f"{PARTS}|{MADE}"
    ),
    "json elements": Attack(
        "SELECT count(*) FROM json_array_elements(('[' || repeat('1,', 2500000) || '1]')::json)",
        f"{PARTS}|{MADE}",
    ),
    "objects of json": Attack(
        """SELECT length((('[' || repeat('{"a":1},', 900000) || '1]')::jsonb)::text)""",
        f"{CONSTANTS_LIMIT}|{PARTS}|{MADE}",
    ),
    "texts that double": Attack(
        chained("SELECT 'x'::text AS x", "x || x AS x", "length(x) FROM {0}", 60),
        f"{LARGE_TEXT}|{CONSTANTS_LIMIT}|{MADE}",
    ),
    "concat, smaller": Attack(
        f"SELECT length(concat({several('t', 100)})) FROM (SELECT {SMALLER[0]} AS t) AS x", LARGE_TEXT
    ),
    "a parameter in many places": Attack(
        f"SELECT {several('length($1)', 1000)}", CONSTANTS_LIMIT, params=["x" * 4_000_000]
    ),
    "jsonb": Attack(
        "SELECT jsonb_array_length(('[' || repeat('1,', 10000000) || '1]')::jsonb)",
        f"{CONSTANTS_LIMIT}|{PARTS}|{MADE}",
    ),
    "to_date": Attack("SELECT to_date(repeat(' ', 60000000), repeat(' ', 60000000))", CONSTANTS_LIMIT),
    "translate": Attack(
        "SELECT length(translate(repeat('a', 10000000), repeat('b', 1000000) || 'a', ''))", answer=0
    ),
    "replace": Attack("SELECT length(replace(repeat('a', 1000000), 'a', repeat('b', 1000000)))", LARGE_TEXT),
    "series": Attack("SELECT count(*) FROM generate_series(1, 1000000000000)", "more than 8388608 rows"),
    "series of moments": Attack(
        """SELECT count(*) FROM generate_series(
               TIMESTAMP '2000-01-01', TIMESTAMP '2100-01-01', INTERVAL '1 microsecond')""",
        f"more than 8388608 rows|{MADE}",
    ),
}

# A function that computes for long, while its statement is planned or over the rows of a batch.
KERNELS = {
    "joined by a pattern": Attack("SELECT count(*) FROM n a JOIN n b ON a.t ~ b.t", EITHER),
    "elements in an array": Attack(
        "SELECT (SELECT array_agg(i) FROM generate_series(1, 200000) AS i)"
        " && (SELECT array_agg(-i) FROM generate_series(1, 200000) AS i)",
        answer=False,
    ),
    "keys of jsonb": Attack(
        "SELECT jsonb_array_length((SELECT jsonb_agg(i::text) FROM generate_series(1, 100000) AS i)"
        " - (SELECT array_agg((-i)::text) FROM generate_series(1, 100000) AS i))",
        answer=100000,
    ),
    "comparisons of a path": Attack(
        """SELECT jsonb_path_exists((SELECT jsonb_build_object('a', jsonb_agg(i), 'b', jsonb_agg(-i))
               FROM generate_series(1, 100000) AS i), '$ ? (@.a[*] == @.b[*])')""",
        TIME,
    ),
    "pairs of a path": Attack(
        """SELECT count(*) FROM jsonb_path_query(
               (SELECT jsonb_object_agg(i, i) FROM generate_series(1, 100000) AS i),
               '$.keyvalue().keyvalue().keyvalue().keyvalue()')""",
        f"{PARTS}|{TIME}",
    ),
}

# A batch has 8,192 rows, each of which may ask for much.
ROWS_TIMES_VALUE = {
    "repeat": Attack("SELECT sum(length(repeat(t, 1000))) FROM n", MADE),
    "lpad": Attack("SELECT sum(length(lpad(t, 10000000))) FROM n", MADE),
    "format": Attack("SELECT sum(length(format('%1000000s', t))) FROM n", MADE),
    "numbers of texts": Attack("SELECT count((repeat('9', 131000) || '.' || id)::numeric) FROM n", MADE),
    "sha512": Attack("SELECT max(sha512(repeat(t, 1000)::bytea)) FROM n", MADE),
    "string_to_array": Attack("SELECT count(string_to_array(repeat(t, 1000), NULL)) FROM n", MADE),
    "regexp_split_to_array": Attack("SELECT count(regexp_split_to_array(repeat(t, 1000), '')) FROM n", MADE),
    "a key of a sort": Attack("SELECT t FROM n ORDER BY repeat(t, 1000) LIMIT 1", MADE),
    "an aggregate's texts": Attack("SELECT length(string_agg(repeat(t, 1000), ',')) FROM n", MADE),
    "array_fill": Attack("SELECT count(array_fill(id, ARRAY[4000000])) FROM n", MADE),
    "array_positions": Attack("SELECT count(array_positions(array_fill(id, ARRAY[10000]), id)) FROM n", MADE),
    "arrays in a row": Attack(
        "SELECT count(array_fill(id, ARRAY[100000]) || array_fill(id, ARRAY[100000])) FROM n", MADE
    ),
    "generate_series": Attack("SELECT count(*) FROM n, generate_series(1, 8000000 + n.id * 0) AS g", MADE),
    "generate_subscripts": Attack(
        "SELECT count(*) FROM n, generate_subscripts(array_fill(n.id, ARRAY[4000000]), 1) AS g", MADE
    ),
    "unnest": Attack(
        "SELECT count(*) FROM (SELECT unnest(array_fill(id, ARRAY[4000000])) FROM n) AS x", MADE
    ),
    "a key of groups": Attack(
        "SELECT count(*) FROM (SELECT DISTINCT array_fill(id, ARRAY[10000]) FROM n) AS x", f"{MADE}|{MEMORY}"
    ),
    "many functions": Attack(f"SELECT {listed('length(repeat(t, {}))', 60)} FROM n", f"{MADE}|{MEMORY}"),
    "functions of functions": Attack(
        f"SELECT length(concat({listed('repeat(t, 6{})', 9)})) FROM n", f"{MADE}|{MEMORY}"
    ),
}

HUNDRED_THOUSAND = "(SELECT array_agg(i) AS a FROM generate_series(1, 100000) AS i) AS x"
MANY_ARRAYS = "(SELECT id, array_fill(id, ARRAY[10000]) AS a FROM n)"
# An array is copied for each of the rows that it stands in.
ARRAYS = {
    "a constant beside rows": Attack("SELECT array_fill(1, ARRAY[100000]) AS a, id FROM n", COPIED),
    "a constant where another is": Attack(
        """SELECT count(CASE WHEN id % 2 = 0 THEN array_fill(1, ARRAY[100000]) ELSE ARRAY[id] END) FROM n""",
        COPIED,
    ),
    "a constant for NULL": Attack(
        "SELECT count(coalesce(nullif(ARRAY[id % 2], ARRAY[1]), array_fill(1, ARRAY[100000]))) FROM n", COPIED
    ),
    "a constant in a row": Attack("SELECT ROW(id, array_fill(1, ARRAY[100000])) FROM n", COPIED),
    "a constant beside VALUES": Attack(
        f"SELECT array_fill(1, ARRAY[100000]) FROM (VALUES {listed('({})', 30000)}) AS v(a)", COPIED
    ),
    "a parameter beside rows": Attack("SELECT $1::int[], id FROM n", COPIED, params=[list(range(100_000))]),
    "a subquery beside rows": Attack(f"SELECT id, (SELECT a FROM {HUNDRED_THOUSAND}) FROM n", COPIED),
    "a subquery's elements beside rows": Attack(
        """SELECT count(*) FROM n, jsonb_array_elements(
               (SELECT jsonb_agg(i) FROM generate_series(1, 100000) AS i)) AS e""",
        COPIED,
    ),
    "an array beside each row": Attack(
        """SELECT count(*) FROM n WHERE -id = ANY (
               (SELECT array_agg(i) FROM generate_series(1, 200000) AS i)::int[])""",
        answer=0,
    ),
    "an array beside its elements": Attack(
        f"""SELECT count(x), count(y) FROM (
                SELECT unnest(a) AS x, a || 1 AS y FROM {HUNDRED_THOUSAND}) AS q""",
        COPIED,
    ),
    "an array beside its elements, once more": Attack(
        f"SELECT max(array_length(a || e, 1)) FROM {HUNDRED_THOUSAND}, unnest(a) AS e", COPIED
    ),
    "a cross join": Attack(f"SELECT count(a || id) FROM n, {HUNDRED_THOUSAND}", COPIED),
    "a join by keys": Attack(
        """SELECT sum(array_length(a || id, 1)) FROM n JOIN (
               SELECT i % 1 AS k, array_agg(i) AS a FROM generate_series(1, 100000) AS i GROUP BY 1
           ) AS x ON n.id % 1 = x.k""",
        COPIED,
    ),
    "a join by order": Attack(
        """SELECT sum(array_length(a || id, 1)) FROM n LEFT JOIN (
               SELECT i % 1 AS k, array_agg(i) AS a FROM generate_series(1, 100000) AS i GROUP BY 1
           ) AS x ON n.id > x.k""",
        COPIED,
    ),
    "a join of many": Attack(
        f"""SELECT sum(array_length(x.a || y.a, 1)) FROM {MANY_ARRAYS} AS x
            JOIN {MANY_ARRAYS} AS y ON x.id % 10 = y.id % 10""",
        COPIED,
    ),
    "the first value": Attack(
        """SELECT sum(array_length(f || id, 1)) FROM (SELECT id, first_value(a) OVER () AS f FROM (
               SELECT id, CASE WHEN id = 1 THEN array_fill(1, ARRAY[100000]) END AS a FROM n) AS y) AS x""",
        COPIED,
    ),
    "the value before": Attack(
        """SELECT sum(array_length(f || id, 1)) FROM (SELECT id, lag(a) OVER (ORDER BY id) AS f FROM (
               SELECT id, array_fill(id, ARRAY[1000]) AS a FROM n) AS y) AS x""",
        f"{COPIED}|disk space",
    ),
    "recursive arrays": Attack(
        recursive("SELECT ARRAY[1]", "SELECT x || x FROM r", "SELECT max(array_length(x, 1)) FROM r"),
        f"array size exceeds the maximum allowed|{MADE}",
    ),
}

STATEMENTS = {
    "joins that double": Attack(doubled("SELECT 1 AS x", "SELECT a.x FROM {0} a, {0} b"), PLAN_STEPS),
    "unions that double": Attack(
        doubled("SELECT id FROM s", "SELECT * FROM {0} UNION ALL SELECT * FROM {0}"), PLAN_STEPS
    ),
    "cubes of cubes": Attack(
        f"SELECT count(*) FROM s GROUP BY CUBE ({listed('mod(id, {})', 12)}), CUBE ({listed('id % {}', 12)})",
        GROUPING_SETS,
    ),
    "grouping sets that multiply": Attack(
        f"SELECT count(*) FROM s GROUP BY {listed('GROUPING SETS ((mod(id, {})), ())', 40)}", GROUPING_SETS
    ),
    "subqueries in subqueries": Attack(f"SELECT {'(SELECT max(id) + ' * 40}1{' FROM s)' * 40}", NESTING),
    "IN in IN": Attack(
        f"SELECT count(*) FROM s WHERE {'id IN (SELECT id FROM s WHERE ' * 40}true{')' * 40}", NESTING
    ),
    "stars": Attack(f"SELECT {listed('*', 1_600)} FROM n LIMIT 1", OPERATORS),
    "types of types": Attack(f"SELECT 1::numeric(1,1){'[]' * 50_000}", OPERATORS),
    "parentheses": Attack(f"SELECT {'(' * 100_000}1{')' * 10_000}", PARENTHESES),
    "comments": Attack(f"SELECT 1 {'/* ' * 300_000}", "comment"),
    "comments in comments": Attack(f"SELECT 1 {'/*' * 200_000}{'*/' * 200_000}", answer=1),
    "alternatives": Attack(
        f"SELECT count(*) FROM s WHERE {listed('(id = {0} AND length(t) = {0})', 120, ' OR ')}", answer=0
    ),
    "outer joins": Attack(
        f"SELECT count(*) FROM s {listed('LEFT JOIN s AS s{0} ON s{0}.id = s.id', 60, ' ')}", answer=10
    ),
    "conditions in conditions": Attack(
        f"SELECT {'CASE WHEN ' * 60}true{' THEN true ELSE false END' * 60}", answer=True
    ),
    "cross joins": Attack(f"SELECT count(*) FROM {listed('s AS s{}', 90)}", TIME),
    # A condition is put below what computes its columns.
    "a filter on doubled columns": Attack(
        chained("SELECT id AS x FROM s", "x + x AS x", "x FROM {0} WHERE x > 0"), "integer out of range"
    ),
    "an order of doubled columns": Attack(
        chained("SELECT id AS x FROM s", "x + x AS x", "x FROM {0} ORDER BY x LIMIT 1"),
        "integer out of range",
    ),
    "a filter on conditions": Attack(
        chained(
            "SELECT id AS x FROM s",
            "CASE WHEN x > 0 THEN x ELSE -x END AS x",
            "count(*) FROM {0} WHERE x > 0",
        ),
        answer=10,
    ),
    "a filter on NULLIF": Attack(
        chained("SELECT id AS x FROM s", "nullif(abs(x), 0) AS x", "count(*) FROM {0} WHERE x > 0"), answer=10
    ),
    "COALESCE in COALESCE": Attack(f"SELECT count({'coalesce(' * 50}id{', 1)' * 50}) FROM s", answer=10),
    "functions in COALESCE": Attack(f"SELECT count({'coalesce(abs(' * 25}id{'), 1)' * 25}) FROM s", COPIES),
    "full joins by names": Attack(
        f"SELECT count(*) FROM s {listed('FULL JOIN s AS s{} USING (id)', 40, ' ')}", answer=10
    ),
    # Subqueries are asked with the rows of the query around them.
    "subqueries side by side": Attack(
        f"SELECT count(concat({listed('(SELECT max(b.id) FROM s b WHERE b.id < a.id + {})', 12)})) FROM s a",
        answer=10,
    ),
    "EXISTS beside EXISTS": Attack(
        "SELECT count(*) FROM s a WHERE "
        + listed("EXISTS (SELECT 1 FROM s b WHERE b.id < a.id + {})", 15, " OR "),
        answer=10,
    ),
    "lateral after lateral": Attack(
        "SELECT count(*) FROM s AS s0"
        + "".join(f", LATERAL (SELECT s{i}.id + 1 AS id) AS s{i + 1}" for i in range(90)),
        answer=10,
    ),
    "lateral joins": Attack(
        "SELECT count(*) FROM s AS s0"
        + "".join(f", LATERAL (SELECT id FROM s WHERE s.id = s{i}.id) AS s{i + 1}" for i in range(90)),
        "depend on each other",
    ),
    "stars that double": Attack(chained("SELECT id FROM s", "*, *", "count(*) FROM {0}", 20), COLUMNS),
    "stars of joins": Attack(
        f"WITH w AS (SELECT {listed('id AS a{}', 1600)} FROM s) SELECT * FROM {listed('w AS w{}', 50)}",
        "at most 16640 are allowed",
    ),
    "windows of each other": Attack("SELECT rank() OVER w FROM s WINDOW w AS (v), v AS (w)", NO_WINDOW),
    "a window of itself": Attack("SELECT rank() OVER w FROM s WINDOW w AS (w)", NO_WINDOW),
    "windows of windows": Attack(
        f"SELECT rank() OVER w9999 FROM s WINDOW w0 AS (), {listed('w{0} AS (w0)', 9999)}",
        "at most 100 are allowed",
    ),
    "a row that is NULL": Attack(f"SELECT ({several('id', 30000)}) IS NULL FROM s", COLUMNS),
    "calls in ORDER BY": Attack(f"SELECT id FROM n ORDER BY {several('abs(id)', 100000)}", WORDS),
    "keys of ORDER BY": Attack(f"SELECT id FROM n ORDER BY {several('id', 60000)}", COLUMNS),
    "keys of an aggregate": Attack(f"SELECT array_agg(id ORDER BY {several('id', 60000)}) FROM s", COLUMNS),
    "a list of values": Attack(f"SELECT count(*) FROM n WHERE id IN ({several('1', 500000, ',')})", WORDS),
    "tables": Attack(f"SELECT 1 FROM {several('n', 500000, ',')}", WORDS),
    "names of names": Attack(f"SELECT {several('a', 500000, '.')}", WORDS),
    "commas": Attack(f"SELECT {',' * 1_000_000}", WORDS),
    "keys of GROUP BY": Attack(f"SELECT count(*) FROM n GROUP BY {several('id', 60000)}", COLUMNS),
    "keys of DISTINCT ON": Attack(f"SELECT DISTINCT ON ({several('id', 60000)}) id FROM s", COLUMNS),
    "keys of PARTITION BY": Attack(
        f"SELECT count(*) OVER (PARTITION BY {several('id', 60000)}) FROM s", COLUMNS
    ),
    "grouping sets": Attack(
        f"SELECT count(*) FROM n GROUP BY GROUPING SETS ({listed('(mod(id, {}))', 4000)})", COLUMNS
    ),
    "a rollup": Attack(f"SELECT count(*) FROM n GROUP BY ROLLUP ({listed('mod(id, {})', 4000)})", COLUMNS),
}

ROWS = {
    "recursive rows that double": Attack(
        recursive("SELECT 1", "SELECT r.x FROM r, (VALUES (1), (2)) AS v", "SELECT count(*) FROM r"), EITHER
    ),
    "recursive rows of a table": Attack(
        recursive("SELECT 1", "SELECT n.id FROM r, n", "SELECT count(*) FROM r"), EITHER
    ),
    "recursive rows, skipped": Attack(
        recursive("SELECT 1", "SELECT x FROM r", "SELECT x FROM r OFFSET 100000000000"), TIME
    ),
    "recursive rows, each once": Attack(
        """WITH RECURSIVE r(x) AS (SELECT 1 UNION SELECT (x + 1) % 100000000 FROM r)
           SELECT count(*) FROM r""",
        TIME,
    ),
    "array_agg": Attack("SELECT array_length(array_agg(a.t), 1) FROM n a, n b", EITHER),
    "array_agg, each once": Attack(
        "SELECT array_length(array_agg(DISTINCT a.t || b.t), 1) FROM n a, n b", EITHER
    ),
    "array_agg, sorted": Attack("SELECT array_length(array_agg(a.t ORDER BY b.t), 1) FROM n a, n b", EITHER),
    "string_agg": Attack("SELECT length(string_agg(a.t, ',')) FROM n a, n b", EITHER),
    "percentile": Attack("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY a.t) FROM n a, n b", EITHER),
    "count of texts": Attack("SELECT count(DISTINCT a.t || b.t) FROM n a, n b", EITHER),
    "count of numbers": Attack("SELECT count(DISTINCT a.id * 60000::bigint + b.id) FROM n a, n b", EITHER),
    "distinct": Attack("SELECT count(*) FROM (SELECT DISTINCT a.t || b.t FROM n a, n b) AS x", EITHER),
    "union": Attack(
        """SELECT count(*) FROM (
               SELECT a.t || b.t FROM n a, n b UNION SELECT b.t || a.t FROM n a, n b) AS x""",
        EITHER,
    ),
    "intersect": Attack(
        """SELECT count(*) FROM (
               SELECT a.t || b.t FROM n a, n b INTERSECT SELECT b.t || a.t FROM n a, n b) AS x""",
        EITHER,
    ),
    "a join's table": Attack(
        """SELECT count(*) FROM (SELECT a.t || b.t AS k FROM n a, n b) AS x
           JOIN (SELECT a.t || b.t AS k FROM n a, n b) AS y USING (k)""",
        EITHER,
    ),
    "a cross join's table": Attack(
        """SELECT count(*) FROM (SELECT a.t || b.t AS k FROM n a, n b) AS x,
           (SELECT a.t || b.t AS k FROM n a, n b) AS y WHERE x.k > y.k""",
        EITHER,
    ),
    "a sort": Attack(
        "SELECT max(t) FROM (SELECT a.t, row_number() OVER (ORDER BY a.t, b.t) FROM n a, n b) AS x", EITHER
    ),
    "the first of too many": Attack("SELECT a.t FROM n a, n b ORDER BY b.t, a.t LIMIT 2000000000", EITHER),
    "skipped rows": Attack("SELECT 1 FROM n a, n b, n c OFFSET 9000000000000000000", TIME),
    "a running maximum": Attack(
        """SELECT sum(x) FROM (SELECT max(id) OVER (
               ORDER BY id ROWS BETWEEN 30000 PRECEDING AND 30000 FOLLOWING) AS x FROM n) AS y""",
        answer=3_150_015_000,
    ),
    "explained rows": Attack("EXPLAIN ANALYZE SELECT sum(a.id * b.id + c.id) FROM n a, n b, n c", TIME),
    "explained recursion": Attack(
        f"EXPLAIN ANALYZE {recursive('SELECT 1', 'SELECT x FROM r', 'SELECT count(*) FROM r')}", TIME
    ),
    "long texts": Attack("SELECT array_length(array_agg(repeat(a.t, 20)), 1) FROM n a, n b", EITHER),
    "long texts of groups": Attack(
        """SELECT max(array_length(x, 1)) FROM (
               SELECT array_agg(repeat(a.t, 20)) AS x FROM n a, n b GROUP BY b.id % 10) AS y""",
        EITHER,
    ),
    "json_agg": Attack("SELECT length(json_agg(a.t)::text) FROM n a, n b", EITHER),
    "jsonb_object_agg": Attack(
        "SELECT length(jsonb_object_agg(a.t || b.t, b.t)::text) FROM n a, n b", EITHER
    ),
    "an aggregate's delimiter": Attack("SELECT length(string_agg(t, repeat('x', 1000000))) FROM n", MADE),
    "array_agg of a window": Attack(
        "SELECT count(x) FROM (SELECT array_agg(t) OVER () AS x FROM n) AS y", WINDOW
    ),
    "array_agg of frames": Attack(
        """SELECT count(x) FROM (SELECT array_agg(id) OVER (
               ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS x FROM n) AS y""",
        WINDOW,
    ),
    "texts of running rows": Attack(
        "SELECT max(length(x)) FROM (SELECT string_agg(t, ',') OVER (ORDER BY id) AS x FROM n) AS y", EITHER
    ),
    "a window over a cross join": Attack(
        "SELECT max(x) FROM (SELECT count(*) OVER () AS x FROM n a, n b) AS y", EITHER
    ),
    "the catalogue": Attack(f"SELECT count(*) FROM {listed('information_schema.columns AS c{}', 14)}", TIME),
}

ATTACKS = {
    f"{what}: {kind}": attack
    for what, attacks in {
        "patterns": PATTERNS,
        "values": VALUES,
        "constants": CONSTANTS,
        "kernels": KERNELS,
        "values of rows": ROWS_TIMES_VALUE,
        "arrays": ARRAYS,
        "statements": STATEMENTS,
        "rows": ROWS,
    }.items()
    for kind, attack in attacks.items()
}


@pytest.mark.parametrize("kind", ATTACKS)
def test_an_attack_ends_and_others_are_answered(kind: str, victim: RailForgeServer) -> None:
    withstands(victim, ATTACKS[kind])


CHANGES = [
    "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
    "COPY orders TO '{target}' STORED AS CSV",
    "EXPLAIN COPY orders TO '{target}' STORED AS CSV",
    "EXPLAIN ANALYZE COPY orders TO '{target}' STORED AS CSV",
    "EXPLAIN ANALYZE VERBOSE COPY orders TO '{target}' STORED AS CSV",
    "SET datafusion.runtime.memory_limit = '1K'",
]
ROW = pa.RecordBatch.from_pylist([{"a": 1}])


def as_text(sql: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(sql.encode())


def as_statement(sql: str) -> flight.FlightDescriptor:
    return descriptor("CommandStatementQuery", query=sql)


PATHS: dict[str, Callable[[flight.FlightClient, str], object]] = {
    "info of text": lambda client, sql: client.get_flight_info(as_text(sql)),
    "info of a statement": lambda client, sql: client.get_flight_info(as_statement(sql)),
    "schema of text": lambda client, sql: client.get_schema(as_text(sql)),
    "schema of a statement": lambda client, sql: client.get_schema(as_statement(sql)),
    "prepared statement": prepare,
    "update": lambda client, sql: put(client, descriptor("CommandStatementUpdate", query=sql), ROW),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("sql", CHANGES)
def test_no_path_takes_a_change(sql: str, path: str, stock: flight.FlightClient, tmp_path: Path) -> None:
    target = tmp_path / "written"
    with pytest.raises((pa.ArrowInvalid, NotImplementedError), match="changes nothing"):
        PATHS[path](stock, sql.replace("{target}", str(target)))
    assert not target.exists()


@pytest.mark.parametrize("sql", CHANGES)
def test_no_ticket_is_a_change(sql: str, stock: flight.FlightClient, tmp_path: Path) -> None:
    target = tmp_path / "written"
    for name in ("CommandStatementQuery", "CommandStatementUpdate"):
        ticket = flight.Ticket(packed(name, query=sql.replace("{target}", str(target))))
        with pytest.raises((pa.ArrowException, KeyError, NotImplementedError, flight.FlightError)):
            stock.do_get(ticket).read_all()
    assert not target.exists()


@pytest.mark.parametrize(
    "name", ["CommandStatementSubstraitPlan", "ActionCreatePreparedSubstraitPlanRequest"]
)
def test_plans_of_others_are_refused(name: str, stock: flight.FlightClient) -> None:
    type_url = f"type.googleapis.com/arrow.flight.protocol.sql.{name}"
    plan = any_pb2.Any(type_url=type_url, value=b"\x0a\x00").SerializeToString()
    asked = flight.FlightDescriptor.for_command(plan)
    calls: list[Callable[[], object]] = [
        lambda: stock.get_flight_info(asked),
        lambda: stock.get_schema(asked),
        lambda: stock.do_get(flight.Ticket(plan)).read_all(),
        lambda: put(stock, asked, ROW),
        lambda: list(stock.do_action(("CreatePreparedSubstraitPlan", plan))),
    ]
    for call in calls:
        with pytest.raises((pa.ArrowException, KeyError, NotImplementedError, flight.FlightError)):
            call()
