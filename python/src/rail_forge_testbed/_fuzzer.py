"""The command line of a fuzzer: how long it runs, from which seed, and whether beyond its first finding."""

from __future__ import annotations

import argparse
import random

SECONDS = 900.0


def command_line(package: str, description: str | None) -> argparse.ArgumentParser:
    """What every fuzzer takes. A seed is chosen where none is given."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"how long ({SECONDS:.0f})")
    seed = random.randrange(10**6)
    parser.add_argument("--seed", type=int, default=seed, help="the same one repeats a run (random)")
    parser.add_argument("--keep-going", action="store_true", help="do not end at the first finding")
    return parser
