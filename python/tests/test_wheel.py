"""The wheel: built with the binary, and installed into an environment that has nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from rail_forge_testbed.server import binary

if TYPE_CHECKING:
    from conftest import NewDatabase

PACKAGE = Path(__file__).parents[1]
QUERY = """
import sys
from rail_forge.testing import Server

with Server({"shop": sys.argv[1]}) as server, server.connect() as client:
    print(client.sql("SELECT id FROM t").rows())
"""


def run(*command: str | Path, **environment: str) -> str:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("RAIL_FORGE_", "PYTHON"))
    }
    ended = subprocess.run(
        [str(word) for word in command],
        env={**inherited, **environment},
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def wheel_of(folder: Path, **environment: str) -> Path:
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, PACKAGE, **environment)
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_has_the_client_and_the_binary(new_database: NewDatabase, tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path / "wheel", RAIL_FORGE_BIN=str(binary()))
    assert wheel.name.startswith("rail_forge-0.1.0-py3-none-linux_")
    names = zipfile.ZipFile(wheel).namelist()
    assert "rail_forge/django/base.py" in names
    assert "rail_forge/py.typed" in names
    assert not [name for name in names if "testbed" in name]
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", environment)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    version = run(environment / "bin" / "rail-forge", "--version")
    assert version.startswith("rail-forge 0.1.0")
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (42)")
    assert run(python, "-c", QUERY, url) == "[(42,)]\n"
    installed = run(python, "-m", "pip", "list", "--format", "freeze")
    assert {line.partition("==")[0] for line in installed.split()} <= {
        "pip",
        "setuptools",
        "rail-forge",
        "pyarrow",
    }


def test_without_a_binary_the_wheel_has_the_client_alone(tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path / "wheel")
    assert wheel.name == "rail_forge-0.1.0-py3-none-any.whl"
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if "scripts" in name]
