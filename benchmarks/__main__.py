"""How fast RailForge is, each number beside a reference from the same run.

    python -m benchmarks [--only pull,diff] [--runs 5] [--scale 1] [--json FILE]

Starts an embedded PostgreSQL (or uses the one of RAIL_FORGE_TEST_PG_URL) and the server that RAIL_FORGE_BIN
names, measures subject by subject, and prints the medians. A subject that fails is named, and the others are
measured all the same; the exit code is then 1. A number that is not as wanted is printed, and is no failure:
only whoever knows what else the machine was doing can judge it.
"""

# ruff: noqa: T201 - a benchmark prints

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from rail_forge_testbed.postgres import postgres_server

from . import diff, django, hot, latency, many, memory, pruning, pull, tpch, watermark, wire
from .comparison import Comparison, table
from .subject import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from rail_forge_testbed.postgres import PostgresServer

SUBJECTS: dict[str, Callable[[PostgresServer, Settings], list[Comparison]]] = {
    "pull": pull.measure,
    "memory": memory.measure,
    "diff": diff.measure,
    "watermark": watermark.measure,
    "many": many.measure,
    "hot": hot.measure,
    "pruning": pruning.measure,
    "tpch": tpch.measure,
    "latency": latency.measure,
    "wire": wire.measure,
    "django": django.measure,
}


def main() -> int:
    """Measures what was asked for; gives the exit code."""
    arguments = _arguments()
    settings = Settings(arguments.runs, arguments.scale)
    measured: dict[str, list[Comparison]] = {}
    failed: list[str] = []
    with postgres_server() as postgres:
        for name in arguments.only:
            print(f"{name}:", file=sys.stderr, flush=True)
            try:
                measured[name] = SUBJECTS[name](postgres, settings)
            except Exception:  # noqa: BLE001 - the other subjects are measured all the same
                traceback.print_exc()
                failed.append(name)
        version = postgres.version
    print(f"medians of {settings.runs} runs at scale {settings.scale:g}, PostgreSQL {version}, {_machine()}")
    print(table([comparison for comparisons in measured.values() for comparison in comparisons]))
    if arguments.json is not None:
        report = {
            "runs": settings.runs,
            "scale": settings.scale,
            "postgres": version,
            "machine": _machine(),
            "subjects": {name: [each.as_json() for each in lines] for name, lines in measured.items()},
            "failed": failed,
        }
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", type=_subjects, default=list(SUBJECTS), metavar="NAME,...", help=", ".join(SUBJECTS)
    )
    parser.add_argument("--runs", type=_positive, default=5, help="the medians are of so many (5)")
    parser.add_argument("--scale", type=float, default=1.0, help="less for trying out (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every run, for a machine")
    return parser.parse_args()


def _subjects(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in SUBJECTS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(SUBJECTS)}")
    return names


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs")
    return int(text)


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()} {platform.system()}"


if __name__ == "__main__":
    sys.exit(main())
