"""Aggregates: where the order of the rows matters, they are ordered by what is aggregated."""

from __future__ import annotations

from .signature import lines

AGGREGATES = lines(
    r"""
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
int8 | count(DISTINCT {}) | date
int8 | count(DISTINCT {}) | jsonb
int8 | count(DISTINCT ({}, {})) | int4 varchar
int8 | count({}) | json
int8 | sum(DISTINCT {}) | int2
int8 | regr_count({}, {}) | float8 int4
numeric | sum(DISTINCT {}) | numeric
numeric | sum({} * 2) | int8
int8 | min({}) | int8
int2 | max({}) | int2
float4 | min({}) | float4
text | min({}) | varchar
text | max({} COLLATE "C") | text
bpchar | max({}) | bpchar
bytea | min({}) | bytea
time | min({}) | time
timestamp | max({}) | timestamp
timestamptz | min({}) | timestamptz
interval | min({}) | interval
interval | avg({}) | interval
int4[] | max({}) | int4[]
text[] | min({}) | text[]
int2 | bit_and({}) | int2
int4 | bit_or({}) | int4
int8 | bit_xor({}) | int8
int8 | bit_and({}) | int8
text | string_agg({0}, '|' ORDER BY length({0}) DESC NULLS LAST, {0}) | text
text | string_agg({0}::text, ' ' ORDER BY {0}) | date
text | array_agg({0} ORDER BY {0})::text | timestamp
text | array_agg(DISTINCT {0} ORDER BY {0})::text | uuid
text | array_to_string(array_agg({0} ORDER BY {0} DESC), ';') | int8
text[] | array_agg(DISTINCT {0} ORDER BY {0}) | text
jsonb | jsonb_agg({0} ORDER BY {0}) | int4
jsonb | jsonb_agg({0} ORDER BY {0} DESC) | text
jsonb | jsonb_agg(DISTINCT {0} ORDER BY {0}) | date
jsonb | jsonb_object_agg(coalesce({0}, 'none'), length({0})) | text
json | json_agg({0} ORDER BY {0} NULLS FIRST) | timestamp
json | json_object_agg(coalesce({0}, 'none'), 1 ORDER BY {0}) | varchar
int4 | percentile_disc(0.25) WITHIN GROUP (ORDER BY {} DESC) | int4
text | percentile_disc(1) WITHIN GROUP (ORDER BY {}) | text
date | percentile_disc(0) WITHIN GROUP (ORDER BY {}) | date
text | mode() WITHIN GROUP (ORDER BY {} DESC) | text
interval | percentile_cont(0.5) WITHIN GROUP (ORDER BY {}) | interval
"""
) + lines(
    r"""
numeric | round(avg({}), 6) | int4
numeric | round(avg({}), 6) | int2
numeric | round(avg({}), 6) | int8
numeric | round(avg({}), 6) | numeric
numeric | round(avg(DISTINCT {}), 6) | int4
numeric | round(var_pop({}), 6) | int4
numeric | round(var_samp({}), 6) | numeric
numeric | round(stddev({}), 6) | int2
numeric | round(stddev_pop({}), 6) | int8
numeric | round(stddev_samp({})::numeric, 6) | float8
numeric | round(variance({})::numeric, 6) | float4
numeric | round(corr({}, {})::numeric, 6) | float8 float8
numeric | round(covar_pop({}, {})::numeric, 6) | float8 int4
numeric | round(covar_samp({}, {})::numeric, 6) | float8 float8
numeric | round(regr_slope({}, {})::numeric, 6) | float8 int4
numeric | round(regr_intercept({}, {})::numeric, 6) | float8 float8
numeric | round(regr_r2({}, {})::numeric, 6) | int4 float8
numeric | round(regr_avgx({}, {})::numeric, 6) | float8 int4
numeric | round(regr_sxy({}, {})::numeric, 6) | float8 float8
float8 | avg({}) | float8
float8 | avg({}) | float4
float8 | percentile_cont(0.25) WITHIN GROUP (ORDER BY {}) | float8
float8 | percentile_cont(0.5) WITHIN GROUP (ORDER BY {} DESC) | int4
text | percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY {})::text | float8
""",
    is_limited=True,
)
