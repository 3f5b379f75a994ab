"""The example for Django-Bolt: what it answers is what PostgreSQL does."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from django_bolt.testing import TestClient
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

EXAMPLE = Path(__file__).parents[2] / "examples" / "bolt_shop"
ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture
def http(models: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    assert models
    monkeypatch.syspath_prepend(str(EXAMPLE))
    with TestClient(importlib.import_module("bolt_shop.api").api) as client:
        yield client


def test_reports_come_in_each_format(http: Any) -> None:
    reports = importlib.import_module("shop.reports")
    wanted = list(reports.funnel_by_channel().using("default"))
    assert wanted
    address = "/reports/funnel-by-channel"
    answer = http.get(address)
    assert json.loads(answer.content) == wanted
    assert answer.headers["X-As-Of"].endswith("+00:00")
    answer = http.get(address, headers={"Accept": ARROW})
    assert answer.headers["Content-Type"] == ARROW
    assert pa.ipc.open_stream(answer.content).read_all().to_pylist() == wanted
    assert parquet.read_table(io.BytesIO(http.get(f"{address}?format=parquet").content)).to_pylist() == wanted


def test_every_report_is_listed_and_answered(http: Any) -> None:
    listed = http.get("/reports").json()
    assert len(listed) == 10
    for slug in listed:
        assert http.get(f"/reports/{slug}").content[:2] == b"[{"


def test_requests_that_cannot_be_answered_are_refused(http: Any) -> None:
    assert http.get("/reports/funnel-by-channel?format=xml").status_code == 400
    assert http.get("/reports/delivery-times?format=parquet").status_code == 400
    assert http.get("/reports/no-such-report").status_code == 404


def test_the_project_starts() -> None:
    """Its settings and its API are such as Django and Django-Bolt find."""
    started = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=EXAMPLE, capture_output=True, text=True, check=False
    )
    assert (started.returncode, started.stderr) == (0, "")
