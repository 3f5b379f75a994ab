"""Mode `watermark` with every type that a watermark can have, and every kind of primary key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from histories import History, Step, problems

if TYPE_CHECKING:
    from conftest import NewDatabase

ROWS = 100
BY_W = 'mode = "watermark", column = "w"'
NO_OVERLAP = f"{BY_W}, overlap = 0"

# A type of the watermark, its value of a number of steps, and an overlap of three and a half steps.
TYPES = {
    "smallint": ("{0}", "3"),
    "integer": ("{0}", "3"),
    "bigint": ("9007199254740993 + {0}", "3"),
    "numeric(12,0)": ("{0}", "3"),
    "numeric(20,4)": ("1000000000000000.0001 + {0}", "3"),
    "numeric(30,10)": ("12345678901234567890.6 + {0}", "3"),
    "date": ("'2024-02-20'::date + {0}", '"3d"'),
    "timestamp": ("'2024-02-20 01:02:03.000001'::timestamp + {0} * '1 minute'::interval", '"210s"'),
    "timestamp with time zone": (
        "'2024-03-31 00:59:59.999999Z'::timestamptz + {0} * '1 minute'::interval",
        '"210s"',
    ),
}
EARLY = {
    "integer": "-2147483648 + {0}",
    "bigint": "-9223372036854775808 + {0}",
    "numeric(20,4)": "-1000000000000000 + {0}",
    "date": "'4000-01-01 BC'::date + {0}",
    "timestamp": "'4000-01-01 BC'::timestamp + {0} * '1 minute'::interval",
    "timestamp with time zone": "'1969-12-31 23:50:00Z'::timestamptz + {0} * '1 minute'::interval",
}


def with_a_key(printed: str, value: str, overlap: str) -> History:
    """Of the rows above the largest value but the overlap, and of no others, something is seen."""

    def newer(steps: int) -> str:
        return value.format(ROWS + steps)

    begin = [
        f"CREATE TABLE t (id integer PRIMARY KEY, w {printed}, v integer)",
        f"INSERT INTO t SELECT i, {value.format('i')}, 0 FROM generate_series(1, {ROWS}) AS i",
    ]
    steps: list[Step] = [
        # The largest value before, and those of the overlap below it, are read again.
        (f"INSERT INTO t VALUES (1000, {newer(10)}, 1)", {"t": 5}),
        (f"UPDATE t SET w = {newer(20)}, v = v + 1 WHERE id IN (1, 2, 50)", {"t": 4}),
        (f"UPDATE t SET w = {newer(30)}, v = v + 1 WHERE id IN (1, 99)", {"t": 4}),
        # What commits late is seen if it is not later than the overlap.
        (f"INSERT INTO t VALUES (1001, {newer(27)}, 1), (1002, {newer(28)}, 1)", {"t": 4}),
        ([f"INSERT INTO t VALUES (1003, {newer(26)}, 1)", "DELETE FROM t WHERE id = 1003"], {"t": 4}),
    ]
    return History(f"{BY_W}, overlap = {overlap}", begin, steps)


def without_a_key(printed: str, value: str) -> History:
    """Rows above the largest value are added, and none is read twice."""
    begin = [
        f"CREATE TABLE t (w {printed}, v integer)",
        f"INSERT INTO t SELECT {value.format('i')}, 0 FROM generate_series(1, {ROWS}) AS i",
    ]
    steps: list[Step] = [
        (f"INSERT INTO t SELECT {value.format(ROWS + step)}, i FROM generate_series(1, 2) AS i", {"t": 2})
        for step in range(1, 4)
    ]
    return History(BY_W, begin, [*steps, ([], {})])


def without_an_overlap(printed: str, value: str) -> History:
    """Nothing is read twice."""
    begin = [
        f"CREATE TABLE t (id integer PRIMARY KEY, w {printed})",
        f"INSERT INTO t SELECT i, {value.format('i')} FROM generate_series(1, {ROWS}) AS i",
    ]
    update = f"UPDATE t SET w = {value.format(2 * ROWS)} WHERE id = 1"
    return History(NO_OVERLAP, begin, [([], {}), (update, {"t": 1}), ([], {})])


def beyond_16_digits(fraction: str) -> History:
    """A bound that PostgreSQL's division would round."""
    whole = "123456789012345678"
    begin = ["CREATE TABLE t (id integer, w numeric(20,2))", f"INSERT INTO t VALUES (1, {whole}.{fraction})"]
    return History(BY_W, begin, [([], {}), (f"INSERT INTO t VALUES (2, {whole}.99)", {"t": 1})])


KEYS = {
    "two columns": ("a integer, b smallint", "i / 10, i % 10", "a, b"),
    "text": ("a text", "'Grüße ' || i", "a"),
    "text and a number": ("a text, b bigint", "repeat('x', i % 5), i", "b, a"),
    "uuid": ("a uuid", "md5(i::text)::uuid", "a"),
    "date and time": (
        "a date, b time, c timestamptz",
        "'2024-01-01'::date + i, '12:00', to_timestamp(i)",
        "a, b, c",
    ),
    "numeric": ("a numeric(12,2)", "i / 4.0", "a"),
    "numeric of any scale": ("a numeric", "i / 4.0", "a"),
    "bytes": ("a bytea", "decode(md5(i::text), 'hex')", "a"),
    "boolean and character": ("a boolean, b character(6)", "i % 2 = 0, i::text", "a, b"),
    "enum": ("a mood, b integer", "(CASE i % 2 WHEN 0 THEN 'sad' ELSE 'ok' END)::mood, i", "a, b"),
    "arrays": ("a integer[]", "ARRAY[i, i]", "a"),
    "interval": ("a interval", "i * '1 hour'::interval", "a"),
    "range": ("a int4range", "int4range(i, i + 1)", "a"),
    "other columns of like names": ('a integer, "a.b" integer, ab integer', "i, -i, i", "a"),
    "a name with a dot": ('"a.b" integer, a integer', "i, -i", '"a.b"'),
    "a name with quotes": ('"a""b c" integer', "i", '"a""b c"'),
}


def replaced(columns: str, values: str, key: str) -> History:
    """Rows of a key that was there are replaced."""
    begin = [
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        f"CREATE TABLE t (n integer, {columns}, w integer, v integer, PRIMARY KEY ({key}))",
        f"INSERT INTO t SELECT i, {values}, i, 0 FROM generate_series(1, {ROWS}) AS i",
    ]
    update = "UPDATE t SET w = {} + n, v = v + 1 WHERE {}"
    insert = f"INSERT INTO t SELECT i, {values}, 3100, 0 FROM generate_series(201, 220) AS i"
    steps: list[Step] = [
        (update.format(1000, "n % 10 = 3"), {"t": 10}),
        (update.format(2000, "n % 20 = 3 OR n = 1"), {"t": 6}),
        ([update.format(3000, "n > 50"), insert], {"t": 70}),
        (update.format(4000, "true"), {"t": 120}),
    ]
    return History(NO_OVERLAP, begin, steps)


def of_types_that_follow_values() -> History:
    """Types widen with what comes; rows that were there are given the wider type."""
    begin = [
        "CREATE TABLE t (id integer PRIMARY KEY, w integer, n numeric, a integer[])",
        f"INSERT INTO t SELECT i, i, i, ARRAY[i] FROM generate_series(1, {ROWS}) AS i",
    ]
    changes = [
        "n = 1.25",
        "n = NULL",
        "n = 12345678901234567890.123456789",
        "a = '{}'",
        "a = NULL",
        "n = 1e60",
    ]
    update = "UPDATE t SET w = {}, {} WHERE id = {}"
    steps: list[Step] = [
        (update.format(1000 + number, change, number), {"t": 1}) for number, change in enumerate(changes, 1)
    ]
    # From here on a column comes as text, and all rows are read again for it.
    as_text = ["a = '{{1,2},{3,4}}'", "n = 1e90", "n = 1", "a = '{5}'"]
    steps += [
        (update.format(2000 + number, change, number), None) for number, change in enumerate(as_text, 50)
    ]
    return History(NO_OVERLAP, begin, steps)


HISTORIES = {
    "types that follow values": of_types_that_follow_values(),
    **{f"{printed}, with a key": with_a_key(printed, *how) for printed, how in TYPES.items()},
    **{
        f"{printed} before 1970, with a key": with_a_key(printed, value, TYPES[printed][1])
        for printed, value in EARLY.items()
    },
    **{f"{printed}, without a key": without_a_key(printed, value) for printed, (value, _) in TYPES.items()},
    **{
        f"{printed}, without an overlap": without_an_overlap(printed, value)
        for printed, (value, _) in TYPES.items()
    },
    **{f"beyond 16 digits, .{fraction}": beyond_16_digits(fraction) for fraction in ("20", "49", "50", "80")},
    **{f"key: {name}": replaced(*how) for name, how in KEYS.items()},
}


@pytest.fixture(scope="module")
def found(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return problems(HISTORIES, new_database(), tmp_path_factory.mktemp("watermark"), must_stay=False)


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history(name: str, found: dict[str, list[str]]) -> None:
    assert found[name] == []
