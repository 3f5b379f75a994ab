"""How far long results and refreshes have come is shown where it is asked for."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

import rail_forge
from rail_forge import _progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Serve, Served

LINES = "SELECT a.id FROM order_line AS a, generate_series(1, 20)"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown is shown from the beginning, and every step of it."""
    monkeypatch.setattr(_progress, "_DELAY_SECONDS", 0)
    monkeypatch.setenv("TQDM_MININTERVAL", "0")
    monkeypatch.setenv("TQDM_MINITERS", "0")
    monkeypatch.setenv("TQDM_UNIT_SCALE", "False")


@pytest.fixture
def showing(shop: Served, at_once: None) -> Iterator[rail_forge.Client]:  # noqa: ARG001 - in this order
    with rail_forge.connect(shop.server.flight, progress=True) as client:
        yield client


def shown_by(capsys: pytest.CaptureFixture[str], title: str) -> list[str]:
    """What a bar has shown, of which nothing is left on the line."""
    err = capsys.readouterr().err
    assert err.endswith("\r")
    *shown, last, _ = err.split("\r")
    assert last.strip() == ""
    return [line for line in shown if line.startswith(title)]


def test_a_result_shows_its_rows_as_they_come(
    showing: rail_forge.Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    read = _progress.ResultProgress.read

    def counting(progress: _progress.ResultProgress, batch: Any) -> Any:
        given = read(progress, batch)
        counted.append(progress._bar.n)
        return given

    monkeypatch.setattr(_progress.ResultProgress, "read", counting)
    table = showing.sql(LINES).arrow()
    shown = shown_by(capsys, "result: ")
    assert len(shown) > 1
    assert len(counted) > 1
    assert counted[-1] == table.num_rows
    assert re.search(r"result: \d[\d.]*[kM]? rows \[.*MB\]", shown[-1]), shown[-1]
    assert table.num_rows == 20 * showing.sql("SELECT count(*) FROM order_line").rows()[0][0]


def test_what_is_read_bit_by_bit_shows_nothing(
    showing: rail_forge.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits for who reads it, however long that takes."""
    result = showing.sql(LINES)
    assert result._repr_html_()
    next(result.batches())
    assert showing.tables()
    assert capsys.readouterr().err == ""


def test_a_refresh_shows_its_rows_and_tables(
    shop: Served, serve: Serve, at_once: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert at_once is None
    with rail_forge.connect(serve({"shop": shop.url}).flight, progress=True) as client:
        refreshed = client.refresh()
    shown = shown_by(capsys, "refresh")
    assert any("100%" in line for line in shown)
    titles = {line.partition(":")[0] for line in shown}
    assert {"refresh order_line", "refresh orders"} <= titles
    assert {table.table for table in refreshed} == set(shop.rows)


def test_a_refresh_counts_what_it_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "_DELAY_SECONDS", 3_600)
    orders = {"catalog": "shop", "schema": "public", "table": "orders"}
    lines = {**orders, "table": "li\x1bnes"}
    seen = []
    with _progress.RefreshProgress(on=True) as progress:
        for event in (
            {"event": "started", "estimated_rows": 100, **orders},
            {"event": "started", "estimated_rows": None, **lines},
            {"event": "progress", "rows": 40, **orders},
            {"event": "progress", "rows": 70, **orders},
            {"event": "progress", "rows": 7, **lines},
            # A refresh of what has changed reads less than there is.
            {"event": "table", "rows": 105, **orders},
            {"event": "table", "rows": 1_000, **lines},
            {"event": "done"},
        ):
            progress.heard(json.dumps(event).encode())
            if progress._bar is not None:
                seen.append((progress._bar.desc, progress._bar.n, progress._bar.total))
        progress.heard(b"nonsense")
    assert seen == [
        ("refresh orders: ", 40, 100),
        ("refresh orders: ", 110, 110),
        *[("refresh li?nes: ", 117, 117)] * 4,
    ]


def test_nothing_is_shown_unless_it_is_asked_for(
    shop: Served, at_once: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert at_once is None
    with rail_forge.connect(shop.server.flight) as client:
        client.sql(LINES).arrow()
    assert capsys.readouterr().err == ""


def test_what_is_short_shows_nothing(
    shop: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_progress, "_DELAY_SECONDS", 3_600)
    with rail_forge.connect(shop.server.flight, progress=True) as client:
        client.sql(LINES).arrow()
    assert capsys.readouterr().err == ""


def test_without_tqdm_it_says_what_to_install(shop: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install rail-forge\[progress\]"):
        rail_forge.connect(shop.server.flight, progress=True)
