"""A data folder on a disk that fills up: the refresh fails and says why, and everything else goes on."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import NO_REFRESH, answer, refresh, run
from waiting import until

import rail_forge
from rail_forge_testbed.server import BINARY_VARIABLE, RailForgeServer, binary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase

DISK_BYTES = 4 << 20
PAGE_BYTES = 1 << 12
# A thousand rows take 40 KB, and three hundred thousand more than twice the disk.
FITS = "INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 1000) AS i"
FILLS = "INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1001, 300000) AS i"
CONTENT = "SELECT count(*), sum(id), max(x) FROM t"


class Disk:
    """A small disk of its own for a server, which mounts it itself, in a namespace that ends with it."""

    def __init__(self, mount_point: Path, launcher: Path) -> None:
        self._mount_point = mount_point
        mount_point.mkdir()
        # A user who is not root may mount as the root of a namespace of users.
        users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self._unshare = ["unshare", *users, "--mount", "sh", "-c"]
        self._mount = f"mount -t tmpfs -o size={DISK_BYTES} disk {shlex.quote(str(mount_point))}"
        command = [*self._unshare, f'{self._mount} && exec "$@"', "sh", str(binary())]
        launcher.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        launcher.chmod(0o700)

    def why_not(self) -> str | None:
        """What the system says when it does not let us mount."""
        tried = subprocess.run([*self._unshare, self._mount], capture_output=True, text=True, check=False)
        return None if tried.returncode == 0 else tried.stderr.strip()

    def seen_by(self, server: RailForgeServer) -> Path:
        """The disk, which only the server's processes see under its own name."""
        return Path(f"/proc/{server.pid}/root{self._mount_point}")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(tmp_path / "disk", tmp_path / "rail-forge")
    if (reason := made.why_not()) is not None:
        pytest.skip(f"no disk can be mounted here: {reason}")
    monkeypatch.setenv(BINARY_VARIABLE, str(tmp_path / "rail-forge"))
    return made


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database("CREATE TABLE t (id integer, x text)", FITS)


@pytest.fixture
def server(url: str, disk: Disk, tmp_path: Path) -> Iterator[RailForgeServer]:
    data_dir = tmp_path / "disk" / "data"
    with RailForgeServer({"shop": url}, data_dir=data_dir, arguments=NO_REFRESH) as started:
        size = os.statvfs(disk.seen_by(started))
        assert size.f_blocks * size.f_frsize == DISK_BYTES
        yield started


def files(folder: Path) -> set[str]:
    found = (path for part in ("data", "manifests") for path in (folder / part).rglob("*"))
    return {str(path.relative_to(folder)) for path in found}


def fill(ballast: Path) -> None:
    """Write until the disk says no."""
    with ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(PAGE_BYTES))


def test_a_refresh_that_fills_the_disk(url: str, disk: Disk, server: RailForgeServer) -> None:
    refresh(server)
    old = answer(server, CONTENT)
    data_dir = disk.seen_by(server) / "data"
    before = files(data_dir)
    run(url, FILLS)
    with pytest.raises(rail_forge.ServerError, match=rf"{server.data_dir}.*its disk is full") as caught:
        refresh(server)
    assert "make room" in str(caught.value)
    assert answer(server, CONTENT) == old
    until(lambda: files(data_dir) == before, "nothing of the failed refresh is left")
    with rail_forge.connect(server.flight) as client:
        assert client.status().sources[0].state == "failing"
    run(url, "DELETE FROM t WHERE id > 2000")
    refresh(server)
    assert answer(server, "SELECT count(*) FROM t") == [(2000,)]
    server.stop()


def test_a_disk_without_room_for_a_manifest(url: str, disk: Disk, server: RailForgeServer) -> None:
    refresh(server)
    data_dir = disk.seen_by(server) / "data"
    before = files(data_dir)
    run(url, "DELETE FROM t")
    ballast = data_dir / "ballast"
    with pytest.raises(OSError, match="No space left"):
        fill(ballast)
    with pytest.raises(rail_forge.ServerError, match=rf"{server.data_dir}.*its disk is full"):
        refresh(server)
    assert answer(server, "SELECT count(*) FROM t") == [(1000,)]
    until(lambda: files(data_dir) == before, "nothing of the failed refresh is left")
    ballast.unlink()
    refresh(server)
    assert answer(server, "SELECT count(*) FROM t") == [(0,)]
