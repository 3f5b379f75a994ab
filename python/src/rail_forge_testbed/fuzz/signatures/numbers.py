"""Numbers: arithmetic, rounding, fields of dates, counts and places."""

from __future__ import annotations

from .signature import lines

SIGNATURES = (
    lines(
        r"""
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
numeric | abs({}) | numeric
numeric | (- {}) | numeric
numeric | round({}) | numeric
numeric | round({}, 1) | numeric
numeric | trunc({}) | numeric
numeric | trunc({}, 1) | numeric
numeric | ceil({}) | numeric
numeric | ceiling({}) | numeric
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
int2 | ({} | {}) | int2 int2
int2 | ({} # {}) | int2 int2
int2 | (~ {}) | int2
int4 | ({} << 2) | int4
int4 | regexp_count({}, 'a') | text
int4 | regexp_count({}, '[a-z]', 2, 'i') | text
int4 | regexp_instr({}, 'b') | text
int4 | regexp_instr({}, '(a)(b)', 1, 1, 1, 'i', 2) | text
int4 | min_scale({}) | numeric
int4 | width_bucket({}, 0, 10, 5) | numeric
int4 | width_bucket({}, ARRAY[0, 2.5, 10]) | numeric
int4 | array_position({}, {}, 2) | int4[] int4
int4 | array_position({}, {}) | text[] text
int4 | cardinality({}) | text[]
int4 | octet_length({}) | bytea
int4 | bit_length({}) | bytea
int4 | position({} IN {}) | bytea bytea
int4 | length({}) | varchar
int8 | ({} << 3) | int8
int8 | ({} >> 2) | int8
int8 | ({} & {}) | int8 int8
int8 | (~ {}) | int8
int8 | mod({}, 7) | int8
int8 | bit_count({}) | bytea
int8 | crc32({}) | bytea
int8 | crc32c({}) | bytea
numeric | trim_scale({}) | numeric
numeric | factorial(abs({} % 15)) | int8
numeric | extract(millennium FROM {}) | date
numeric | extract(isodow FROM {}) | timestamp
numeric | extract(julian FROM {}) | date
numeric | extract(milliseconds FROM {}) | timestamp
numeric | extract(microseconds FROM {}) | time
numeric | extract(timezone FROM {}) | timestamptz
numeric | extract(hour FROM {}) | timestamptz
numeric | extract(epoch FROM {}) | timestamptz
numeric | extract(epoch FROM {}) | date
numeric | extract(month FROM {}) | interval
numeric | extract(second FROM {}) | interval
float8 | date_part('dow', {}) | timestamptz
float8 | date_part('epoch', {}) | timestamp
float8 | date_part('second', {}) | time
float8 | trunc(abs({})) | float8
float8 | ceil(abs({})) | float8
float8 | floor(abs({})) | float8
float8 | ceiling(abs({})) | float8
float8 | ({} + pi()) | float8
float8 | sind({} % 360) | int4
float8 | cosd({} % 360) | int4
int4 | get_bit({} || '\x00'::bytea, 3) | bytea
int8 | gcd({}, 12) | int8
int4 | lcm({} % 100, 12) | int4
numeric | gcd({}, 1.5) | numeric
numeric | div({}, 3) | numeric
float8 | round(abs({})) | float8
float8 | sign({}) | float8
"""
    )
    + lines(
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
numeric | div({}, 3) | numeric
float8 | ({} * {}) | float8 float8
float8 | ({} / 2) | float8
float8 | floor({} + 1000) | float8
float4 | ({})::float4 | float8
float4 | ({} * {}) | float4 float4
int2 | ({} - {}) | int2 int2
int4 | lcm({}, {}) | int4 int4
int4 | ({} * {}) | int2 int4
int8 | gcd({}, {}) | int8 int8
int8 | lcm({}, {}) | int8 int4
int8 | ({} * {}) | int4 int8
int8 | ({} - {}) | int2 int8
float8 | ({} * {}) | float8 int4
float8 | ({} - {}) | float4 float8
float8 | abs({}) ^ 2 | float8
float4 | (- {}) - 0.5::float4 | float4
""",
        may_fail=True,
    )
    + lines(
        r"""
numeric | ({} * {}) | numeric numeric
numeric | ({} * {}) | numeric int4
numeric | ({} * {}) | int8 numeric
numeric | round({} / 3, 6) | numeric
numeric | round({} / nullif({}, 0), 6) | numeric numeric
numeric | round({} / nullif({}, 0), 6) | int4 numeric
numeric | div({}, nullif({}, 0)) | numeric numeric
numeric | ({} % nullif({}, 0)) | numeric numeric
numeric | gcd({}, {}) | numeric numeric
numeric | lcm({}, {}) | numeric numeric
numeric | round(sqrt(abs({})), 8) | numeric
numeric | round(exp({} / 50), 8) | numeric
numeric | round(ln(abs({}) + 1), 8) | numeric
numeric | round(log(abs({}) + 1), 8) | numeric
numeric | round(log(2, abs({}) + 1), 8) | numeric
numeric | round(power(abs({}) + 1, 2.5), 6) | numeric
numeric | round({} ^ 2, 6) | numeric
numeric | round({}, {} % 4) | numeric int4
numeric | trunc({}, {} % 4) | numeric int4
numeric | round(sin({})::numeric, 9) | float8
numeric | round(cos({})::numeric, 9) | float8
numeric | round(tan({} / 16)::numeric, 9) | float8
numeric | round(atan2({}, {})::numeric, 9) | float8 float8
numeric | round(exp({} / 16)::numeric, 9) | float8
numeric | round(ln(abs({}) + 1)::numeric, 9) | float8
numeric | round(log(abs({}) + 1)::numeric, 9) | float8
numeric | round(sinh({} / 16)::numeric, 9) | float8
numeric | round(tanh({})::numeric, 9) | float8
numeric | round(asin({} / 16)::numeric, 9) | float8
numeric | round(degrees({})::numeric, 9) | float8
numeric | round(radians({})::numeric, 9) | float8
numeric | round(power(abs({}), 1.5)::numeric, 6) | float8
numeric | round(cbrt({})::numeric, 9) | float8
numeric | round(sind({})::numeric, 9) | float8
numeric | to_number(to_char({}, 'FM999990.099'), '999999.999') | numeric
numeric | to_number('1,234.5-', '9G999D9S') + {} | numeric
float8 | sqrt(abs({})) | float8
float8 | ({} / 4) ^ 2 | float8
""",
        is_limited=True,
    )
)

# These often fail.
FAILING = lines(
    r"""
int4 | ({} / {}) | int4 int4
int4 | ({} % {}) | int4 int4
int8 | ({} / {}) | int8 int8
float8 | ({} / {}) | float8 float8
int4 | ({})::int4 | text
int8 | ({})::int8 | varchar
int2 | ({} / {}) | int2 int2
float8 | ({})::float8 | numeric
float8 | sqrt(abs({})) | float8
int4 | get_byte({}, 0) | bytea
int4 | get_bit({}, 3) | bytea
int4 | jsonb_array_length({}) | jsonb
int4 | json_array_length({}) | json
int4 | ({} -> 'a')::int4 | jsonb
int4 | mod({}, {}) | int4 int4
int8 | mod({}, {}) | int8 int8
numeric | ({} % {}) | numeric numeric
numeric | div({}, {}) | numeric numeric
float8 | |/ {} | float8
float4 | ({})::float4 | varchar
""",
    may_fail=True,
)
