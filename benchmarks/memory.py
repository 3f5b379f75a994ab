"""How much physical memory the server needs while it pulls a table that does not fit in that memory.

The peak is the kernel's own count (`VmHWM`), set back before every refresh, so this runs on Linux only. What
counts is the most that any run needed above what the idle server had before the first one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rail_forge_testbed.psql import run_psql

from .comparison import Comparison, Series, Wanted
from .subject import database, execute, progress, require_same, served, source

if TYPE_CHECKING:
    import rail_forge
    from rail_forge_testbed.postgres import PostgresServer
    from rail_forge_testbed.server import RailForgeServer

    from .subject import Settings

ROWS = 20_000_000
BYTES_PER_MB = 1_000_000
RESET_PEAK = "5"  # proc(5), clear_refs
TABLE = "public.reading"

# Unlogged, because only writing it would be slower otherwise.
DEFINITION = f"""
CREATE UNLOGGED TABLE {TABLE} (
    id bigint NOT NULL,
    sensor integer NOT NULL,
    kind smallint NOT NULL,
    price numeric(12, 2) NOT NULL,
    level double precision NOT NULL,
    active boolean NOT NULL,
    day date NOT NULL,
    measured_at timestamptz NOT NULL,
    code text NOT NULL,
    note text
) WITH (autovacuum_enabled = false)
"""
# No two codes are equal: no dictionary makes them small.
ROWS_BETWEEN = f"""
INSERT INTO {TABLE}
SELECT i, i % 10007, i % 12, (i % 1000000) * 0.01, i / 7.0::double precision, i % 3 = 0,
       date '2020-01-01' + (i % 2000)::integer, timestamptz '2020-01-01 00:00Z' + i * interval '1 second',
       md5(i::text), CASE WHEN i % 5 = 0 THEN 'note ' || i % 1000 END
FROM generate_series({{first}}::bigint, {{last}}) AS i
"""


def measure(postgres: PostgresServer, settings: Settings) -> list[Comparison]:
    """Make the table, pull it, look at the peaks."""
    rows = settings.scaled(ROWS)
    with database(postgres, "benchmark_memory") as url:
        progress(f"making a table of {rows:,} rows")
        _make(url, rows)
        with served(source("full", url)) as (server, client):
            idle_mb = _memory_mb(server, "VmRSS")
            progress("pulling it")
            peaks_mb = [_peak_mb(server, client) for _ in range(settings.runs)]
            require_same(url, client, "count(*), sum(id), sum(price)", [f"full.{TABLE}"])
    # A bound is one only if the worst run keeps it.
    worst = Series(f"worst peak above idle, refresh of {rows:,} rows", [max(peaks_mb) - idle_mb], "MB")
    return [Comparison(worst, Series("idle server", [idle_mb], "MB"), Wanted("<", 500, of="median"))]


def _make(url: str, rows: int) -> None:
    half = rows // 2
    execute(url, DEFINITION)
    ranges = [(1, half), (half + 1, rows)]
    run_psql(url, *([ROWS_BETWEEN.format(first=first, last=last)] for first, last in ranges))
    execute(url, f"ANALYZE {TABLE}", "CHECKPOINT")


def _peak_mb(server: RailForgeServer, client: rail_forge.Client) -> float:
    Path(f"/proc/{server.pid}/clear_refs").write_text(RESET_PEAK)
    client.refresh(f"full.{TABLE}")
    return _memory_mb(server, "VmHWM")


def _memory_mb(server: RailForgeServer, name: str) -> float:
    status = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(rf"^{name}:\s*(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"the status of the server's process has no {name}")
    return int(found[1]) * 1024 / BYTES_PER_MB
