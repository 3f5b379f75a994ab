"""Statements whose values are too large, or take too long: patterns, texts, arrays, documents."""

from __future__ import annotations

from attacks import (
    COMPLEX,
    CONSTANTS_LIMIT,
    COPIED,
    DEPTH,
    EITHER,
    LARGE_TEXT,
    MADE,
    MEMORY,
    OVERFLOW,
    PARTS,
    TIME,
    Attack,
    chained,
    listed,
    recursive,
    several,
)

PATTERNS = {
    "counted repetitions": Attack("SELECT 'x' ~ '((((x{255}){255}){255}){255})'", COMPLEX),
    "counted repetitions of each row": Attack(
        "SELECT count(*) FROM n WHERE t ~ ('((x{200}){100}){5}' || id)", COMPLEX
    ),
    "repetitions of nothing": Attack(f"SELECT 'x' ~ '{'(' * 7}x?{'){0,255}' * 7}'", COMPLEX),
    "parentheses": Attack("SELECT 'x' ~ (repeat('(', 100000) || 'x' || repeat(')', 100000))", COMPLEX),
    "classes": Attack(r"SELECT 'x' ~ repeat('\w', 1000000)", COMPLEX),
    "classes in brackets": Attack(r"SELECT 'x' ~ repeat('[\wa]', 300000)", COMPLEX),
    "ranges in brackets": Attack(r"SELECT 'x' ~* ('[' || repeat('\x1-\uffff', 10000) || ']')", COMPLEX),
    "letters in brackets": Attack(
        "SELECT 'x' ~ ('[' || string_agg(chr(i * 2), '') || ']') FROM generate_series(28672, 500000) AS i",
        answer=False,
    ),
    "a long pattern": Attack("SELECT count(t ~ repeat(t, 200000)) FROM n WHERE id < 2", f"{COMPLEX}|{MADE}"),
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
