"""Odd numbers, texts and bytes, and changes of ordinary ones into such."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

NUMBERS = (0, 1, 2, 3, 7, 8, 15, 16, 63, 64, 127, 128, 255, 256, 1000, 32_767, 65_535, 65_536, 1 << 20)
LARGE = (
    *((1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 46, 1 << 61, 1 << 62, (1 << 63) - 1, 1 << 63),
    *(-1, -2, -8, -(1 << 31), -(1 << 62)),
)
BYTES = (
    *(b"", b"\x00", b"\xff", b"\xff\xfe", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
    *(b"\xf0\x9f\x98\x80", "é".encode(), b"\x00" * 64, b"\xff" * 64, b"A" * 5000),
)
# What PostgreSQL's SQL has, and what its readers stumble over.
WORDS = (
    *(
        "SELECT",
        "FROM",
        "WHERE",
        "GROUP BY",
        "ORDER BY",
        "LIMIT",
        "OFFSET",
        "UNION ALL",
        "WITH RECURSIVE",
        "VALUES",
    ),
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ";",
        ".",
        "..",
        "::",
        ":",
        "'",
        '"',
        "$$",
        "$1",
        "$0",
        "$65536",
        "?",
        "??",
    ),
    *(
        "--",
        "/*",
        "*/",
        "*",
        "/ 0",
        "%",
        "||",
        "->>",
        "@>",
        "E'\\u0000'",
        "U&'\\FFFF'",
        "X'0'",
        "B'2'",
        "1e400",
    ),
    *("NULL", "TRUE", "'NaN'::float8", "9223372036854775808", "-9223372036854775808", "0.1e-400", "1" * 400),
    *(
        "ARRAY[]",
        "ROW()",
        "CASE WHEN",
        "EXISTS",
        "OVER ()",
        "FILTER (WHERE",
        "interval '1 mon'",
        'COLLATE "x"',
    ),
    *(
        "::numeric(1000, 999)",
        "::text[]",
        "::jsonb",
        "::oid",
        "::interval",
        "::char(0)",
        "::varchar(10485761)",
    ),
    *(
        "now()",
        "generate_series(1, 9)",
        "count(*)",
        "string_agg(t, ',')",
        "s",
        "s.id",
        "s.t",
        "information_schema",
    ),
    *(
        "EXPLAIN",
        "EXPLAIN ANALYZE",
        "SHOW",
        "SET",
        "COPY",
        "CREATE TABLE",
        "DECLARE",
        "\\",
        "\t",
        "\n",
        "\u00a0",
        "é",
    ),
    *(
        "\u202e",
        "\ufeff",
        "\ufffd",
        "😀",
        "LATERAL",
        "TABLESAMPLE",
        "FOR UPDATE",
        "GROUPING SETS (())",
        "CUBE ()",
    ),
)


def change_number(chance: random.Random, value: int) -> int:
    """Another number: an odd one, a near one, or one with another bit."""
    how = chance.randrange(4)
    if how == 0:
        return chance.choice(NUMBERS)
    if how == 1:
        return chance.choice(LARGE)
    if how == 2:
        return value + chance.choice((-1, 1))
    return value ^ 1 << chance.randrange(64)


def change_bytes(chance: random.Random, content: bytes) -> bytes:  # noqa: PLR0911 - a change each
    """The same with some bytes changed, whatever they mean."""
    how = chance.randrange(8)
    if not content or how == 0:
        return content + chance.randbytes(chance.choice((1, 4, 16, 300)))
    place = chance.randrange(len(content))
    end = min(len(content), place + chance.choice((1, 1, 2, 4, 8, 32)))
    if how == 1:
        return content[:place]
    if how == 2:
        return content[:place] + content[end:]
    if how == 3:
        return content[:end] + content[place:end] * chance.choice((1, 2, 50)) + content[end:]
    if how == 4:
        return content[:place] + chance.choice(BYTES) + content[end:]
    if how == 5:
        return content[:place] + chance.randbytes(end - place) + content[end:]
    if how == 6:
        return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]
    return content[place:] + content[:place]


def change_text(chance: random.Random, content: bytes) -> bytes:
    """The same with a word more, less or instead."""
    words = content.split(b" ")
    place = chance.randrange(len(words) + 1)
    end = min(len(words), place + chance.choice((0, 0, 1, 1, 2)))
    put = [chance.choice(WORDS).encode() for _ in range(chance.choice((0, 1, 1, 2)))]
    return b" ".join([*words[:place], *put, *words[end:]])


def random_text(chance: random.Random) -> bytes:
    """A text of words in no order."""
    return b" ".join(chance.choice(WORDS).encode() for _ in range(chance.choice((0, 1, 3, 10, 40))))
