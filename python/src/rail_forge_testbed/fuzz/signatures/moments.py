"""Dates, times, timestamps and intervals."""

from __future__ import annotations

from .signature import lines

SIGNATURES = (
    lines(
        r"""
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
date | to_date(to_char({}, 'YYYY-MM-DD'), 'YYYY-MM-DD') | date
date | ({} - 5) | date
date | (date_trunc('year', {}) + interval '1 month')::date | timestamp
time | ({})::time | timestamptz
time | ({})::time | interval
time | ({} - {}) | time interval
time | make_time(abs({} % 24), 30, 1.5) | int4
timestamp | date_trunc('decade', {}) | timestamp
timestamp | date_trunc('millisecond', {}) | timestamp
timestamp | ({})::timestamp | timestamptz
timestamp | ({} - interval '1 month 2 days 03:04:05') | timestamp
timestamp | ({} AT TIME ZONE interval '-03:30') | timestamptz
timestamp | ({} AT LOCAL) | timestamptz
timestamp | make_timestamp(2024, 1 + abs({} % 12), 5, 6, 7, 8.5) | int4
timestamp | date_bin('1 day 12 hours', {}, timestamp '1999-01-01 00:10') | timestamp
timestamptz | date_trunc('month', {}) | date
timestamptz | date_trunc('day', {}, 'Asia/Tokyo') | timestamptz
timestamptz | ({} AT TIME ZONE 'Europe/Berlin') | timestamp
timestamptz | ({} AT TIME ZONE interval '02:00') | timestamp
timestamptz | ({} AT LOCAL) | timestamp
timestamptz | ({} - {}) | timestamptz interval
timestamptz | ({} + {}) | timestamptz interval
timestamptz | date_bin('15 minutes', {}, timestamptz '2000-01-01 00:00+00') | timestamptz
timestamptz | to_timestamp(to_char({}, 'YYYY-MM-DD HH24:MI'), 'YYYY-MM-DD HH24:MI') | timestamp
timestamptz | make_timestamptz(2024, 1 + abs({} % 12), 5, 6, 7, 8.5) | int4
timestamptz | make_timestamptz(2024, 3, 1 + abs({} % 31), 2, 30, 0, 'Europe/Berlin') | int4
interval | age({}, {}) | timestamptz timestamptz
interval | age({}, {}) | timestamptz date
interval | ({} - {}) | timestamptz timestamp
interval | ({} - {}) | date timestamp
interval | justify_hours({}) | interval
interval | make_interval(1, 2, 0, {} % 100, {} % 50) | int4 int4
interval | make_interval(months => {} % 1000, secs => 1.5) | int4
interval | date_trunc('day', {}) | interval
interval | date_trunc('month', {}) | interval
"""
    )
    + lines(
        r"""
date | ({} + {}) | date int4
timestamp | ({} + {}) | timestamp interval
date | ({} - {}) | date int4
interval | ({} * {}) | interval int4
interval | ({} * 1.5) | interval
interval | ({} / 3) | interval
timestamptz | ({} + {} % 1000 * interval '1 hour') | timestamptz int4
timestamp | ({} + {} * interval '1 month') | date int4
""",
        may_fail=True,
    )
    + lines(
        r"""
timestamptz | to_timestamp({}) | float8
interval | ({} * {}) | interval float8
""",
        is_limited=True,
    )
)

# These often fail.
FAILING = lines(
    r"""
date | make_date({}, 1, 1) | int4
interval | ({} / {}) | interval int4
""",
    may_fail=True,
) + lines(
    r"""
date | ({})::date | text
date | to_date({}, 'YYYY-MM-DD') | text
time | ({})::time | text
timestamp | ({})::timestamp | varchar
interval | ({})::interval | text
""",
    may_fail=True,
    is_limited=True,
)
