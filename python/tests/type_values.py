"""Values of every type of PostgreSQL, as data: literals, and SQL expressions where a type takes no literal.

The first values of a type are ordinary and short, since they are put into composite types too; then come
extremes and empty values. NULL is added to each. What follows from another type is not listed: arrays, enums,
composite types, domains without a check, and ranges over own types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The own types of a user, and what the values below need. Of a superuser: base types and binary casts.
OWN_TYPES = [
    'CREATE SCHEMA "Odd Schema"',
    """CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "ok"', 'a,b', 'NULL', ' ', '', 'back\\slash', '😀')""",
    'CREATE TYPE "Odd Schema"."Odd ""Type""" AS ENUM (\'odd\')',
    "CREATE DOMAIN plain_text AS text",
    "CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0)",
    "CREATE DOMAIN lower_price AS price CHECK (VALUE < 100)",
    "CREATE DOMAIN any_number AS numeric",
    "CREATE DOMAIN wide_number AS numeric(80,2)",
    "CREATE DOMAIN code AS character(5)",
    "CREATE DOMAIN day AS date",
    "CREATE DOMAIN a_mood AS mood",
    "CREATE DOMAIN integers AS integer[]",
    "CREATE DOMAIN prices AS price[]",
    "CREATE TYPE pair AS (a integer, b text, c price, d integer[])",
    "CREATE TYPE nested AS (p pair, ps pair[], m mood, j jsonb)",
    "CREATE TYPE nothing AS ()",
    "CREATE DOMAIN good_pair AS pair CHECK ((VALUE).a >= 0)",
    "CREATE DOMAIN span AS int4range",
    "CREATE TYPE mood_range AS RANGE (subtype = mood)",
    "CREATE TYPE text_range AS RANGE (subtype = text)",
    "CREATE TYPE price_range AS RANGE (subtype = price)",
    "CREATE TYPE pair_range AS RANGE (subtype = pair)",
    # Named after types that are handled, and something else.
    "CREATE TYPE public.int8 AS (a integer)",
    "CREATE TYPE public.uuid AS ENUM ('none')",
    "CREATE DOMAIN public.date AS integer",
    # Base types, as extensions bring them: citext as its extension defines it, and one without binary output.
    "CREATE TYPE citext",
    "CREATE FUNCTION citextin(cstring) RETURNS citext AS 'textin' LANGUAGE internal IMMUTABLE STRICT",
    "CREATE FUNCTION citextout(citext) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT",
    "CREATE FUNCTION citextsend(citext) RETURNS bytea AS 'textsend' LANGUAGE internal STABLE STRICT",
    "CREATE TYPE citext (INPUT = citextin, OUTPUT = citextout, SEND = citextsend, LIKE = text, CATEGORY = S)",
    "CREATE TYPE strange",
    "CREATE FUNCTION strange_in(cstring) RETURNS strange AS 'textin' LANGUAGE internal IMMUTABLE STRICT",
    "CREATE FUNCTION strange_out(strange) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT",
    "CREATE TYPE strange (INPUT = strange_in, OUTPUT = strange_out, LIKE = text)",
    # For types without input: statistics to copy from the catalogue, and bytes declared to be a value.
    """CREATE TABLE "Odd Schema".measured (a integer, b integer, c text DEFAULT 'x')""",
    'INSERT INTO "Odd Schema".measured SELECT i % 10, i % 10 FROM generate_series(1, 1000) i',
    'CREATE STATISTICS "Odd Schema".known (ndistinct, dependencies, mcv) ON a, b FROM "Odd Schema".measured',
    'ANALYZE "Odd Schema".measured',
    "CREATE CAST (bytea AS gtsvector) WITHOUT FUNCTION",
    "CREATE CAST (bytea AS pg_brin_bloom_summary) WITHOUT FUNCTION",
    "CREATE CAST (bytea AS pg_brin_minmax_multi_summary) WITHOUT FUNCTION",
    # A server that was built without libxml cannot read XML, and can hold it.
    "CREATE CAST (bytea AS xml) WITHOUT FUNCTION",
]

# Types that PostgreSQL takes for no column, besides pseudo-types, and why.
NO_COLUMNS = {
    "cstring[]": "an array of a pseudo-type",
    "pg_attribute": "attmissingval is anyarray",
    "pg_statistic": "stavalues1 is anyarray",
    "pg_statistic_ext_data": "stxdexpr is an array of pg_statistic",
    "pg_stats": "most_common_vals is anyarray",
    "pg_stats_ext_exprs": "most_common_vals is anyarray",
}

WORDS = [
    "abc",
    "",
    " ",
    "NULL",
    "null",
    "Grüße, 世界 😀",
    "line\nbreak\ttab\rreturn\v\f",
    '"quoted" \\ back',
    "it's {a,b}",
    "(1,2)",
    "e\u0301 \u200b\u00a0\ufeff",
    "ä" * 5000,
]
DOCUMENTS = [
    '{"b": 1,   "a": 1.10, "a": 12345678901234567890.123}',
    "null",
    '"\\u00e4 \\" \\\\"',
    "[]",
    "{}",
    '[1e2, -0.0, true, {"ä": [null, ""]}]',
]
MOMENTS = [
    "2026-02-28 12:34:56.7",
    "1970-01-01 00:00:00",
    "1969-12-31 23:59:59.999999",
    "2000-02-29 00:00:00.000001",
    "0001-01-01 00:00:00",
    "0001-12-31 23:59:59 BC",
    "4714-11-24 00:00:00 BC",
    "9999-12-31 23:59:59.999999",
    "10000-01-01 00:00:00",
    # The largest number of microseconds since 1970.
    "294247-01-10 04:00:54.775807",
]
INTERVALS = [
    "1 year 2 mons 3 days 04:05:06.789",
    "0",
    "-1 year -2 mons +3 days -04:05:06.789",
    "1 mon -1 day",
    "-1 day 00:00:01",
    "1 day -00:00:00.000001",
    "11 mons",
    "-13 mons",
    "100:00:00",
    "178000000 years",
    "-178000000 years",
    "2147483647 days",
    "-2147483648 days",
    # The most microseconds that fit 64 bits as nanoseconds.
    "2562047:47:16.854775",
    "-2562047:47:16.854775",
]

VALUES: Mapping[str, Sequence[str]] = {
    "boolean": ["true", "false"],
    "smallint": ["1", "-32768", "32767", "0"],
    "integer": ["1", "-2147483648", "2147483647", "0"],
    "bigint": ["1", "-9223372036854775808", "9223372036854775807", "0"],
    "oid": ["1", "0", "4294967295"],
    "real": [
        *["1.5", "0.1", "NaN", "Infinity", "-Infinity", "-0", "0"],
        *["3.4028235e38", "1e-45", "1.1754944e-38", "123456", "1234567", "0.0001", "0.00001", "33554432"],
    ],
    "double precision": [
        *["1.5", "0.1", "NaN", "Infinity", "-Infinity", "-0", "0", "1.7976931348623157e308", "5e-324"],
        *[
            "2.2250738585072014e-308",
            "123456789012345",
            "1e15",
            "0.0001",
            "0.00001",
            "1e23",
            "9007199254740993",
        ],
    ],
    "numeric": ["1.50", "2", "0", "-0.001", "12345678901234567890.0123456789", "0.000"],
    "money": ["1.00", "-0.01", "0", "-92233720368547758.08", "92233720368547758.07"],
    "text": WORDS,
    "character varying": WORDS,
    "bpchar": ["ab", "ab   ", "", *WORDS],
    '"char"': ["a", "", " ", '"', "\\", "{", "\\001", "\\200", "\\377"],
    "name": ["pg_class", "", " ", '"', "ü" * 31],
    "citext": WORDS,
    "strange": WORDS,
    "json": [*DOCUMENTS, '"\\u0000"', ' {"a":\n1}\t'],
    "jsonb": DOCUMENTS,
    "jsonpath": ["$.a[*] ? (@.b > 1)", "strict $"],
    "bytea": ["\\x41", "\\x", "\\x00", "\\x5c78", "\\xfffe00", f"\\x{'c3ff' * 3000}"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "FFFFFFFF-ffff-4fff-8fff-ffffffffffff"],
    "date": [
        *[
            "2026-02-28",
            "1970-01-01",
            "1969-12-31",
            "2000-02-29",
            "1900-03-01",
            "0001-01-01",
            "0001-12-31 BC",
        ],
        *["4714-11-24 BC", "9999-12-31", "10000-01-01", "5874897-12-31"],
    ],
    "time without time zone": ["12:34:56.7", "00:00:00", "00:00:00.000001", "23:59:59.999999"],
    "time with time zone": ["12:34:56.7+02", "00:00:00-15:59:59", "24:00:00+15:59", "23:59:59.999999Z"],
    "timestamp without time zone": MOMENTS,
    "timestamp with time zone": [f"{moment} UTC" for moment in MOMENTS],
    "interval": INTERVALS,
    '"bit"': ["1", "0101", ""],
    "bit varying": ["1", "0101", ""],
    "point": ["(1,2)", "(-0,1e300)", "(NaN,Infinity)"],
    "line": ["{1,2,3}", "{-1,0,0.5}"],
    "lseg": ["[(1,2),(3,4)]"],
    "box": ["(3,4),(1,2)", "(0,0),(0,0)"],
    "path": ["((1,2),(3,4))", "[(1,2),(3,4)]"],
    "polygon": ["((1,2),(3,4),(5,6))", "((0.1,0))"],
    "circle": ["<(1,2),3>", "<(0,0),0>"],
    "inet": ["10.0.0.1", "10.0.0.1/8", "0.0.0.0/0", "::1", "::ffff:1.2.3.4", "2001:db8::1/32"],
    "cidr": ["10.0.0.0/8", "10.0.0.1/32", "::/0", "2001:db8::/32"],
    "macaddr": ["08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "tsvector": ["'a':1A 'b':2,3", "", "'it''s' 'ä'"],
    "tsquery": ["'a' & !'b':*", "", "'c' <-> 'd'"],
    "int2vector": ["1 2 3", "", "-32768"],
    "oidvector": ["1 2 3", "", "4294967295"],
    "tid": ["(0,1)", "(4294967295,65535)"],
    "xid": ["1", "4294967295"],
    "cid": ["1", "4294967295"],
    "xid8": ["1", "18446744073709551615"],
    "pg_lsn": ["0/16B3748", "0/0", "FFFFFFFF/FFFFFFFF"],
    "pg_snapshot": ["10:20:10,14,15", "1:1:"],
    "txid_snapshot": ["10:20:10,14,15", "1:1:"],
    "refcursor": ["portal", ""],
    "aclitem": ["=r/postgres", "postgres=arwdDxt/postgres", "pg_monitor=r*/postgres"],
    # How an object prints depends on the search path, but not with these: they are of pg_catalog, of a schema
    # that is on no path, or no objects at all.
    "regclass": ["pg_class", "-", "information_schema.columns", "4294967295"],
    "regcollation": ['"C"', "-", "4294967295"],
    "regconfig": ["english", "simple", "4294967295"],
    "regdictionary": ["simple", "4294967295"],
    "regnamespace": ["pg_catalog", "-", '"Odd Schema"', "4294967295"],
    "regoper": ["||/", "0", "4294967295"],
    "regoperator": ["+(integer,integer)", "0", "4294967295"],
    "regproc": ["now", "-", "4294967295"],
    "regprocedure": ["now()", "sum(integer)", "-", "4294967295"],
    "regrole": ["pg_monitor", "-", "4294967295"],
    "regtype": ["integer", "timestamp with time zone[]", "-", '"Odd Schema"."Odd ""Type"""', "4294967295"],
    "int4range": ["[1,5)", "empty", "(,)", "[-2147483648,2147483647)"],
    "int8range": ["[1,5)", "empty", "(,)", "[-9223372036854775808,9223372036854775807)"],
    "numrange": ["[1.50,2]", "empty", "(,)", "(-Infinity,NaN]", f"[0.{'1' * 100},)"],
    "daterange": ["[2026-01-01,2026-02-01)", "empty", "(,)", "[-infinity,infinity)"],
    "tsrange": ["[2026-01-01 00:00:00,2026-01-01 12:00:00]", "empty", "(,)", "[-infinity,infinity)"],
    "tstzrange": ["[2026-01-01 00:00:00Z,2026-01-01 12:00:00Z]", "empty", "(,)", "[-infinity,infinity)"],
    "int4multirange": ["{[1,5),[7,9)}", "{}", "{(,)}"],
    "int8multirange": ["{[1,5),[7,9)}", "{}", "{(,)}"],
    "nummultirange": ["{[1.50,2],(3,)}", "{}", "{(,)}"],
    "datemultirange": ["{[2026-01-01,2026-02-01)}", "{}", "{[-infinity,infinity)}"],
    "tsmultirange": ["{[2026-01-01 00:00:00,2026-01-01 12:00:00]}", "{}", "{[-infinity,infinity)}"],
    "tstzmultirange": ["{[2026-01-01 00:00:00Z,2026-01-01 12:00:00Z]}", "{}", "{[-infinity,infinity)}"],
    "information_schema.cardinal_number": ["1", "0", "2147483647"],
    "information_schema.yes_or_no": ["YES", "NO"],
    # Two decimals: the last of MOMENTS would be rounded to what Arrow cannot hold.
    "information_schema.time_stamp": ["2026-02-28 12:34:56.78 UTC", "0001-12-31 23:59:59.999 BC UTC"],
    "price": ["1.50", "0", "99999999.99"],
    "lower_price": ["1.50", "0", "99.99"],
    "any_number": ["1.5", "-20", "0.25"],
    "wide_number": ["1.50", "-0.01", f"{'9' * 78}.99", "NaN"],
    "good_pair": ['(1,"a b",1.50,"{1,2}")', "(0,,,)"],
}

BLOOM_SUMMARY = f"\\x00000500{'80000000'}03000000{'00' * 128}"
MINMAX_SUMMARY = "\\x17000000000000000200000020000000" + "01000000ffffffff"

EXPRESSIONS: Mapping[str, Sequence[str]] = {
    "xml": [
        "convert_to('<a/>', 'UTF8')::xml",
        "convert_to('', 'UTF8')::xml",
        """convert_to('<?xml version="1.0" encoding="UTF-8"?><ä b="c">1 &lt; 2</ä>', 'UTF8')::xml""",
    ],
    "pg_node_tree": [
        "(SELECT adbin FROM pg_catalog.pg_attrdef ORDER BY oid LIMIT 1)",
        "(SELECT ev_action FROM pg_catalog.pg_rewrite ORDER BY oid LIMIT 1)",
    ],
    "pg_ndistinct": ["(SELECT stxdndistinct FROM pg_catalog.pg_statistic_ext_data)"],
    "pg_dependencies": ["(SELECT stxddependencies FROM pg_catalog.pg_statistic_ext_data)"],
    "pg_mcv_list": ["(SELECT stxdmcv FROM pg_catalog.pg_statistic_ext_data)"],
    # Layouts of tsgistidx.c, brin_bloom.c and brin_minmax_multi.c: a list of one word, 9 bits of 16, a filter
    # of 128 bits, two integers.
    "gtsvector": ["'\\x0100000001000000'::bytea::gtsvector", "'\\x02000000ff01'::bytea::gtsvector"],
    "pg_brin_bloom_summary": [f"'{BLOOM_SUMMARY}'::bytea::pg_brin_bloom_summary"],
    "pg_brin_minmax_multi_summary": [f"'{MINMAX_SUMMARY}'::bytea::pg_brin_minmax_multi_summary"],
}

NINES_38, NINES_76 = "9" * 38, "9" * 76

# Further columns: types with modifiers, and values that decide about the whole column.
FURTHER_COLUMNS: Sequence[tuple[str, Sequence[str]]] = [
    ("numeric(12,2)", ["1.5", "9999999999.99", "-9999999999.99", "0", "-0.01"]),
    ("numeric(38,0)", [NINES_38, f"-{NINES_38}", "0"]),
    ("numeric(38,38)", [f"0.{NINES_38}", f"-0.{NINES_38}", f"0.{'0' * 37}1", "0"]),
    ("numeric(39,0)", [f"{NINES_38}9", f"-{NINES_38}9", "0"]),
    ("numeric(39,10)", ["99999999999999999999999999999.9999999999", "-0.0000000001"]),
    ("numeric(76,0)", [NINES_76, f"-{NINES_76}", "0"]),
    ("numeric(76,38)", [f"{NINES_38}.{NINES_38}", f"-{NINES_38}.{NINES_38}", f"0.{'0' * 37}1"]),
    ("numeric(76,76)", [f"0.{NINES_76}", f"-0.{NINES_76}", "0"]),
    ("numeric(77,0)", [f"{NINES_76}9", f"-{NINES_76}9", "0", "NaN"]),
    ("numeric(100,50)", ["1.5", f"{'9' * 50}.{'9' * 50}", "NaN"]),
    ("numeric(1000,1000)", [f"0.{'9' * 1000}", "0"]),
    ("numeric(2,4)", ["0.0012", "-0.0099", "0"]),
    ("numeric(3,40)", [f"0.{'0' * 37}123", "0"]),
    ("numeric(3,76)", [f"-0.{'0' * 73}123", "0"]),
    ("numeric(3,77)", [f"0.{'0' * 74}123", "0"]),
    ("numeric(2,-3)", ["12345", "-99000", "0", "499"]),
    ("numeric(37,-1)", [f"{'9' * 37}0", f"-{'9' * 37}0"]),
    ("numeric(38,-1)", [f"{NINES_38}0", f"-{NINES_38}0"]),
    ("numeric(38,-38)", [f"{NINES_38}{'0' * 38}", "0"]),
    ("numeric(38,-39)", [f"{NINES_38}{'0' * 39}", "0"]),
    ("numeric", []),
    ("numeric", ["0"]),
    ("numeric", ["0.05", "-0.5", "0.0"]),
    ("numeric", [f"{'9' * 30}", "0.00000001"]),
    ("numeric", [f"{'9' * 30}", "0.000000001"]),
    ("numeric", [NINES_38, f"-{NINES_38}"]),
    ("numeric", [f"1{NINES_38}"]),
    ("numeric", [f"{NINES_38}.{NINES_38}", "-1", "0"]),
    ("numeric", [f"0.{'0' * 75}1"]),
    ("numeric", [NINES_76, "0.1", "1.50"]),
    ("numeric", [f"0.{'0' * 76}1", "2"]),
    ("numeric", ["1e1000", "-1e-1000", "1.50"]),
    ("numeric", ["1.5", "100", "1.50", "1e10", "-3.000"]),
    ("any_number", [f"{'9' * 50}", "0.01"]),
    ("character varying(5)", ["", "ab   ", "世界世界世"]),
    ("character(5)", ["", "ab", "ä", "世界世界世"]),
    ("character(1)", ["", "x"]),
    ("bit(3)", ["101", "000"]),
    ("bit varying(5)", ["10101", ""]),
    ("time(0) without time zone", ["12:34:56.4"]),
    ("time(3) with time zone", ["12:34:56.4567-03:30"]),
    ("timestamp(3) without time zone", ["2026-01-01 12:34:56.7896"]),
    ("timestamp(0) with time zone", ["2026-01-01 12:34:56.7896+02"]),
    ("interval(0)", ["1 day 00:00:01.6"]),
    ("interval year to month", ["1 year 2 mons"]),
    ("interval second(3)", ["00:00:01.2346"]),
    ("numeric[]", ["{1.5,NULL,-200}", "{}"]),
    ("numeric[]", [f"{{{NINES_38},0.001}}", "{NULL}"]),
    ("numeric[]", [f"{{{NINES_76},0.001}}", "{1.50}"]),
    ("numeric[]", []),
    ("numeric(12,2)[]", ["{1.5,NULL,-9999999999.99}", "{}"]),
    ("numeric(50,2)[]", ["{1.5,NULL}", "{}"]),
    ("numeric(2,-3)[]", ["{12345,NULL}", "{}"]),
    ("numeric(80,2)[]", ["{1.5,NULL}", "{}"]),
    ("character varying(5)[]", ["{NULL,NULL}", '{"世界",""}']),
    ("character(5)[]", ['{ab,NULL,""}']),
    ("timestamp(3) with time zone[]", ['{"2026-01-01 12:34:56.7896+02",NULL}']),
    # Several dimensions, other lower bounds; the first says in another way what {1,2} says.
    ("integer[]", ["[1:2]={1,2}", "{3}"]),
    ("integer[]", ["{1,2}", "{{1,2},{3,NULL}}", "{}"]),
    ("integer[]", ["{1,2}", "[0:1]={1,2}"]),
    ("integer[]", ["[-2:-1][3:4]={{1,2},{3,4}}"]),
    ("integers", ["{1,2}", "{{{1}}}"]),
    ("boolean[]", ["{t}", "{{t,f},{NULL,f}}"]),
    ("double precision[]", ["{1.5}", "{{NaN},{-0}}"]),
    ("text[]", ["{a}", '{{"",NULL},{"a,b","NULL"}}']),
    ("text[]", ['{"{{1,2}}"}', '{"[0:1]={1,2}"}']),
    ("character(5)[]", ["{{ab,NULL}}"]),
    ("bytea[]", ['[2:2]={"\\\\x00"}', "{}"]),
    ("numeric[]", ["{1.50}", "{{1,2.5}}"]),
    ("numeric(12,2)[]", ["{{1,2.5}}", "{0}"]),
    ("date[]", ["[0:0]={2026-01-01}", "{infinity}"]),
    ("timestamp with time zone[]", ['{{"2026-01-01 00:00:00Z"}}', "{}"]),
    ("time without time zone[]", ["{{12:00}}", "{24:00:00}"]),
    ("jsonb[]", ['{{"{}"}}', '{"[]"}']),
    ("mood[]", ["{{sad,ok}}", "{}"]),
    ("price[]", ["{1.50}", "[3:4]={1,2}"]),
    # As text, these have no bounds.
    ("interval[]", ["{3000000:00:00,1 day}", "{{1 day}}"]),
]


@dataclass(frozen=True)
class Unrepresentable:
    """Values of a type, some of which Arrow cannot hold, and the texts that NULL in their place leaves."""

    printed: str
    values: Sequence[str]
    left: Sequence[str | None]
    since: int = 0


UNREPRESENTABLE: Mapping[str, Unrepresentable] = {
    "nan": Unrepresentable("numeric(10,2)", ["1.50", "NaN"], ["1.50", None]),
    "wide_nan": Unrepresentable("numeric(50,2)", ["NaN", "1.50"], [None, "1.50"]),
    "negative_scale_nan": Unrepresentable("numeric(2,-3)", ["NaN", "1000"], [None, "1000"]),
    "any_nan": Unrepresentable("numeric", ["1.5", "NaN", "20.0"], ["1.5", None, "20.0"]),
    "only_nan": Unrepresentable("numeric", ["NaN"], [None]),
    "huge": Unrepresentable("numeric", ["Infinity", "-Infinity", "1"], [None, None, "1"]),
    "nans": Unrepresentable("numeric(10,2)[]", ["{1.5,NaN}", "{}"], ["{1.50,NULL}", "{}"]),
    "any_nans": Unrepresentable("numeric[]", ["{1.5,NaN,-Infinity}"], ["{1.5,NULL,NULL}"]),
    "price_nan": Unrepresentable("price", ["NaN", "1.50"], [None, "1.50"]),
    "number_nan": Unrepresentable("any_number", ["NaN", "1.5"], [None, "1.5"]),
    "any_day": Unrepresentable("date", ["infinity", "2026-01-01", "-infinity"], [None, "2026-01-01", None]),
    "days": Unrepresentable("date[]", ["{infinity,2026-01-01}"], ["{NULL,2026-01-01}"]),
    "own_day": Unrepresentable("day", ["infinity"], [None]),
    "ever": Unrepresentable("timestamp", ["-infinity", "infinity"], [None, None]),
    "ever_zoned": Unrepresentable("timestamptz", ["-infinity", "infinity"], [None, None]),
    "late": Unrepresentable(
        "timestamp",
        ["294247-01-10 04:00:54.775807", "294247-01-10 04:00:54.775808", "294276-12-31 23:59:59.999999"],
        ["294247-01-10 04:00:54.775807", None, None],
    ),
    "late_zoned": Unrepresentable("timestamptz", ["294276-12-31 23:59:59.999999Z"], [None]),
    "evers": Unrepresentable("timestamptz[]", ["{infinity,NULL}"], ["{NULL,NULL}"]),
    "lates": Unrepresentable("timestamp[]", ["{294276-12-31}"], ["{NULL}"]),
    "midnight": Unrepresentable("time", ["24:00:00", "00:00:00"], [None, "00:00:00"]),
    "midnights": Unrepresentable("time[]", ["{24:00:00,00:00:00}"], ["{NULL,00:00:00}"]),
    "long": Unrepresentable("interval", ["2562047:47:16.854776", "1 day"], [None, "1 day"]),
    "long_ago": Unrepresentable("interval", ["-2562047:47:16.854776"], [None]),
    "endless": Unrepresentable("interval", ["infinity", "-infinity", "1 day"], [None, None, "1 day"], 17),
}
