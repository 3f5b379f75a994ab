"""The example for FastAPI: what it answers is what PostgreSQL does."""

from __future__ import annotations

import importlib
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import psycopg
    from conftest import Served

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_shop"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, shop: Served) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setenv("SHOP_RAIL_FORGE", shop.server.flight)
    monkeypatch.delitem(sys.modules, "app", raising=False)
    return importlib.import_module("app")


@pytest.fixture
def http(example: ModuleType) -> Iterator[Any]:
    with TestClient(example.app) as client:
        yield client


def test_reports_come_in_each_format(
    http: Any, example: ModuleType, shop_reference: psycopg.Connection
) -> None:
    sql = example.REVENUE_BY_MONTH.replace("$1", "date '2024-01-01'")
    wanted = [list(row) for row in shop_reference.execute(sql.encode()).fetchall()]
    assert wanted
    address = "/revenue?since=2024-01-01"
    shown = [list(row.values()) for row in http.get(address).json()]
    assert shown == [[month.isoformat(), region, str(revenue)] for month, region, revenue in wanted]
    answer = http.get(address, headers={"Accept": "application/vnd.apache.arrow.stream"})
    assert [list(row.values()) for row in pa.ipc.open_stream(answer.content).read_all().to_pylist()] == wanted
    table = parquet.read_table(io.BytesIO(http.get(f"{address}&format=parquet").content))
    assert [list(row.values()) for row in table.to_pylist()] == wanted
    assert answer.headers["X-As-Of"].endswith("+00:00")


def test_requests_that_cannot_be_answered_are_refused(http: Any) -> None:
    assert http.get("/revenue?since=2024-01-01&format=xml").status_code == 400
    assert http.get("/revenue?since=soon").status_code == 422


def test_the_status_says_how_old_tables_are(http: Any) -> None:
    lags = http.get("/status").json()
    assert lags["shop.public.orders"] >= 0
