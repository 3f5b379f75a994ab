"""`rail_forge` over forks: gunicorn's and Celery's, those of threads, and those while something is read."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

import forks
import pytest
from waiting import until_idle

if TYPE_CHECKING:
    from conftest import Served

CASE_SECONDS = 150


@pytest.mark.parametrize("case", forks.CASES, ids=lambda case: str(case.__name__))
def test_forks(shop: Served, case: Any) -> None:
    """In a new process: a stock client of other tests keeps gRPC from being shut down before a fork."""
    process = multiprocessing.get_context("spawn").Process(target=case, args=(shop.server.flight,))
    process.start()
    process.join(CASE_SECONDS)
    process.kill()
    assert process.exitcode == 0
    until_idle(shop.server.pid)
