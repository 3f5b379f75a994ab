"""The fixture `rail_forge_server`, in runs of pytest of their own: with a URL, and with Django."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

import rail_forge
from rail_forge.testing import Server, ServerError, binary
from rail_forge_testbed.server import binary as built

if TYPE_CHECKING:
    from conftest import NewDatabase

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
TESTS = """
import pytest

def test_it_reads(rail_forge_server):
    with rail_forge_server.connect() as client:
        assert client.sql("SELECT id FROM t").rows() == [(1,)]
        assert [table.table for table in rail_forge_server.refresh("t")] == ["t"]
"""

DJANGO_SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["things"]
DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "things",
        "USER": "{user}",
        "HOST": "{host}",
        "PORT": {port},
        "OPTIONS": {{"sslmode": "disable", "options": "-c application_name=things"}},
    }},
    "analytics": {{
        "ENGINE": "rail_forge.django",
        "HOST": "production.invalid",
        "OPTIONS": {{"primary": "default", "tls": True, "token": "a-secret"}},
        "TEST": {{"MIRROR": "default"}},
    }},
}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""

DJANGO_MODELS = """
from django.db import models

class Thing(models.Model):
    name = models.TextField()

class Order(models.Model):
    total = models.IntegerField()
"""

DJANGO_TESTS = """
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import connections
from things.models import Thing

@pytest.mark.django_db(transaction=True, databases=["default", "analytics"])
def test_what_is_committed_is_read_after_a_refresh(rail_forge_server):
    Thing.objects.create(name="a")
    rail_forge_server.refresh()
    assert connections["analytics"].vendor == "railforge"
    assert [thing.name for thing in Thing.objects.using("analytics")] == ["a"]

@pytest.mark.django_db(transaction=True, databases=["default", "analytics"])
def test_other_threads_ask_the_same_server(rail_forge_server):
    Thing.objects.create(name="a")
    rail_forge_server.refresh()

    def count():
        with closing(connections["analytics"]):
            return Thing.objects.using("analytics").count()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(count).result() == 1

@pytest.mark.django_db(transaction=True, databases=["default", "analytics"])
def test_tables_are_emptied_between_tests(rail_forge_server):
    rail_forge_server.refresh()
    assert Thing.objects.using("analytics").count() == 0
"""

DJANGO_CONFTEST = """
def pytest_sessionfinish():
    from django.db import connections

    assert connections.settings["analytics"]["HOST"] == "production.invalid"
    assert connections.settings["analytics"]["OPTIONS"]["tls"]
"""


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "rail_forge.pytest_plugin",
    ]
    source = str(folder) + os.pathsep + os.pathsep.join(path for path in sys.path if path.endswith("src"))
    return subprocess.run(
        [*command, *arguments, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": source, "RAIL_FORGE_BIN": str(built()), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_fixture_takes_a_url(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    (tmp_path / "test_url.py").write_text(TESTS)
    ended = run(tmp_path, "-p", "no:django", f"--rail-forge-source={url}")
    assert (ended.returncode, "1 passed" in ended.stdout) == (0, True), ended.stdout
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nrail_forge_source = {url}\n")
    ended = run(tmp_path, "-p", "no:django")
    assert "1 passed" in ended.stdout, ended.stdout


def test_the_fixture_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "test_url.py").write_text(TESTS)
    ended = run(tmp_path, "-p", "no:django")
    assert "rail_forge_server needs --rail-forge-source URL, or pytest-django" in ended.stdout


def test_the_fixture_takes_djangos_test_database(new_database: NewDatabase, tmp_path: Path) -> None:
    parts = urlsplit(new_database())
    app = tmp_path / "things"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "models.py").write_text(DJANGO_MODELS)
    settings = DJANGO_SETTINGS.format(user=parts.username, host=parts.hostname, port=parts.port)
    (tmp_path / "settings.py").write_text(settings)
    (tmp_path / "test_things.py").write_text(DJANGO_TESTS)
    [of_the_page] = re.findall(r"^```pytest\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "test_page.py").write_text(f"import pytest\nfrom things.models import Order\n\n{of_the_page}")
    (tmp_path / "conftest.py").write_text(DJANGO_CONFTEST)
    ended = run(tmp_path, DJANGO_SETTINGS_MODULE="settings")
    assert (ended.returncode, "4 passed" in ended.stdout) == (0, True), ended.stdout + ended.stderr


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAIL_FORGE_BIN", str(built()))
    with pytest.raises(ServerError, match="its URL cannot be read"), Server({"shop": "wrong"}):
        pass
    monkeypatch.setenv("RAIL_FORGE_BIN", "/nothing")
    with pytest.raises(ServerError, match="there is no rail-forge binary"):
        binary()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), rail_forge.ServerUnavailable("away")])
def test_a_server_ends_whose_start_is_broken_off(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, new_database: NewDatabase
) -> None:
    class BrokenOff(Server):
        pid = 0

        def refresh(self, *_tables: str) -> list[rail_forge.RefreshedTable]:
            assert self._process is not None
            self.pid = self._process.pid
            raise error

    monkeypatch.setenv("RAIL_FORGE_BIN", str(built()))
    server = BrokenOff({"test": new_database()})
    with pytest.raises(type(error)), server:
        pass
    assert server.pid
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
