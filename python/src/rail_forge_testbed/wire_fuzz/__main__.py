"""Send RailForge random messages and report what they break.

    python -m rail_forge_testbed.wire_fuzz [--seconds 900] [--seed N] [--keep-going]
    python -m rail_forge_testbed.wire_fuzz --seed N --number N | --replay FILE

Starts an embedded PostgreSQL (or uses the one of RAIL_FORGE_TEST_PG_URL) and the server that RAIL_FORGE_BIN
names. Ends at the first finding unless it is told to keep going; then findings that look like one before are
only counted. A finding is printed with its seed, its number and, shrunk, as a line of JSON, which --replay
sends again. The exit code is 1 when something was found.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rail_forge_testbed import _fuzzer
from rail_forge_testbed.postgres import postgres_server

from .message import Call
from .rounds import Count, play
from .target import Target

if TYPE_CHECKING:
    import argparse


def main() -> int:
    """Run until the time is over; gives the exit code."""
    arguments = _arguments()
    seed = arguments.seed
    print(f"seed {seed}", flush=True)
    with postgres_server() as postgres, Target(postgres.create_database("wire_fuzz"), seed) as target:
        if arguments.replay is not None:
            return _replay(target, arguments.replay)
        count, found = Count(), 0
        end = time.monotonic() + arguments.seconds
        one = {"calls": 1, "first": arguments.number} if arguments.number is not None else {}
        for find in play(target, seed, count, end=end, **one):
            found += 1
            print(find, flush=True)
            if not arguments.keep_going:
                break
        print(f"{count.sent} calls; {found} findings; seed {seed}; server's peak {target.peak_mib} MiB")
        for signature, times in sorted(count.known.items(), key=lambda each: -each[1]):
            print(f"{times:7} x {signature}")
    return 1 if found else 0


def _replay(target: Target, file: str) -> int:
    text = sys.stdin.read() if file == "-" else Path(file).read_text()
    [line] = [line for line in text.splitlines() if line.startswith("{")]
    found = target.check(Call.from_json(line), patient=True) or target.canary()
    print(f"{found.kind}: {found.words}" if found else "nothing is wrong")
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = _fuzzer.command_line("rail_forge_testbed.wire_fuzz", __doc__)
    parser.add_argument("--number", type=int, help="send the call of this number alone")
    parser.add_argument(
        "--replay", metavar="FILE", help="send the call of a finding again (- reads standard input)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
