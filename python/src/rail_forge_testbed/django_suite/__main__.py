"""The command line of the suite; see the package."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rail_forge_testbed._embedded import EmbeddedPostgres

from .apps import READING_APPS
from .outcomes import OUTCOMES_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run the tests of the labels, by default of all apps that read, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rail_forge_testbed.django_suite", description=__doc__)
    parser.add_argument("--tests", type=Path, required=True, help="the folder tests/ of Django's sdist")
    parser.add_argument(
        "--fallback", action="store_true", help="PostgreSQL answers what RailForge does not support"
    )
    parser.add_argument(
        "labels", nargs="*", help="apps, modules, classes or tests; options of runtests.py follow --"
    )
    options = parser.parse_args(arguments)
    # The suite has columns with collations of ICU.
    with EmbeddedPostgres(icu=True) as server:
        return run(options.tests, options.labels or READING_APPS, server, fallback=options.fallback)


def run(  # noqa: PLR0913 - each is a setting by its name
    tests: Path,
    labels: Sequence[str],
    server: EmbeddedPostgres,
    *,
    fallback: bool,
    name: str = "suite",
    outcomes: Path | None = None,
    output: TextIO | None = None,
) -> int:
    """Run `runtests.py` on a server, and give its exit code.

    `name` is that of its databases. How each test has ended is written to `outcomes`, as JSON, and what the
    runner prints to `output`.
    """
    environment = {
        **os.environ,
        "RAIL_FORGE_TEST_PG_URL": server.url(),
        "RAIL_FORGE_SUITE_FALLBACK": "1" if fallback else "0",
        "RAIL_FORGE_SUITE_NAME": name,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    if outcomes is not None:
        environment[OUTCOMES_VARIABLE] = str(outcomes)
    command = [
        sys.executable,
        "runtests.py",
        "--settings=rail_forge_testbed.django_suite.settings",
        "--parallel=1",
        *labels,
    ]
    ended = subprocess.run(command, cwd=tests, env=environment, stdout=output, stderr=output, check=False)
    return ended.returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
