"""Statements whose plans explode, or have rows without end."""

from __future__ import annotations

from attacks import (
    COLUMNS,
    COPIES,
    EITHER,
    GROUPING_SETS,
    MADE,
    NESTING,
    NO_WINDOW,
    OPERATORS,
    PARENTHESES,
    PLAN_STEPS,
    TIME,
    WINDOW,
    WORDS,
    Attack,
    chained,
    doubled,
    listed,
    recursive,
    several,
)

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
    "rows of subqueries in subqueries": Attack(
        f"SELECT 1{' WHERE (1,1,1,1,1,1,1,1) = (SELECT 1,1,1,1,1,1,1,1' * 12}{')' * 12}", PLAN_STEPS
    ),
    "subqueries that double": Attack(
        doubled("SELECT 1 AS x", "SELECT (SELECT x FROM {0}) + (SELECT x FROM {0}) AS x"), PLAN_STEPS
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
