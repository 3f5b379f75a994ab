"""JSON."""

from __future__ import annotations

from .signature import lines

SIGNATURES = lines(
    r"""
jsonb | ({} -> 'a') | jsonb
jsonb | ({} -> 'b') | jsonb
jsonb | ({} -> 0) | jsonb
jsonb | ({} -> -1) | jsonb
jsonb | ({} -> {}) | jsonb text
jsonb | ({} -> {}) | jsonb int4
jsonb | ({} #> '{b,2}') | jsonb
jsonb | ({} #> {}) | jsonb text[]
jsonb | ({})['a'] | jsonb
jsonb | ({} || {}) | jsonb jsonb
jsonb | jsonb_strip_nulls({}) | jsonb
jsonb | jsonb_strip_nulls({}, true) | jsonb
jsonb | jsonb_extract_path({}, 'b', '0') | jsonb
jsonb | jsonb_path_query_first({}, '$.b[last]') | jsonb
jsonb | jsonb_path_query_array({}, '$.b[*]') | jsonb
jsonb | json_query({}, '$.b') | jsonb
jsonb | json_query({}, '$.b') | json
jsonb | json_query({}, '$.b') | text
jsonb | jsonb_path_query_array({}, '$.** ? (@.type() == "number")') | jsonb
jsonb | ({})::jsonb | json
jsonb | to_jsonb(({})::text) | text
jsonb | to_jsonb({}) | int4
jsonb | to_jsonb({}) | bool
jsonb | to_jsonb({}) | date
jsonb | to_jsonb({}) | timestamp
jsonb | to_jsonb({}) | timestamptz
jsonb | to_jsonb({}) | interval
jsonb | to_jsonb({}) | uuid
jsonb | to_jsonb({}) | bytea
jsonb | to_jsonb({}) | int4[]
jsonb | to_jsonb({}) | text[]
jsonb | to_jsonb({}) | jsonb
jsonb | to_jsonb({}) | bpchar
jsonb | jsonb_build_object('k', {}, 'l', {}) | int4 text
jsonb | jsonb_build_object({} || 'x', {}) | text jsonb
jsonb | jsonb_build_array({}, {}, {}) | int8 bool date
jsonb | jsonb_build_array({}, {}) | time int4[]
jsonb | jsonb_object(ARRAY['a', {}]) | text
jsonb | jsonb_object(ARRAY['a', 'b'], ARRAY[{}, {}]) | text text
json | ({})::json | jsonb
json | to_json(({})::text) | text
json | to_json({}) | timestamp
json | to_json({}) | int4[]
json | to_json({}) | bool
json | json_build_object('k', {}, 'l', {}) | date text
json | json_build_array({}, {}, {}) | int4 text interval
json | row_to_json(ROW({}, {})) | int4 text
json | array_to_json({}) | text[]
json | ({} -> 'a') | json
json | ({} -> 1) | json
json | ({} #> '{b,1}') | json
json | json_strip_nulls({}) | json
json | json_extract_path({}, 'b') | json
"""
)

# These often fail.
FAILING = lines(
    r"""
jsonb | ({} - 'a') | jsonb
jsonb | ({} - 1) | jsonb
jsonb | ({} - {}) | jsonb text
jsonb | ({} - ARRAY['a', 'k']) | jsonb
jsonb | ({} #- '{b,1}') | jsonb
jsonb | jsonb_set({}, '{a}', {}) | jsonb jsonb
jsonb | jsonb_set({}, '{b,1}', {}, false) | jsonb jsonb
jsonb | jsonb_set_lax({}, '{a}', {}) | jsonb jsonb
jsonb | jsonb_insert({}, '{b,0}', {}) | jsonb jsonb
jsonb | ({})::jsonb | text
json | ({})::json | text
""",
    may_fail=True,
)
