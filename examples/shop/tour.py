"""The tour: a shop in PostgreSQL, RailForge in front of it, four questions asked of both, and a chart.

    python examples/shop/tour.py [--stay] [--scale 1.0] [--chart tour.png]

Everything is started from nothing on free ports of 127.0.0.1, and is gone at the end, after Ctrl-C as well.
`RAIL_FORGE_BIN` names the server's binary; `make demo` sets it. The tour ends with exit code 1 when
anything fails, and that includes an answer of RailForge's that is not PostgreSQL's.
"""
# ruff: noqa: T201 - a tour talks

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import chart
import polars as pl
import psycopg
from side_by_side import Answer, DifferentAnswersError, Question, ask
from ways_in import ways_in

import rail_forge
from rail_forge_testbed.postgres import EmbeddedPostgres, PostgresError
from rail_forge_testbed.server import RailForgeServer, ServerError, binary
from rail_forge_testbed.shop import load_shop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

HERE = Path(__file__).parent
QUERIES = HERE / "queries"
CHARTED = "1_revenue_by_month.sql"
PYTHON_PACKAGE = HERE.parents[1] / "python" / "src"
POSTGRES_VERSION = 18
FRAME_ROWS, FRAME_CHARACTERS, TEXT_CHARACTERS = 8, 100, 36
POLL_SECONDS = 0.5
INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str]) -> int:
    """The command line; gives the exit code."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, _leave)
    try:
        _tour(options)
    except KeyboardInterrupt:
        print("\ninterrupted; everything is stopped", file=sys.stderr)
        return INTERRUPTED
    except (DifferentAnswersError, PostgresError, ServerError, psycopg.Error, rail_forge.Error) as error:
        print(f"\nthe tour failed: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tour.py", description="A shop, PostgreSQL and RailForge side by side."
    )
    parser.add_argument("--stay", action="store_true", help="keep the servers running until Ctrl-C")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is a million orders (default: 1.0)")
    parser.add_argument(
        "--chart", type=Path, default=Path("tour.png"), help="where the chart goes (default: tour.png)"
    )
    options = parser.parse_args(arguments)
    if options.scale <= 0:
        parser.error("--scale must be more than 0")
    if not options.chart.absolute().parent.is_dir():
        parser.error(f"--chart: the folder {options.chart.parent} does not exist")
    return options


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _tour(options: argparse.Namespace) -> None:
    program = binary()
    _say(f"Starting PostgreSQL {POSTGRES_VERSION} and loading the shop at scale {options.scale:g} ...")
    with EmbeddedPostgres(POSTGRES_VERSION) as postgres:
        database = postgres.create_database("shop")
        _load(database, options.scale)
        with RailForgeServer({"shop": database}, arguments=["--initial-refresh", "never"]) as server:
            _refresh(program, server.flight)
            _ask_all(server.flight, database, options.chart)
            if options.stay:
                _say("\nBoth servers stay until Ctrl-C. RailForge asks nobody for a token")
                _say("(--no-authentication), and so it listens on the loopback address alone. Ways in:\n")
                _say(ways_in(server.flight, database, program, PYTHON_PACKAGE))
                _stay(server)


def _load(database: str, scale: float) -> None:
    started = time.perf_counter()
    rows = load_shop(database, scale)
    seconds = time.perf_counter() - started
    size = f"{sum(rows.values()):,} rows in {len(rows)} tables, {rows['orders']:,} of them orders"
    _say(f"{size}: {seconds:.1f} s")


def _refresh(program: Path, flight: str) -> None:
    """Pull every table, through the command line, so that its progress shows."""
    _say(f"\n$ rail-forge refresh --url {flight}")
    done = subprocess.run([str(program), "refresh", "--url", flight], check=False)
    if done.returncode != 0:
        raise ServerError(f"rail-forge refresh ended with exit code {done.returncode}")


def _ask_all(flight: str, database: str, picture: Path) -> None:
    # The months of the queries are those of UTC, which RailForge reckons in.
    with (
        rail_forge.connect(flight) as client,
        psycopg.connect(database, autocommit=True, options="-c timezone=UTC") as connection,
    ):
        for path in sorted(QUERIES.glob("*.sql")):
            question = Question.read(path)
            answer = ask(question, client, connection)
            _show(question, answer)
            if path.name == CHARTED:
                chart.draw(answer.frame, answer.as_of, picture)
    _say(f"\nThe revenue by month as a chart: {picture}")


def _show(question: Question, answer: Answer) -> None:
    _say(f"\n## {question.title}\n{question.note}")
    with pl.Config(
        tbl_rows=FRAME_ROWS,
        tbl_width_chars=FRAME_CHARACTERS,
        fmt_str_lengths=TEXT_CHARACTERS,
        tbl_cell_numeric_alignment="RIGHT",
    ):
        _say(str(answer.frame))
    moment = answer.as_of.time.isoformat(" ", "milliseconds").removesuffix("+00:00")
    _say(f"as of {moment} UTC, LSN {answer.as_of.lsn}, computed by {answer.engine}")
    ours, theirs = answer.rail_forge, answer.postgres
    _say(f"RailForge to a Polars frame: {_ms(ours.warm_s)}, first run {_ms(ours.first_s)}")
    _say(f"PostgreSQL through psycopg:  {_ms(theirs.warm_s)}, first run {_ms(theirs.first_s)}")
    _say(f"{_ratio(ours.warm_s, theirs.warm_s)}; both give the same {answer.frame.height} rows")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:5,.0f} ms"


def _ratio(ours_s: float, theirs_s: float) -> str:
    if ours_s <= theirs_s:
        return f"PostgreSQL takes {theirs_s / ours_s:.1f} times as long as RailForge"
    return f"RailForge takes {ours_s / theirs_s:.1f} times as long as PostgreSQL"


def _stay(server: RailForgeServer) -> None:
    try:
        while server.exit_code() is None:
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        _say("\nstopping")
        return
    raise ServerError(f"the server has gone; the end of its log:\n{server.log[-2000:]}")


def _say(text: str) -> None:
    # At once, because `rail-forge refresh` writes to the same place without passing through here.
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
