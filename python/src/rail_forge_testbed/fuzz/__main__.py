"""Ask RailForge and PostgreSQL random statements and report what differs.

    python -m rail_forge_testbed.fuzz [--seconds 900] [--seed N] [--keep-going]

Starts an embedded PostgreSQL (or uses the one of RAIL_FORGE_TEST_PG_URL) and the server that RAIL_FORGE_BIN
names. Ends at the first difference unless it is told to keep going; then differences that look like one that
was found already are left out. The exit code is 1 when something was found.
"""

from __future__ import annotations

import sys
import time

from rail_forge_testbed import _fuzzer
from rail_forge_testbed.postgres import postgres_server

from .compare import Engines
from .rounds import STATEMENTS, Count, Finding, play


def main() -> int:
    """Run until the time is over; gives the exit code."""
    arguments = _fuzzer.command_line("rail_forge_testbed.fuzz", __doc__).parse_args()
    seed = arguments.seed
    print(f"seed {seed}", flush=True)
    count = Count()
    found: list[Finding] = []
    # Differences in values look all alike: of these, every one is shown whose shrunk statement is new.
    known: set[str] = set()
    end = time.monotonic() + arguments.seconds
    with postgres_server() as postgres, Engines(postgres.create_database("fuzz")) as engines:
        number = 0
        while time.monotonic() < end and (arguments.keep_going or not found):
            for finding in play(engines, f"{seed}:{number}", count, known=known, end=end):
                found.append(finding)
                if ":" in finding.difference.signature:
                    known.add(finding.difference.signature)
                print(finding, flush=True)
                if not arguments.keep_going or time.monotonic() > end:
                    break
            number += 1
    print(
        f"{count.asked} statements in {number} rounds of {STATEMENTS}, {count.answered} of them answered by"
        f" PostgreSQL; {len(found)} differences; seed {seed}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
