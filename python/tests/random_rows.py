"""A large table of random values of every native type, the same in each run."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import TYPE_CHECKING

from rail_forge_testbed.postgres_text import array_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    Make = Callable[[random.Random], str]

TABLE = "random_rows"
ROWS = 20_000
SEED = 20_260_228
NULL_SHARE = 0.1
MOST_ELEMENTS = 4
MOST_CHARACTERS = 12

# Quotes and blanks that arrays treat apart, and characters of one to four bytes.
ALPHABET = (
    "aZ09 \t\n\r\v\f\"'\\{}(),;NULnul%_\u0001\u00a0äßéλЖ世界\u0301\u200b\u2028\ufeff\U0001f600\U0001f468"
)


def _text(chance: random.Random) -> str:
    return "".join(chance.choices(ALPHABET, k=chance.randrange(MOST_CHARACTERS)))


def _integer(bits: int) -> Make:
    """Of any length, not only of the longest."""

    def make(chance: random.Random) -> str:
        return str(chance.getrandbits(chance.randint(1, bits - 1)) * chance.choice((1, -1)))

    return make


def _numeric(digits: int, scale: int) -> Make:
    """A number of at most so many digits, `scale` of them decimals; if negative, so many zeros follow."""

    def make(chance: random.Random) -> str:
        number = chance.randrange(10 ** chance.randint(0, digits))
        sign = chance.choice(("", "-"))
        if scale < 0:
            return f"{sign}{number}{'0' * -scale}"
        shown = str(number).rjust(scale + 1, "0")
        return f"{sign}{shown[: len(shown) - scale]}.{shown[len(shown) - scale :]}" if scale else sign + shown

    return make


def _any_numeric(chance: random.Random) -> str:
    scale = chance.randint(0, 30)
    return _numeric(scale + chance.randint(0, 30), scale)(chance)


def _floating(smallest: int, largest: int) -> Make:
    def make(chance: random.Random) -> str:
        if chance.random() < 0.05:
            return chance.choice(("NaN", "Infinity", "-Infinity", "-0", "0"))
        if chance.random() < 0.3:
            return str(chance.getrandbits(chance.randint(1, 60)))
        return f"{chance.choice(('', '-'))}{chance.uniform(1, 10)!r}e{chance.randint(smallest, largest)}"

    return make


def _json(chance: random.Random) -> str:
    value = {
        _text(chance): [chance.randrange(1000), None, {"ä": chance.random()}],
        "a": chance.random() < 0.5,
    }
    return json.dumps(value, ensure_ascii=chance.random() < 0.5)


def _bytes(chance: random.Random) -> str:
    return "\\x" + chance.randbytes(chance.randrange(MOST_CHARACTERS)).hex()


def _uuid(chance: random.Random) -> str:
    return chance.randbytes(16).hex()


def _date(chance: random.Random) -> str:
    year, ending = chance.choice(
        ((chance.randint(1, 9999), ""), (chance.randint(1, 4700), " BC"), (200_000, ""))
    )
    return f"{year:04}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}{ending}"


def _time(chance: random.Random) -> str:
    seconds = f"{chance.randrange(60):02}.{chance.choice((0, chance.randrange(10**6))):06}"
    return f"{chance.randrange(24):02}:{chance.randrange(60):02}:{seconds}"


def _timestamp(chance: random.Random) -> str:
    date, bc, _ = _date(chance).partition(" BC")
    return f"{date} {_time(chance)}{bc}"


def _zoned(chance: random.Random) -> str:
    date, bc, _ = _date(chance).partition(" BC")
    return f"{date} {_time(chance)}{chance.choice(('Z', '+05:30', '-11'))}{bc}"


def _interval(chance: random.Random) -> str:
    fields = [
        f"{chance.choice((0, chance.randint(-400, 400)))} {unit}"
        for unit in ("month", "day", "hour", "second")
    ]
    return f"{' '.join(fields)} {chance.randint(-(10**7), 10**7)} microsecond"


def _array(make: Make) -> Make:
    def elements(chance: random.Random) -> str:
        count = chance.randrange(MOST_ELEMENTS)
        return array_text([None if chance.random() < NULL_SHARE else make(chance) for _ in range(count)])

    return elements


def _one_of(*values: str) -> Make:
    return lambda chance: chance.choice(values)


SCALARS: dict[str, Make] = {
    "boolean": _one_of("t", "f"),
    "smallint": _integer(16),
    "integer": _integer(32),
    "bigint": _integer(64),
    "oid": lambda chance: str(chance.getrandbits(32)),
    "real": _floating(-37, 36),
    "double precision": _floating(-306, 306),
    "numeric(12,2)": _numeric(12, 2),
    "numeric(38,10)": _numeric(38, 10),
    "numeric(60,20)": _numeric(60, 20),
    "numeric(80,20)": _numeric(80, 20),
    "numeric(2,4)": _numeric(2, 4),
    "numeric(5,-2)": _numeric(5, -2),
    "numeric": _any_numeric,
    "text": _text,
    "character varying(20)": _text,
    "character(15)": _text,
    '"char"': lambda chance: chance.choice('abc \\"{}'),
    "name": _text,
    "mood": _one_of("sad", "ok", 'it\'s "ok"', "a,b", "", "😀"),
    "json": _json,
    "jsonb": _json,
    "uuid": _uuid,
    "bytea": _bytes,
    "date": _date,
    "time without time zone": _time,
    "timestamp without time zone": _timestamp,
    "timestamp with time zone": _zoned,
    "interval": _interval,
    "money": _numeric(12, 2),
    "time with time zone": lambda chance: f"{_time(chance)}{chance.choice(('Z', '+05:30'))}",
    "inet": lambda chance: ".".join(str(chance.randrange(256)) for _ in range(4)),
    "int4range": lambda chance: f"[{chance.randint(-9, 0)},{chance.randint(0, 9)}]",
}
NOT_IN_ARRAYS = ("numeric(80,20)", "money", "inet")
COLUMNS: dict[str, Make] = {
    **SCALARS,
    **{f"{name}[]": _array(make) for name, make in SCALARS.items() if name not in NOT_IN_ARRAYS},
}


@cache
def _rows() -> list[list[str | None]]:
    chance = random.Random(SEED)
    makers = list(COLUMNS.values())
    return [
        [str(row), *(None if chance.random() < NULL_SHARE else make(chance) for make in makers)]
        for row in range(ROWS)
    ]


def create_random_rows(connection: psycopg.Connection) -> None:
    """Create the table; a type `mood` is there already."""
    definitions = ", ".join(f"c{number} {printed}" for number, printed in enumerate(COLUMNS))
    connection.execute(f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, {definitions})".encode())
    with connection.cursor() as cursor, cursor.copy(f"COPY {TABLE} FROM STDIN".encode()) as copy:
        for row in _rows():
            copy.write_row(row)
