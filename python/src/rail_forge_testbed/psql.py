"""`psql` of the embedded PostgreSQL, as processes whose output is thrown away.

For work that Python would slow down: data made by statements that run beside each other, and rows that are
received for the sake of receiving them. It refuses to go on after a statement that fails.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from rail_forge_testbed import _binaries

if TYPE_CHECKING:
    from collections.abc import Sequence


class PsqlError(RuntimeError):
    """A statement failed; psql has said which on standard error."""


def run_psql(url: str, *sessions: Sequence[str]) -> None:
    """Run the statements of every session, one after the other, on a connection for each session, at once."""
    program = str(_binaries.installation(max(_binaries.FOLDERS)) / "bin" / "psql")
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for statements in sessions:
            words = [word for statement in statements for word in ("-c", statement)]
            command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, *words]
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_environment()))
        codes = [process.wait() for process in processes]
    finally:
        # Only after an exception do some of them still run.
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
    if any(codes):
        raise PsqlError(f"psql ended with {', '.join(map(str, codes))} in its {len(codes)} sessions")


def _environment() -> dict[str, str]:
    # PGOPTIONS and its like would change what the URL says.
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
