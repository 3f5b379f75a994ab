"""Arrays of integers and texts."""

from __future__ import annotations

from .signature import lines

SIGNATURES = lines(
    r"""
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
int4[] | array_reverse({}) | int4[]
int4[] | array_sort({}) | int4[]
int4[] | array_cat({}, {}) | int4[] int4[]
int4[] | ({} || {}) | int4 int4[]
int4[] | array_fill({}, ARRAY[2]) | int4
int4[] | ({})[2:] | int4[]
int4[] | ({})[:1] | int4[]
int4[] | string_to_array('1,2,,', ',', '')::int4[] || {} | int4
int4[] | ARRAY[{}, {}, NULL] | int4 int2
int4[] | array_positions({}, {}) | text[] text
text[] | array_reverse({}) | text[]
text[] | array_sort({}) | text[]
text[] | array_append({}, {}) | text[] text
text[] | array_prepend({}, {}) | text text[]
text[] | array_remove({}, {}) | text[] text
text[] | array_replace({}, {}, {}) | text[] text text
text[] | ({} || {}) | text[] text
text[] | ({} || '{z}') | text[]
text[] | ({})::text[] | int4[]
text[] | string_to_array({}, NULL) | text
text[] | regexp_split_to_array({}, '[ ,]', 'i') | text
text[] | regexp_match({}, 'a|(b)', 'i') | text
text[] | regexp_match({}, {}) | text bpchar
text[] | ARRAY[{}, {}]::text[] | varchar text
int4 | ({})[{}] | int4[] int4
text | ({})[{}] | text[] int4
int4[] | ({})[{}:{}] | int4[] int4 int4
text[] | ({})[1:{}] | text[] int4
"""
) + lines(
    r"""
int4[] | trim_array({}, 1) | int4[]
""",
    may_fail=True,
)

# These often fail.
FAILING = lines(
    r"""
int4[] | trim_array({}, {}) | int4[] int4
int4[] | ({})::int4[] | text[]
text[] | parse_ident({}) | text
""",
    may_fail=True,
)
