"""PostgreSQL's functions, operators and casts as templates, with the types of their arguments and results.

What is not here, and why (each a known difference, or an answer that PostgreSQL does not determine):

- quotients and averages of numerics, whose number of decimals PostgreSQL chooses for each value
  (docs/compatibility.md; slt/arithmetic.slt), and texts of numerics, which show it
- `cbrt`, whose last digit differs (slt/arithmetic.slt); likewise other functions that C libraries compute
- `EXCLUDE` in frames, arrays of arrays, TABLESAMPLE (docs/compatibility.md)
- casts from floating-point numbers and texts to numeric and dates, and intervals multiplied by them: neither
  has an infinity here (docs/compatibility.md)
- unary minus of floating-point numbers, and rounding them: negative zero groups with zero
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    """A template with `{}` for each argument, or `{0}` where the only one stands several times."""

    result: str
    template: str
    arguments: tuple[str, ...]
    # Whether some values make it fail.
    may_fail: bool = False


def _lines(text: str, *, may_fail: bool = False) -> list[Signature]:
    signatures = []
    for line in text.strip().splitlines():
        result, _, rest = line.partition("|")
        template, _, arguments = rest.rpartition("|")
        signatures.append(Signature(result.strip(), template.strip(), tuple(arguments.split()), may_fail))
    return signatures


# Result | template | types of arguments; || is a vertical bar.
SIGNATURES = _lines("""
int4 | length({}) | text
int4 | octet_length({}) | text
int4 | bit_length({}) | text
int4 | length({}) | bytea
int4 | length({}) | bpchar
int4 | char_length({}) | varchar
int4 | strpos({}, {}) | text text
int4 | position({} IN {}) | text text
int4 | ascii({}) | text
int4 | cardinality({}) | int4[]
int4 | array_length({}, 1) | text[]
int4 | array_upper({}, 1) | int4[]
int4 | array_lower({}, 1) | int4[]
int4 | array_ndims({}) | int4[]
int4 | array_position({}, {}) | int4[] int4
int4 | ({})[2] | int4[]
int4 | ({})::int4 | int2
int4 | ({})::int4 | bool
int4 | ({} - {}) | date date
int4 | ({} & {}) | int4 int4
int4 | ({} | {}) | int4 int4
int4 | ({} # {}) | int4 int4
int4 | (~ {}) | int4
int4 | ({} >> 1) | int4
int4 | ({} / 3) | int4
int4 | ({} % 5) | int4
int4 | mod({}, 7) | int4
int4 | sign({})::int4 | int4
int4 | num_nulls({}, {}) | text int4
int4 | num_nonnulls({}, {}) | int4 date
int2 | ({} & {}) | int2 int2
int2 | ({} % 3::smallint) | int2
int8 | ({})::int8 | int4
int8 | ({})::int8 | int2
int8 | ({} % 11) | int8
int8 | ({} / 4) | int8
int8 | ({} | {}) | int8 int8
int8 | ({} # {}) | int8 int8
numeric | ({})::numeric | int4
numeric | ({})::numeric | int8
numeric | ({})::numeric | int2
numeric | ({} + {}) | numeric numeric
numeric | ({} - {}) | numeric int4
numeric | ({} * {}) | numeric int4
numeric | abs({}) | numeric
numeric | (- {}) | numeric
numeric | round({}) | numeric
numeric | round({}, 1) | numeric
numeric | trunc({}) | numeric
numeric | trunc({}, 1) | numeric
numeric | ceil({}) | numeric
numeric | floor({}) | numeric
numeric | sign({}) | numeric
numeric | ({} % 2) | numeric
numeric | mod({}, 1.5) | numeric
numeric | extract(year FROM {}) | date
numeric | extract(month FROM {}) | timestamp
numeric | extract(day FROM {}) | interval
numeric | extract(dow FROM {}) | date
numeric | extract(doy FROM {}) | timestamptz
numeric | extract(week FROM {}) | date
numeric | extract(isoyear FROM {}) | timestamp
numeric | extract(quarter FROM {}) | date
numeric | extract(hour FROM {}) | time
numeric | extract(minute FROM {}) | timestamp
numeric | extract(second FROM {}) | timestamp
numeric | extract(epoch FROM {}) | timestamp
numeric | extract(epoch FROM {}) | interval
numeric | extract(decade FROM {}) | date
numeric | extract(century FROM {}) | timestamp
float8 | ({})::float8 | int4
float8 | ({})::float8 | int8
float8 | ({})::float8 | float4
float8 | ({} + {}) | float8 float8
float8 | ({} - {}) | float8 float8
float8 | ({} + {}) | float8 int4
float8 | ({} + {}) | float4 float8
float8 | abs({}) | float8
float8 | date_part('year', {}) | date
float8 | date_part('hour', {}) | timestamp
float8 | date_part('day', {}) | interval
float4 | ({})::float4 | int2
float4 | ({} + {}) | float4 float4
float4 | ({} - {}) | float4 float4
float4 | abs({}) | float4
text | ({})::text | int4
text | ({})::text | int8
text | ({})::text | int2
text | ({})::text | bool
text | ({})::text | date
text | ({})::text | time
text | ({})::text | timestamp
text | ({})::text | timestamptz
text | ({})::text | interval
text | ({})::text | varchar
text | ({})::text | bpchar
text | ({})::text | float8
text | ({})::text | float4
text | ({})::text | bytea
text | ({})::text | int4[]
text | ({})::text | text[]
text | ({})::text | uuid
text | ({} || {}) | text text
text | ({} || {}) | text int4
text | ({} || {}) | text date
text | ({} || {}) | varchar text
text | ({} || {}) | bpchar text
text | concat({}, {}, {}) | text int4 bool
text | concat({}, {}) | text int4
text | concat_ws('-', {}, {}) | text date
text | concat_ws({}, {}, {}) | text text varchar
text | format('%s=%s', {}, {}) | text int4
text | format('%L', {}) | text
text | upper({}) | text
text | lower({}) | text
text | initcap({}) | text
text | trim({}) | text
text | ltrim({}, 'a') | text
text | rtrim({}) | text
text | btrim({}, {}) | text text
text | trim(BOTH 'a' FROM {}) | text
text | left({}, 2) | text
text | left({}, -1) | text
text | right({}, 2) | text
text | lpad({}, 5) | text
text | lpad({}, 5, {}) | text text
text | rpad({}, 4, 'xy') | text
text | repeat({}, 2) | text
text | reverse({}) | text
text | replace({}, {}, {}) | text text text
text | translate({}, 'abc', 'x') | text
text | substr({}, 2) | text
text | substr({}, 2, 2) | text
text | substring({} FROM 2 FOR 3) | text
text | substring({} FROM 'b.*') | text
text | substring({}, -1, 3) | varchar
text | overlay({} PLACING 'Z' FROM 2) | text
text | split_part({}, ',', 1) | text
text | split_part({}, 'b', -1) | text
text | md5({}) | text
text | to_hex({}) | int4
text | quote_ident({}) | text
text | quote_literal({}) | text
text | quote_nullable({}) | text
text | regexp_replace({}, '[ab]', 'X') | text
text | regexp_replace({}, '(.)b', E'\\\\1', 'g') | text
text | regexp_substr({}, '[a-z]+') | text
text | array_to_string({}, ',') | text[]
text | array_to_string({}, ',', '*') | int4[]
text | ({})[1] | text[]
text | to_char({}, 'YYYY-MM-DD HH24:MI:SS.US') | timestamp
text | to_char({}, 'Day, DDth Mon YYYY IW') | timestamp
text | to_char({}, '999999999999S') | int4
text | encode({}, 'hex') | bytea
text | encode({}, 'base64') | bytea
text | upper({}) | varchar
text | lower({}) | bpchar
text | coalesce({}, {}) | varchar text
varchar | ({})::varchar | text
varchar | ({})::varchar(2) | text
varchar | ({})::varchar | int4
bpchar | ({})::char(4) | text
bytea | ({} || {}) | bytea bytea
bytea | substring({} FROM 2) | bytea
bytea | decode(md5({}), 'hex') | text
date | ({})::date | timestamp
date | ({})::date | timestamptz
date | ({} + {} % 100) | date int4
date | ({} - 30) | date
date | make_date(2024, 1 + abs({} % 12), 15) | int4
time | ({})::time | timestamp
time | ({} + {}) | time interval
time | ({} - interval '90 minutes') | time
timestamp | ({})::timestamp | date
timestamp | ({} + {}) | date time
timestamp | ({} + {}) | timestamp interval
timestamp | ({} - {}) | timestamp interval
timestamp | ({} + {}) | date interval
timestamp | date_trunc('month', {}) | timestamp
timestamp | date_trunc('week', {}) | timestamp
timestamp | date_trunc('quarter', {}) | timestamp
timestamp | ({} AT TIME ZONE 'Europe/Berlin') | timestamptz
timestamp | date_bin('15 minutes', {}, timestamp '2000-01-01') | timestamp
timestamptz | ({})::timestamptz | date
timestamptz | ({})::timestamptz | timestamp
timestamptz | ({} + interval '1 day') | timestamptz
timestamptz | date_trunc('day', {}) | timestamptz
timestamptz | ({} AT TIME ZONE 'America/New_York') | timestamp
interval | ({} - {}) | timestamp timestamp
interval | ({} - {}) | timestamptz timestamptz
interval | ({} + {}) | interval interval
interval | ({} - {}) | interval interval
interval | (- {}) | interval
interval | ({} * 2) | interval
interval | ({} / 2) | interval
interval | ({} - {}) | time time
interval | ({})::interval | time
interval | age({}, {}) | timestamp timestamp
interval | justify_days({}) | interval
interval | justify_interval({}) | interval
interval | make_interval(days => {}) | int4
interval | date_trunc('hour', {}) | interval
int4[] | ARRAY[{}, {}] | int4 int4
int4[] | ({} || {}) | int4[] int4
int4[] | ({} || {}) | int4[] int4[]
int4[] | array_append({}, {}) | int4[] int4
int4[] | array_prepend({}, {}) | int4 int4[]
int4[] | array_remove({}, {}) | int4[] int4
int4[] | array_replace({}, 1, {}) | int4[] int4
int4[] | ({})[1:2] | int4[]
int4[] | array_positions({}, {}) | int4[] int4
text[] | ARRAY[{}, {}] | text text
text[] | string_to_array({}, ',') | text
text[] | string_to_array({}, {}, 'a') | text text
text[] | array_cat({}, {}) | text[] text[]
text[] | regexp_split_to_array({}, 'b') | text
text[] | regexp_match({}, '(a)(b)?') | text
uuid | ({})::uuid | uuid
bool | ({} AND {}) | bool bool
bool | ({} OR {}) | bool bool
bool | (NOT {}) | bool
bool | ({} IS TRUE) | bool
bool | ({} IS NOT FALSE) | bool
bool | ({} IS UNKNOWN) | bool
bool | ({} LIKE 'a%') | text
bool | ({} LIKE '%' || {} || '%') | text text
bool | ({} NOT LIKE '_b%') | varchar
bool | ({} ILIKE 'A_') | text
bool | ({} LIKE 'a!%' ESCAPE '!') | text
bool | ({} ~ '^a.*c$') | text
bool | ({} ~* 'B') | text
bool | ({} !~ '[0-9]') | text
bool | ({} SIMILAR TO '(a|b)%') | text
bool | starts_with({}, {}) | text text
bool | ({} @> {}) | int4[] int4[]
bool | ({} <@ {}) | text[] text[]
bool | ({} && {}) | int4[] int4[]
bool | ({} = ANY ({})) | int4 int4[]
bool | ({} > ALL ({})) | int4 int4[]
bool | ({} <> ALL ({})) | text text[]
bool | ({})::bool | int4
bool | (({}, {}) OVERLAPS ({}, {})) | date date date date
bool | isfinite({}) | timestamp
bool | (({}, {}) = ({}, {})) | int4 text int4 text
bool | (({}, {}) < ({}, {})) | int4 date int4 date
bool | (({}, {}) IS NULL) | int4 text
""") + _lines(
    r"""
int2 | ({} + {}) | int2 int2
int2 | ({} * {}) | int2 int2
int2 | (- {}) | int2
int2 | abs({}) | int2
int2 | ({})::int2 | int4
int2 | ({})::int2 | numeric
int4 | ({} + {}) | int4 int4
int4 | ({} - {}) | int4 int4
int4 | ({} * {}) | int4 int4
int4 | ({} + {}) | int2 int4
int4 | (- {}) | int4
int4 | abs({}) | int4
int4 | ({})::int4 | int8
int4 | ({})::int4 | numeric
int4 | ({})::int4 | float8
int4 | gcd({}, {}) | int4 int4
int8 | ({} + {}) | int8 int8
int8 | ({} - {}) | int8 int4
int8 | ({} * {}) | int8 int8
int8 | ({} + {}) | int2 int8
int8 | (- {}) | int8
int8 | abs({}) | int8
int8 | ({})::int8 | numeric
int8 | ({})::int8 | float8
numeric | ({})::numeric(8,2) | numeric
numeric | ({})::numeric(6,1) | int4
numeric | ({} * {}) | numeric numeric
numeric | div({}, 3) | numeric
float8 | ({} * {}) | float8 float8
float8 | ({} / 2) | float8
float8 | floor({} + 1000) | float8
float4 | ({})::float4 | float8
float4 | ({} * {}) | float4 float4
date | ({} + {}) | date int4
timestamp | ({} + {}) | timestamp interval
int4[] | trim_array({}, 1) | int4[]
text | chr(abs({}) + 1) | int4
text | repeat({}, {} % 5) | text int4
text | left({}, {}) | text int4
text | substr({}, {}, {} & 15) | text int4 int4
""",
    may_fail=True,
)

# These often fail; they are used only where no plan can leave their computation out.
FAILING = _lines(
    """
int4 | ({} / {}) | int4 int4
int4 | ({} % {}) | int4 int4
int8 | ({} / {}) | int8 int8
float8 | ({} / {}) | float8 float8
int4 | ({})::int4 | text
int8 | ({})::int8 | varchar
bool | ({})::bool | text
int2 | ({} / {}) | int2 int2
float8 | ({})::float8 | numeric
float8 | sqrt(abs({})) | float8
text | format('%I', {}) | varchar
""",
    may_fail=True,
)

# Where the order of the rows matters, they are ordered by what is aggregated.
AGGREGATES = _lines("""
int8 | count(*) |
int8 | count({}) | int4
int8 | count({}) | text
int8 | count(DISTINCT {}) | int4
int8 | count(DISTINCT {}) | text
int8 | sum({}) | int4
int8 | sum({}) | int2
int8 | sum(DISTINCT {}) | int4
numeric | sum({}) | int8
numeric | sum({}) | numeric
float8 | sum({}) | float8
float4 | sum({}) | float4
interval | sum({}) | interval
int4 | min({}) | int4
int4 | max({}) | int4
int2 | min({}) | int2
int8 | max({}) | int8
numeric | min({}) | numeric
numeric | max({}) | numeric
float8 | min({}) | float8
float8 | max({}) | float8
float4 | max({}) | float4
text | min({}) | text
text | max({}) | text
text | max({}) | varchar
bpchar | min({}) | bpchar
bytea | max({}) | bytea
date | min({}) | date
date | max({}) | date
time | max({}) | time
timestamp | min({}) | timestamp
timestamptz | max({}) | timestamptz
interval | max({}) | interval
int4[] | min({}) | int4[]
bool | bool_and({}) | bool
bool | bool_or({}) | bool
bool | every({}) | bool
int4 | bit_and({}) | int4
int8 | bit_or({}) | int8
int4 | bit_xor({}) | int4
text | string_agg({0}, ',' ORDER BY {0}) | text
text | string_agg(DISTINCT {0}, '-' ORDER BY {0}) | text
text | string_agg({0}, '' ORDER BY {0} DESC NULLS LAST) | varchar
int4[] | array_agg({0} ORDER BY {0}) | int4
int4[] | array_agg(DISTINCT {0} ORDER BY {0} DESC) | int4
text[] | array_agg({0} ORDER BY {0} NULLS FIRST) | text
int4 | percentile_disc(0.5) WITHIN GROUP (ORDER BY {}) | int4
int4 | mode() WITHIN GROUP (ORDER BY {}) | int4
""")

# Functions for windows whose order leaves nothing open.
WINDOWS = _lines("""
int8 | row_number() |
int8 | rank() |
int8 | dense_rank() |
int4 | ntile(3) |
float8 | percent_rank() |
float8 | cume_dist() |
int4 | lag({}) | int4
text | lag({}, 2) | text
text | lead({}, 1, 'none') | text
int4 | lead({}, 1, 0) | int4
date | lag({}) | date
numeric | lead({}) | numeric
int4 | first_value({}) | int4
text | last_value({}) | text
date | first_value({}) | date
numeric | nth_value({}, 2) | numeric
bool | last_value({}) | bool
""")
