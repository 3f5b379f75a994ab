"""Pages in a real browser: headless Chromium, which runs their scripts and gives what has become of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = "chromium"
# Nothing but the page is asked for; Chromium's sandbox refuses to run as root.
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
)
# Milliseconds of the page's own clock, which stands still while it waits for the server.
_BUDGET_MS = 10_000
_PATIENCE_SECONDS = 120


def rendered(address: str, folder: Path) -> str:
    """The HTML that a page has become once its scripts have run."""
    if shutil.which(_PROGRAM) is None:
        pytest.fail(
            "the pages of examples need a browser; Debian has one in its package chromium: make chromium"
        )
    arguments = [
        _PROGRAM,
        *_FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--virtual-time-budget={_BUDGET_MS}",
        "--window-size=1000,1000",
        "--dump-dom",
        address,
    ]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr[-2_000:]
    return ended.stdout
