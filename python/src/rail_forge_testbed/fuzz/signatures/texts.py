"""Texts and bytes: pieces, padding, patterns, formats, encodings, uuid."""

from __future__ import annotations

from .signature import lines

SIGNATURES = (
    lines(
        r"""
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
text | regexp_replace({}, '(.)b', E'\\1', 'g') | text
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
varchar | ({})::varchar | text
varchar | ({})::varchar(2) | text
varchar | ({})::varchar | int4
bpchar | ({})::char(4) | text
text | substring({} FROM '%#"b#"%' FOR '#') | text
text | trim(TRAILING ' ' FROM {}) | text
bytea | ({} || {}) | bytea bytea
bytea | substring({} FROM 2) | bytea
bytea | decode(md5({}), 'hex') | text
uuid | ({})::uuid | uuid
text | ({})::text | json
text | ({})::text | jsonb
text | ({} || {}) | text bool
text | ({} || {}) | text interval
text | ({} || {}) | varchar varchar
text | ({} || {}) | timestamp text
text | concat({}, {}, {}) | interval float8 uuid
text | concat({}, {}, {}) | timestamptz int4[] bpchar
text | concat_ws(', ', {}, {}, {}) | bytea time jsonb
text | format('%2$s %1$s %%', {}, {}) | text date
text | format('%-5s|%5s', {}, {}) | text int4
text | format('%L %L', {}, {}) | int4 varchar
text | initcap({} || 'x y-z') | text
text | trim(LEADING 'a' FROM {}) | text
text | left({}, 1) | varchar
text | right({}, -1) | text
text | lpad({}, 4, '') | text
text | rpad({}, 6) | text
text | reverse({}) | varchar
text | replace({}, 'a', '') | varchar
text | translate({}, {}, 'xyz') | text text
text | substr({}, -1, 4) | text
text | substring({} FROM '(a)|b') | text
text | substring({}, 'a(.)') | varchar
text | overlay({} PLACING {} FROM 1 FOR 2) | text text
text | split_part({}, ' ', 2) | text
text | split_part({}, '', 1) | text
text | md5({}) | bytea
text | encode({}, 'escape') | bytea
text | encode(sha256({}), 'hex') | bytea
text | encode(sha224({}), 'base64') | bytea
text | encode(sha384({}), 'hex') | bytea
text | encode(sha512({}), 'hex') | bytea
text | casefold({}) | text
text | current_schema::text || {} | text
text | json_value({}, '$.a') | jsonb
text | json_value({}, '$.a') | json
text | convert_from(convert_to({}, 'UTF8'), 'UTF8') | text
text | to_hex({}) | int8
text | to_oct({}) | int4
text | to_bin({}) | int8
text | quote_literal({}) | int4
text | quote_nullable({}) | int4
text | normalize({}) | text
text | normalize({}, NFKD) | text
text | regexp_replace({}, 'a', 'X', 2, 1, 'i') | text
text | regexp_replace({}, '([a-z])([a-z])', '\2\1', 'g') | text
text | regexp_replace({}, '\s+', '_') | varchar
text | regexp_replace({}, '^|$', '!', 'g') | text
text | regexp_replace({}, '\mb|\Ma', '<\&>', 'g') | text
text | regexp_substr({}, '[ab]', 1, 2) | text
text | regexp_substr({}, '(.)(b)', 1, 1, 'i', 2) | text
text | ({} ->> 'a') | jsonb
text | ({} ->> 0) | jsonb
text | ({} ->> -1) | jsonb
text | ({} ->> 'b') | json
text | ({} #>> '{b,2,c}') | jsonb
text | ({} #>> ARRAY['a', 'b']) | json
text | ({} ->> {}) | jsonb text
text | ({} ->> {}) | jsonb int4
text | jsonb_typeof({}) | jsonb
text | json_typeof({}) | json
text | jsonb_pretty({}) | jsonb
text | jsonb_extract_path_text({}, 'a', 'b') | jsonb
text | json_extract_path_text({}, 'b', '1') | json
text | (jsonb_path_query_first({}, '$.*') #>> ARRAY[]::text[]) | jsonb
text | array_dims({}) | int4[]
text | array_to_string({}, {}) | text[] text
text | array_to_string({}, ', ', {}) | text[] text
text | to_char({}, 'YYYY "y" Q WW IYYY-IW-ID J') | date
text | to_char({}, 'FMDay FMMonth FMDDth, HH12:MI:SS am') | timestamp
text | to_char({}, 'YY CC TMMon DDD D SSSS MS') | timestamp
text | to_char({}, 'YYYY-MM-DD HH24:MI:SSOF TZ') | timestamptz
text | to_char({}, 'RM rm DY dy MON mon AD b.c.') | date
text | to_char({}, 'DD HH24:MI:SS') | interval
text | to_char({}, 'RN') | int2
text | to_char({}, 'FM999,999,999MI') | int4
text | to_char({}, 'SG9999999999999999999') | int8
text | to_char({}, '000000PL') | int4
text | ({} COLLATE "C") | text
text | upper({} COLLATE "C") | varchar
text | lower({} COLLATE "POSIX") | text
varchar | ({})::varchar | bpchar
varchar | ({})::varchar(3) | varchar
varchar | ({})::varchar | date
varchar | ({})::varchar(4) | bool
bpchar | ({})::char(2) | varchar
bpchar | ({})::char(3) | int4
bpchar | ({})::bpchar | text
bytea | substring({} FROM 1 FOR 2) | bytea
bytea | substr({}, 2) | bytea
bytea | overlay({} PLACING {} FROM 2) | bytea bytea
bytea | btrim({}, '\x00'::bytea) | bytea
bytea | reverse({}) | bytea
bytea | set_bit({} || '\x00'::bytea, 5, 1) | bytea
bytea | sha256({}) | bytea
bytea | convert_to({}, 'UTF8') | text
bytea | decode(encode({}, 'base64'), 'base64') | bytea
bytea | decode(encode({}, 'escape'), 'escape') | bytea
bytea | ({})::bytea | int4
uuid | md5({})::uuid | text
"""
    )
    + lines(
        r"""
text | chr(abs({}) + 1) | int4
text | repeat({}, {} % 5) | text int4
text | left({}, {}) | text int4
text | substr({}, {}, {} & 15) | text int4 int4
text | lpad({}, {} & 7, {}) | text int4 text
text | right({}, {}) | text int4
text | split_part({}, ',', abs({}) + 1) | text int4
text | overlay({} PLACING 'x' FROM abs({}) + 1) | text int4
text | substring({} FROM {} FOR abs({})) | text int4 int4
text | regexp_substr({}, '.', abs({}) + 1) | text int4
text | to_char({}, 'FM9990.0099') | float8
text | to_char({}, '9.99EEEE') | float8
text | to_char({}, '99990D9') | float4
bytea | substring({} FROM {} FOR 2) | bytea int4
""",
        may_fail=True,
    )
    + lines(
        r"""
text | pg_typeof({})::text | numeric
text | pg_typeof({})::text | text[]
text | to_char({}, 'FM999999999990.09999') | numeric
text | to_char({}, 'S99999999999999999999D99') | numeric
text | to_char({}, '9,999,990.00PR') | numeric
text | to_char({}, 'FM0009.9;MI') | numeric
text | to_char({}, '99.999EEEE') | numeric
""",
        is_limited=True,
    )
)

# These often fail.
FAILING = lines(
    r"""
text | format('%I', {}) | varchar
text | chr({}) | int4
text | repeat({}, {}) | varchar int2
text | split_part({}, ',', {}) | text int4
text | convert_from({}, 'UTF8') | bytea
text | encode(set_byte({}, 0, 65), 'hex') | bytea
text | format({}, {}) | text int4
text | unistr({}) | text
text | (parse_ident({}))[1] | text
bytea | ({})::bytea | text
bytea | decode({}, 'hex') | varchar
uuid | ({})::uuid | varchar
""",
    may_fail=True,
)
