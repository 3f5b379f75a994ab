"""Texts are ordered and compared as PostgreSQL's collations do it.

Orders of glibc are compared with an embedded PostgreSQL that has its locales, those of ICU with another one
that has ICU; the server of `RAIL_FORGE_TEST_PG_URL` need not have either.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import psycopg
import pytest
from conftest import NO_REFRESH, answer, refresh, run
from live_tables import live_server

import rail_forge
from rail_forge_testbed.answers import Refusal, Rows, answer_of_postgres, answer_of_rail_forge, difference
from rail_forge_testbed.postgres import EmbeddedPostgres
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Serve

    from rail_forge_testbed.postgres import PostgresServer

LOCALES = ("en_US", "de_DE", "sv_SE")
ROWS = 400
LETTERS = "aabbccdeinorstzABCZ"
ACCENTED = "áàäâåãæçéèêëñöøßüýžÅÉÖ"
MARKS = " -_.,'/()&@#0123456789"
OTHERS = "λωΩяЖאبक漢字かな한글€½²ﬁ😀\u0301"

TABLE = """
    CREATE TABLE words (
        id int PRIMARY KEY,
        w text,
        v varchar(40),
        p character(12),
        a text[],
        c text COLLATE "C",
        g text COLLATE german,
        s text COLLATE swedish,
        k int,
        n name
    )"""

# What stands in several collations, without a word about them.
STATEMENTS = [
    "SELECT w FROM words ORDER BY w",
    "SELECT w, id FROM words ORDER BY w DESC NULLS LAST, id",
    "SELECT w FROM words ORDER BY 1 LIMIT 20",
    "SELECT id FROM words ORDER BY w || 'x', id",
    "SELECT w FROM words WHERE w IS NOT NULL ORDER BY w OFFSET 7 FETCH FIRST 5 ROWS WITH TIES",
    "SELECT DISTINCT w FROM words ORDER BY w",
    "SELECT w FROM words UNION SELECT v FROM words ORDER BY 1",
    "SELECT w FROM words INTERSECT SELECT v FROM words ORDER BY 1 DESC",
    "SELECT v FROM words ORDER BY v",
    "SELECT p FROM words ORDER BY p, id",
    "SELECT c FROM words ORDER BY c",
    "SELECT g, id FROM words ORDER BY g, id",
    "SELECT n FROM words ORDER BY n, id",
    "SELECT a, id FROM words ORDER BY a, id",
    'SELECT w FROM words ORDER BY w COLLATE "C"',
    'SELECT c FROM words ORDER BY c COLLATE "default"',
    "SELECT c FROM words ORDER BY c COLLATE german",
    "SELECT id FROM words WHERE w < 'm' ORDER BY id",
    "SELECT id FROM words WHERE w <= v ORDER BY id",
    "SELECT id FROM words WHERE 'B' > w ORDER BY id",
    "SELECT id FROM words WHERE w >= 'a b' AND NOT w > 'É' ORDER BY id",
    "SELECT id FROM words WHERE w BETWEEN 'a' AND 'c' ORDER BY id",
    "SELECT id FROM words WHERE w NOT BETWEEN 'a' AND 'c' ORDER BY id",
    "SELECT id FROM words WHERE c BETWEEN 'a' AND 'c' ORDER BY id",
    "SELECT id FROM words WHERE w < c ORDER BY id",
    "SELECT id FROM words WHERE g < w ORDER BY id",
    'SELECT id FROM words WHERE w < g COLLATE "C" ORDER BY id',
    "SELECT id FROM words WHERE p < 'm' ORDER BY id",
    "SELECT id FROM words WHERE (w, id) < ('m', 50) ORDER BY id",
    "SELECT id FROM words WHERE (c, w) >= (g COLLATE \"C\", 'm') ORDER BY id",
    "SELECT id FROM words WHERE a < ARRAY['b', 'a'] ORDER BY id",
    "SELECT id FROM words WHERE w > ANY (a) ORDER BY id",
    "SELECT id FROM words WHERE w <= ALL (ARRAY['é', 'z', 'ß']) ORDER BY id",
    "SELECT id FROM words WHERE w >= ALL (SELECT v FROM words WHERE k = 3 AND v IS NOT NULL) ORDER BY id",
    "SELECT id FROM words WHERE w < ANY (SELECT g FROM words WHERE k = 2) ORDER BY id",
    "SELECT id FROM words WHERE w IN ('a', 'A', 'b') OR w = ANY (a) ORDER BY id",
    "SELECT min(w), max(w), min(c), max(c), min(g), max(g), min(v), max(p) FROM words",
    "SELECT k, min(w), max(w) FROM words GROUP BY k ORDER BY k",
    "SELECT min(a), max(a) FROM words",
    "SELECT max(w) FILTER (WHERE k > 2), min(w || v) FROM words",
    "SELECT greatest(w, v, 'm'), least(w, v, c), greatest(c, 'm') FROM words ORDER BY id",
    "SELECT greatest(a, ARRAY['m']) FROM words ORDER BY id",
    "SELECT id, rank() OVER (ORDER BY w), dense_rank() OVER (PARTITION BY k ORDER BY w DESC)"
    " FROM words ORDER BY id",
    "SELECT id, count(*) OVER (ORDER BY w), max(w) OVER (PARTITION BY k ORDER BY id) FROM words ORDER BY id",
    "SELECT id, lag(w) OVER (ORDER BY w, id), first_value(id) OVER (PARTITION BY k ORDER BY w, id)"
    " FROM words ORDER BY id",
    "SELECT id, min(w) OVER (ORDER BY id ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING) FROM words ORDER BY id",
    "SELECT DISTINCT ON (w) w, id FROM words ORDER BY w, id DESC",
    "SELECT DISTINCT ON (k) k, w FROM words ORDER BY k, w DESC NULLS LAST, id",
    "SELECT string_agg(w, ',' ORDER BY w) FROM words",
    "SELECT k, string_agg(DISTINCT w, ',') FROM words GROUP BY k ORDER BY k",
    "SELECT k, string_agg(DISTINCT w, '; ' ORDER BY w DESC) FROM words GROUP BY k ORDER BY k",
    "SELECT string_agg(DISTINCT w, ',') FROM words WHERE w IS NULL",
    "SELECT array_agg(w ORDER BY w DESC, id) FROM words",
    "SELECT k, array_agg(DISTINCT w), count(DISTINCT w) FROM words GROUP BY k ORDER BY k",
    "SELECT json_object_agg(DISTINCT id, w) FROM words",
    "SELECT json_object_agg(DISTINCT k, w) FROM words",
    "SELECT json_object_agg(DISTINCT upper(c), w) FROM words WHERE c IS NOT NULL",
    "SELECT json_object_agg(DISTINCT left(c, 1), g) FROM words WHERE c IS NOT NULL",
    "SELECT percentile_disc(0.3) WITHIN GROUP (ORDER BY w), mode() WITHIN GROUP (ORDER BY w) FROM words",
    "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY g DESC) FROM words",
    "SELECT array_sort(a) FROM words ORDER BY id",
    "SELECT id FROM words ORDER BY to_jsonb(w), id",
    "SELECT id FROM words ORDER BY jsonb_build_object('a', c, coalesce(w, ''), k) DESC, id",
    "SELECT id FROM words WHERE to_jsonb(w) < '\"m\"' ORDER BY id",
    "SELECT id FROM words WHERE to_jsonb(a) >= ANY (SELECT to_jsonb(a) FROM words WHERE k = 3) ORDER BY id",
    "SELECT greatest(to_jsonb(w), to_jsonb(v)) FROM words ORDER BY id",
    "SELECT jsonb_agg(DISTINCT to_jsonb(w)), count(DISTINCT to_jsonb(w)) FROM words",
    "SELECT id, rank() OVER (PARTITION BY k ORDER BY to_jsonb(w)) FROM words ORDER BY id",
    "SELECT ARRAY(SELECT w FROM words WHERE k = 1 ORDER BY w, id)",
    "SELECT u, id FROM words, unnest(a) AS u ORDER BY u, id",
    "SELECT id FROM words ORDER BY a[1], id",
    "SELECT id FROM words ORDER BY CASE WHEN k = 1 THEN w ELSE v END, id",
    "SELECT id FROM words ORDER BY coalesce(w, c), id",
    "SELECT id FROM words ORDER BY lower(w), upper(w), id",
    'SELECT x FROM (SELECT w COLLATE "C" AS x FROM words) q ORDER BY x',
    "SELECT x FROM (SELECT min(w) AS x FROM words GROUP BY k) q WHERE x < 'm' ORDER BY x",
    "WITH q AS (SELECT g AS x FROM words) SELECT x FROM q WHERE x > 'm' ORDER BY x",
    "SELECT x FROM (VALUES ('b'), ('B'), ('a'), ('á'), ('a b'), ('_')) v(x), words WHERE id = 1 ORDER BY x",
    "SELECT 'a' < 'B', 'a b' < 'ab', '_' < 'a' FROM words LIMIT 1",
    "SELECT one.id FROM words one JOIN words other ON one.w = other.c AND one.w > 'm'"
    " ORDER BY one.w, one.id, other.id",
    "SELECT w, count(*) FROM words GROUP BY w HAVING max(w) > 'c' ORDER BY w",
    "SELECT upper(c), lower(c), initcap(c), upper(w), lower(w) FROM words ORDER BY id",
    "SELECT upper('été ß' COLLATE \"C\"), lower('ÉTÉ' COLLATE \"POSIX\"), initcap('été été' COLLATE \"C\")",
]

CONFLICTS = [
    "SELECT id FROM words WHERE g < s",
    "SELECT id FROM words WHERE c >= g",
    "SELECT w FROM words ORDER BY c || g",
    "SELECT greatest(c, g) FROM words",
    "SELECT min(coalesce(c, g)) FROM words",
    "SELECT rank() OVER (ORDER BY CASE WHEN k = 1 THEN c ELSE g END) FROM words",
    "SELECT x FROM (SELECT c || g AS x FROM words) q ORDER BY x",
    "SELECT c FROM words UNION SELECT g FROM words",
    "SELECT id FROM words WHERE c = g",
    "SELECT id FROM words WHERE c || g IN ('a', 'b')",
    "SELECT id FROM words WHERE c <> ALL (ARRAY[g, w])",
    "SELECT CASE c WHEN g THEN 1 END, nullif(g, c) FROM words",
    "SELECT id FROM words WHERE position(c IN g) > 0",
    'SELECT w COLLATE "C" || v COLLATE german FROM words',
    'SELECT id FROM words WHERE w COLLATE "C" < v COLLATE "POSIX"',
    'SELECT k COLLATE "C" FROM words',
]

# What every PostgreSQL with ICU has.
COLLATIONS_OF_ICU = ("unicode", "und-x-icu", "en-US-x-icu", "de-AT-x-icu", "sv-x-icu", "cs-x-icu")
WORDS = ("_a", "a", "A", "á", "a b", "a10", "a9", "ab", "B", "ch", "cz", "d", "h", "i", "ö", "z")


def random_word(generator: random.Random) -> str | None:
    if generator.random() < 0.04:
        return None
    alphabets, weights = (LETTERS, ACCENTED, MARKS, OTHERS), (6, 2, 2, 1)
    length = generator.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 8))
    return "".join(generator.choice(generator.choices(alphabets, weights)[0]) for _ in range(length))


def load(url: str, german: str, swedish: str) -> None:
    generator = random.Random(20)
    run(url, f"CREATE COLLATION german ({german})", f"CREATE COLLATION swedish ({swedish})", TABLE)
    with (
        psycopg.connect(url, autocommit=True) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY words FROM STDIN") as copy,
    ):
        for number in range(ROWS):
            w, v, p, c, g, s, n = (random_word(generator) for _ in range(7))
            # Some are the same, or differ in little.
            v = generator.choice((v, w, w and w.upper()))
            words = [random_word(generator) for _ in range(generator.randrange(4))]
            copy.write_row((number, w, v, p, words, c, g, s, number % 5, n))


@pytest.fixture(scope="module")
def of_glibc() -> Iterator[PostgresServer]:
    """A server with locales of glibc."""
    with EmbeddedPostgres(locale_names=LOCALES) as server:
        yield server


def database_of_glibc(server: PostgresServer, name: str, locale: str) -> str:
    run(
        server.url(),
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING UTF8 LOCALE_PROVIDER libc LOCALE '{locale}'",
    )
    return server.url(name)


@pytest.fixture(scope="module")
def english(of_glibc: PostgresServer) -> str:
    """A database whose texts are ordered as in English."""
    url = database_of_glibc(of_glibc, "english", "en_US.utf8")
    load(url, "provider = libc, locale = 'de_DE.utf8'", "provider = libc, locale = 'sv_SE.utf8'")
    return url


@pytest.fixture(scope="module")
def english_server(english: str) -> Iterator[RailForgeServer]:
    with RailForgeServer({"words": english}, arguments=NO_REFRESH) as server:
        refresh(server)
        yield server


@pytest.fixture(scope="module")
def of_icu(postgres_with_icu: PostgresServer) -> str:
    """A database whose texts are ordered by ICU."""
    options = "ENCODING UTF8 LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
    run(postgres_with_icu.url(), f"CREATE DATABASE words_of_icu TEMPLATE template0 {options}")
    return postgres_with_icu.url("words_of_icu")


def both_answers(url: str, server: RailForgeServer, sql: str) -> tuple[Rows | Refusal, Rows | Refusal]:
    """What PostgreSQL answers, and what RailForge does."""
    with psycopg.connect(url, autocommit=True) as reference, rail_forge.connect(server.flight) as client:
        return answer_of_postgres(reference, sql), answer_of_rail_forge(client, sql)


def compare(url: str, server: RailForgeServer, sql: str, *, in_order: bool = True) -> None:
    wanted, got = both_answers(url, server, sql)
    assert isinstance(wanted, Rows), wanted
    assert isinstance(got, Rows), got
    assert difference(got, wanted, in_order=in_order) is None, sql


@pytest.mark.parametrize("sql", STATEMENTS)
def test_glibc_orders_texts(sql: str, english: str, english_server: RailForgeServer) -> None:
    compare(english, english_server, sql)


@pytest.mark.parametrize("sql", CONFLICTS)
def test_collations_that_contradict_each_other_are_refused(
    sql: str, english: str, english_server: RailForgeServer
) -> None:
    wanted, got = both_answers(english, english_server, sql)
    assert isinstance(wanted, Refusal), wanted
    assert isinstance(got, Refusal), got
    words = wanted.message.splitlines()[0].removeprefix("ERROR:").strip()
    assert words in got.message


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT c || g, count(*) FROM words GROUP BY c || g",
        "SELECT DISTINCT c || g FROM words",
        "SELECT count(DISTINCT c || g) FROM words",
        "SELECT one.id FROM words one JOIN words other ON one.c = other.g",
        "SELECT id FROM words WHERE c LIKE g",
        "SELECT id FROM words WHERE c || g ~ 'a'",
        "SELECT id FROM words WHERE c IN (SELECT g FROM words)",
        "SELECT upper(c || g) FROM words",
        "SELECT initcap(coalesce(c, g)) FROM words",
    ],
)
def test_what_needs_a_collation_says_so(sql: str, english: str, english_server: RailForgeServer) -> None:
    for got in both_answers(english, english_server, sql):
        assert isinstance(got, Refusal), got
        assert re.search("could not determine which collation to use for|collation mismatch", got.message)


def test_what_is_not_ordered_is_not_refused(english: str, english_server: RailForgeServer) -> None:
    for sql in (
        "SELECT s, count(*) FROM words GROUP BY s",
        "SELECT DISTINCT s FROM words WHERE s <> 'a' AND s LIKE '%a%'",
        "SELECT one.id, other.id FROM words one JOIN words other USING (s)",
        "SELECT count(DISTINCT s), count(s) FROM words",
        'SELECT s FROM words ORDER BY s COLLATE "C"',
        "SELECT DISTINCT ON (s) s FROM words",
        "SELECT c || g, length(c || s), c IS NULL OR g IS NULL FROM words",
        "SELECT count(c || g) FROM words",
        "SELECT c FROM words UNION ALL SELECT g FROM words",
    ):
        compare(english, english_server, sql, in_order=False)


@pytest.mark.parametrize(
    "sql",
    ["SELECT s FROM words ORDER BY s", "SELECT max(s) FROM words", "SELECT id FROM words WHERE s < 'a'"],
)
def test_an_order_that_is_not_known_is_refused_by_name(sql: str, english_server: RailForgeServer) -> None:
    with pytest.raises(rail_forge.Error, match=r'collation "swedish" .* COLLATE "C"'):
        answer(english_server, sql)
    with pytest.raises(rail_forge.Error, match='COLLATE "klingon"'):
        answer(english_server, "SELECT w FROM words ORDER BY w COLLATE klingon")


def test_live_tables_are_ordered_alike(english: str, serve: Serve, tmp_path: Path) -> None:
    server = live_server(serve, tmp_path, english)
    for sql in (
        "SELECT w FROM words ORDER BY w",
        "SELECT id FROM words WHERE w < 'm' AND c = 'a' ORDER BY id",
        "SELECT k, min(w), max(g) FROM words GROUP BY k ORDER BY k",
    ):
        compare(english, server, sql)


def test_a_refresh_notices_another_collation(of_glibc: PostgresServer, serve: Serve) -> None:
    url = database_of_glibc(of_glibc, "changing", "C")
    run(
        url,
        "CREATE COLLATION english (provider = libc, locale = 'en_US.utf8')",
        "CREATE TABLE t (w text)",
        "INSERT INTO t VALUES ('B'), ('a'), ('C')",
    )
    server = serve({"words": url})
    refresh(server)
    sql = "SELECT w FROM t ORDER BY w"
    assert answer(server, sql) == [("B",), ("C",), ("a",)]
    run(url, "ALTER TABLE t ALTER w TYPE text COLLATE english")
    refresh(server)
    assert answer(server, sql) == [("a",), ("B",), ("C",)]
    run(url, 'ALTER TABLE t ALTER w TYPE text COLLATE "C"')
    refresh(server)
    assert answer(server, sql) == [("B",), ("C",), ("a",)]


def test_databases_with_different_defaults(of_glibc: PostgresServer, english: str, serve: Serve) -> None:
    url = database_of_glibc(of_glibc, "by_bytes", "C")
    words = ["B", "a", "_", "é", "A"]
    run(url, "CREATE TABLE t (w text)", *(f"INSERT INTO t VALUES ('{word}')" for word in words))
    server = serve({"english": english, "plain": url})
    refresh(server)
    both = "FROM english.public.words w RIGHT JOIN plain.public.t t ON w.w = t.w"
    by_bytes = [(word,) for word in sorted(words)]
    assert answer(server, f"SELECT DISTINCT t.w {both} ORDER BY t.w") == by_bytes
    with pytest.raises(rail_forge.Error, match="could not determine which collation"):
        answer(server, f"SELECT 1 {both} WHERE w.w < t.w")
    with pytest.raises(rail_forge.Error, match="different default collations"):
        answer(server, f"SELECT w.id {both} ORDER BY 'a' || w.id")
    assert answer(server, f'SELECT count(*) {both} WHERE w.w > t.w COLLATE "C"') == [(0,)]


def test_results_do_not_tell_collations(english_server: RailForgeServer) -> None:
    with rail_forge.connect(english_server.flight) as client:
        schema = client.sql("SELECT w, c, g, a FROM words").arrow().schema
    assert not [field.name for field in schema if "collation" in str(field.metadata)]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_icu_orders_texts(sql: str, of_icu: str, icu_server: RailForgeServer) -> None:
    compare(of_icu, icu_server, sql)


@pytest.fixture(scope="module")
def icu_server(of_icu: str) -> Iterator[RailForgeServer]:
    load(of_icu, "provider = icu, locale = 'de'", "provider = icu, locale = 'sv'")
    run(
        of_icu,
        "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE TABLE folds (id int, f text COLLATE folded)",
        "INSERT INTO folds SELECT id, w FROM words",
    )
    with RailForgeServer({"words": of_icu}, arguments=NO_REFRESH) as server:
        refresh(server)
        yield server


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM folds ORDER BY f DESC, id",
        "SELECT id FROM folds WHERE f = 'A' OR f IN ('b', 'É') OR f <> 'a' ORDER BY id",
        "SELECT id FROM folds WHERE f = ANY (ARRAY['A', 'B']) ORDER BY id",
        "SELECT one.id, other.id FROM folds one JOIN folds other USING (f) ORDER BY 1, 2",
        "SELECT count(*), count(DISTINCT f) FROM folds",
        "SELECT min(id), count(*) FROM folds GROUP BY f ORDER BY 1",
        "SELECT count(*) FROM (SELECT DISTINCT f FROM folds) q",
        "SELECT count(*) FROM (SELECT f FROM folds UNION SELECT f FROM folds) q",
        "SELECT id, count(*) OVER (PARTITION BY f), rank() OVER (ORDER BY f) FROM folds ORDER BY id",
        "SELECT id FROM folds WHERE f = (SELECT min(f) FROM folds) ORDER BY id",
        "SELECT id FROM folds WHERE f >= (SELECT max(f) FROM folds) ORDER BY id",
        "SELECT id FROM folds WHERE f IN (SELECT f FROM folds WHERE id < 50) ORDER BY id",
        "SELECT id FROM folds WHERE f < 'M' ORDER BY id",
    ],
)
def test_texts_can_be_equal_and_not_the_same(sql: str, of_icu: str, icu_server: RailForgeServer) -> None:
    compare(of_icu, icu_server, sql)


def test_a_recursive_union_does_not_tell_them_apart(of_icu: str, icu_server: RailForgeServer) -> None:
    recursive = "WITH RECURSIVE r AS (SELECT f FROM folds UNION SELECT f FROM r) "
    with pytest.raises(rail_forge.Error, match='column "f" has; say UNION ALL'):
        answer(icu_server, recursive + "SELECT count(*) FROM r")
    by_bytes = 'WITH RECURSIVE r AS (SELECT f COLLATE "C" AS f FROM folds UNION SELECT f FROM r) '
    compare(of_icu, icu_server, by_bytes + "SELECT count(*) FROM r")


@pytest.mark.parametrize("collation", COLLATIONS_OF_ICU)
def test_collations_of_icu_are_known_by_name(
    collation: str, of_icu: str, english_server: RailForgeServer
) -> None:
    """Also where no column and no database has one."""
    values = ", ".join(f"('{word}')" for word in sorted(WORDS))
    compare(of_icu, english_server, f'SELECT x FROM (VALUES {values}) v(x) ORDER BY x COLLATE "{collation}"')
