"""Django's own tests, with every read answered by RailForge; `features.py` says why some are left out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import django
import pytest

from rail_forge_testbed.django_suite import apps
from rail_forge_testbed.django_suite.__main__ import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rail_forge_testbed.postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
TESTS = ROOT / ".venv" / f"django-{django.get_version()}" / "tests"
# The shares of tests that have to pass, those that are left out for a reason counted as if they did not.
WITHOUT_FALLBACK, WITH_FALLBACK = 0.97, 0.99


@pytest.fixture(scope="module", autouse=True)
def suite() -> None:
    if not TESTS.is_dir():
        pytest.fail(f"{TESTS} is missing; 'make django-tests' puts it there")


def outcomes(
    labels: Sequence[str], server: EmbeddedPostgres, folder: Path, *, fallback: bool
) -> dict[str, str]:
    """How the tests of these labels have ended, by their names; half of them run beside the other half."""

    def ended(name: str, half: Sequence[str]) -> dict[str, str]:
        file, log = folder / f"{name}.json", folder / f"{name}.log"
        with log.open("w") as output:
            run(TESTS, half, server, fallback=fallback, name=name, outcomes=file, output=output)
        assert file.exists(), log.read_text()[-4000:]
        told: dict[str, str] = json.loads(file.read_text())
        return told

    # Neighbours are alike, and take about as long.
    halves = {"one_half": labels[::2], "other_half": labels[1::2]}
    with ThreadPoolExecutor(len(halves)) as pool:
        running = [pool.submit(ended, name, half) for name, half in halves.items() if half]
        return {name: how for done in running for name, how in done.result().items()}


def left_out(ended: dict[str, str]) -> list[str]:
    """The tests that are left out because RailForge does not pass them, or has not what PostgreSQL has."""
    reasons = re.compile(
        r"skipped: (?:RailForge|Database (?:doesn't|does not) support .*supports_frame_exclusion)"
    )
    return [name for name, how in ended.items() if reasons.match(how)]


def share_of_passed(ended: dict[str, str]) -> float:
    passed = sum(how == "passed" for how in ended.values())
    return passed / (passed + len(left_out(ended)) + len(failed(ended)))


def failed(ended: dict[str, str]) -> list[str]:
    return [name for name, how in ended.items() if how == "failed"]


@pytest.fixture(scope="module")
def without_fallback(
    postgres_with_icu: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("django")
    return outcomes(apps.READING_APPS, postgres_with_icu, folder, fallback=False)


def test_the_suite_passes_without_fallback(without_fallback: dict[str, str]) -> None:
    assert failed(without_fallback) == []
    assert len(without_fallback) > 3_700
    assert share_of_passed(without_fallback) >= WITHOUT_FALLBACK


def test_what_is_left_out_is_documented(without_fallback: dict[str, str]) -> None:
    page = (ROOT / "docs" / "django.md").read_text()
    documented = set(re.findall(r"^\| `(\w+(?:\.\w+){3,})` \|", page, re.MULTILINE))
    assert documented == set(left_out(without_fallback))


def test_the_suite_passes_with_fallback(
    without_fallback: dict[str, str], postgres_with_icu: EmbeddedPostgres, tmp_path: Path
) -> None:
    """The classes of which something is left out without it; the others have passed as they are."""
    classes = sorted({name.rpartition(".")[0] for name in left_out(without_fallback)})
    ended = {**without_fallback, **outcomes(classes, postgres_with_icu, tmp_path, fallback=True)}
    assert failed(ended) == []
    assert share_of_passed(ended) >= WITH_FALLBACK


def test_the_command_runs_single_tests(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rail_forge_testbed.django_suite", "--tests", str(TESTS), "empty"]
    source = {"PYTHONPATH": str(ROOT / "python" / "src")}
    environment = {**os.environ, **source}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "OK" in ended.stderr
