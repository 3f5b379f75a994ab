"""Locales of glibc for the embedded PostgreSQL, which has none of its own but `C`.

`localedef` makes them of their sources, which Debian has in its package `locales`. Refuses to do without
either: a test of a locale that is skipped would look like one that passes.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

COMPILER = "localedef"
SOURCES = Path("/usr/share/i18n/locales")


def make(names: Iterable[str], directory: Path) -> None:
    """Make locales (`en_US`) for UTF-8 (`en_US.utf8`) in a directory, in which `LOCPATH` has glibc look."""
    if shutil.which(COMPILER) is None or not SOURCES.is_dir():
        raise RuntimeError(
            f"locales are made with {COMPILER} of what is in {SOURCES}, and one of them is missing here;"
            " Debian has them in its package `locales`: apt-get install locales"
        )
    directory.mkdir(exist_ok=True)
    for name in names:
        target = directory / f"{name}.utf8"
        # It warns of what it does not know in a source, and makes the locale all the same.
        command = [COMPILER, "--force", "--quiet", "-i", name, "-f", "UTF-8", str(target)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if not target.is_dir():
            raise RuntimeError(f"{COMPILER} made no locale {name}: {made.stderr[-500:].strip()}")
