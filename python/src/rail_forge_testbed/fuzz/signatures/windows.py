"""Functions for windows whose order leaves nothing open."""

from __future__ import annotations

from .signature import lines

WINDOWS = lines(
    r"""
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
float8 | lag({}, 1, 0.5) | float8
timestamp | lag({}) | timestamp
timestamptz | lead({}, 2) | timestamptz
interval | first_value({}) | interval
uuid | last_value({}) | uuid
bytea | lead({}, 1) | bytea
jsonb | first_value({}) | jsonb
int4[] | nth_value({}, 3) | int4[]
text[] | lag({}) | text[]
int8 | nth_value({}, 1) | int8
int2 | lead({}, 0) | int2
float4 | last_value({}) | float4
time | lag({}, 3) | time
varchar | lag({}) | varchar
bpchar | first_value({}) | bpchar
bool | lag({}, 1, false) | bool
int4 | ntile(2) |
text | nth_value({}, 2) | text
json | first_value({}) | json
"""
)
