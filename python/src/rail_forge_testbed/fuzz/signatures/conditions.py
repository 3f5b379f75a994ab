"""Conditions: patterns, comparisons of several values, of rows and with elements of arrays, what JSON has."""

from __future__ import annotations

from .signature import lines

SIGNATURES = lines(
    r"""
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
bool | ({} IS NOT TRUE) | bool
bool | ({} IS FALSE) | bool
bool | ({} IS NOT UNKNOWN) | bool
bool | ({} = {}) | bool bool
bool | ({} NOT ILIKE '%B') | varchar
bool | ({} LIKE {}) | text varchar
bool | ({} LIKE 'a\%%') | text
bool | ({} ILIKE {} || '%') | text text
bool | ({} LIKE ANY (ARRAY['a%', '%b', NULL])) | text
bool | ({} NOT LIKE ALL (ARRAY['a%', {}])) | text text
bool | ({} !~* '^(a|b)+$') | varchar
bool | ({} ~ '^\w+\s?\w*$') | text
bool | ({} ~ '(?i)ABC|[[:digit:]]') | text
bool | ({} ~ '^.{2,3}$') | bpchar
bool | ({} NOT SIMILAR TO '[ab]_*') | text
bool | ({} SIMILAR TO 'a!_%' ESCAPE '!') | text
bool | regexp_like({}, 'a.c', 'i') | text
bool | ({} ^@ {}) | text text
bool | ({} IS NFC NORMALIZED) | text
bool | ({} @> {}) | text[] text[]
bool | ({} <@ {}) | int4[] int4[]
bool | ({} && {}) | text[] text[]
bool | ({} < {}) | int4[] int4[]
bool | ({} = ANY (ARRAY[{}, {}])) | text text text
bool | ({} <> ANY ({})) | int4 int4[]
bool | ({} <= ALL ({})) | int8 int4[]
bool | ({} < ANY ({})) | text text[]
bool | ({} = ALL ({})) | varchar text[]
bool | ({} LIKE ANY ({})) | text text[]
bool | (({}, {}) OVERLAPS ({}, {})) | timestamp timestamp timestamp timestamp
bool | (({}, {}) OVERLAPS ({}, {})) | timestamp interval timestamp interval
bool | (({}, {}) OVERLAPS ({}, {})) | time time time time
bool | isfinite({}) | date
bool | isfinite({}) | interval
bool | (({}, {}) <> ({}, {})) | date text date text
bool | (({}, {}, {}) >= ({}, {}, {})) | int4 text date int4 text date
bool | (({}, {}) IN (({}, {}), ({}, {}))) | int4 text int4 text int4 text
bool | (({}, {}) IS NOT NULL) | text bool
bool | (({}, {}) IS DISTINCT FROM ({}, {})) | int4 text int4 text
bool | (ROW({}) IS NULL) | int4
bool | (NOT ({} BETWEEN {} AND {})) | date timestamp timestamptz
bool | ({} BETWEEN SYMMETRIC {} AND {}) | int8 int4 numeric
bool | ({} COLLATE "C" < {}) | text text
bool | ({} < {} COLLATE "POSIX") | varchar text
bool | ({} @> {}) | jsonb jsonb
bool | ({} <@ {}) | jsonb jsonb
bool | ({} ? 'a') | jsonb
bool | ({} ? {}) | jsonb text
bool | ({} ?| {}) | jsonb text[]
bool | ({} ?& ARRAY['a', 'b']) | jsonb
bool | ({} @? '$.b[*] ? (@ > 1)') | jsonb
bool | ({} @@ '$.a == 1') | jsonb
bool | json_exists({}, '$.b[2].c') | jsonb
bool | json_exists({}, '$.b[2].c') | json
bool | jsonb_path_match({}, 'exists($.a)') | jsonb
bool | jsonb_path_exists({}, '$.b[2].c') | jsonb
bool | ({} ~ {}) | text bpchar
bool | ({} = 'a') | bpchar
bool | ({} = {}) | uuid uuid
"""
)

# These often fail.
FAILING = lines(
    r"""
bool | ({})::bool | text
bool | ({})::bool | varchar
bool | ({} -> 'a')::bool | jsonb
bool | ({} ~ {}) | text text
""",
    may_fail=True,
)
