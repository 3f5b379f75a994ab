"""`rail_forge.aconnect`: the client with `await`, whose tasks can be cancelled."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
from comparison import first_difference, reference_rows
from conftest import locked
from waiting import until_idle

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import psycopg
    from conftest import NewDatabase, Serve, Served

ORDERS = "SELECT id, total, placed_at FROM orders ORDER BY id"
ENDLESS = "SELECT a.id AS a, b.id AS b FROM order_line a CROSS JOIN order_line b"


def with_client(shop: Served, use: Callable[[rail_forge.AsyncClient], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with rail_forge.aconnect(shop.server.flight, **options) as client:
            return await use(client)

    return asyncio.run(main())


def test_every_frame_holds_the_same_rows(shop: Served, shop_reference: psycopg.Connection) -> None:
    wanted = reference_rows(shop_reference, ORDERS)

    async def use(client: rail_forge.AsyncClient) -> None:
        result = await client.sql(ORDERS)
        assert first_difference(await result.rows(), wanted) is None
        assert isinstance(await result.arrow(), pa.Table)
        assert isinstance(await result.polars(), pl.DataFrame)
        assert len(await result.pandas()) == len(wanted)
        assert result.schema.names == ["id", "total", "placed_at"]
        assert (result.engine, result.as_of is not None) == ("datafusion", True)
        batches = [batch async for batch in (await client.sql(ORDERS)).batches()]
        assert sum(batch.num_rows for batch in batches) == len(wanted)

    with_client(shop, use)


def test_parameters_sessions_and_actions(shop: Served) -> None:
    async def use(client: rail_forge.AsyncClient) -> None:
        by_name = await client.sql("SELECT :a::int + 1 AS b", {"a": 1})
        assert await by_name.rows() == [(2,)]
        tokyo = client.with_session(timezone="Asia/Tokyo")
        assert tokyo.timezone == "Asia/Tokyo"
        moment = await tokyo.sql("SELECT (timestamptz '2024-01-01 20:00Z')::date::text")
        assert await moment.rows() == [("2024-01-02",)]
        assert {table.name for table in await client.tables()} == set(shop.rows)
        assert (await client.status()).sources[0].state == "ready"
        assert [table.table for table in await client.refresh("region")] == ["region"]
        with pytest.raises(rail_forge.NotFoundError):
            await client.sql("SELECT * FROM ordres")

    with_client(shop, use)


def test_it_can_be_awaited_itself(shop: Served) -> None:
    async def main() -> list[tuple[Any, ...]]:
        client = await rail_forge.aconnect(shop.server.flight)
        rows = await (await client.sql("SELECT 1 AS one")).rows()
        await client.close()
        await client.close()
        with pytest.raises(rail_forge.Error, match="closed"):
            await client.sql("SELECT 1")
        return rows

    assert asyncio.run(main()) == [(1,)]


def test_the_loop_goes_on_while_queries_run(shop: Served) -> None:
    async def use(client: rail_forge.AsyncClient) -> None:
        slow = asyncio.create_task(read(client, f"SELECT sum(a * b) AS s FROM ({ENDLESS}) AS pairs"))
        ticks = 0
        for _ in range(20):
            await asyncio.sleep(0)
            assert await (await client.sql("SELECT count(*) FROM region")).rows() == [(12,)]
            ticks += 1
        assert ticks == 20
        assert not slow.done()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow

    async def read(client: rail_forge.AsyncClient, sql: str) -> list[tuple[Any, ...]]:
        return await (await client.sql(sql)).rows()

    with_client(shop, use)
    until_idle(shop.server.pid)


def test_a_cancelled_task_and_a_left_loop_stop_the_server(shop: Served) -> None:
    async def use(client: rail_forge.AsyncClient) -> None:
        async for batch in (await client.sql(ENDLESS)).batches():
            assert batch.num_rows > 0
            break
        # The first of them has rows before it is at its end; the second not even a stream.
        for sql in (ENDLESS, f"SELECT (SELECT count(*) FROM ({ENDLESS}) AS pairs WHERE a * b < 0) AS n"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await (await client.sql(sql)).arrow()
        async with await client.sql(ENDLESS) as result:
            assert result.schema.names == ["a", "b"]

    started = time.monotonic()
    with_client(shop, use)
    assert time.monotonic() - started < 30
    until_idle(shop.server.pid)


CANCELLED = """
import asyncio, sys
import rail_forge

async def main():
    client = rail_forge.aconnect(sys.argv[1])
    refresh = asyncio.create_task(client.refresh())
    await asyncio.wait([refresh], timeout=0.3)
    refresh.cancel()
    await asyncio.wait([refresh])
    print(refresh.cancelled())

asyncio.run(main())
"""


def test_a_cancelled_call_does_not_keep_the_process_from_ending(
    new_database: NewDatabase, tmp_path: Path, serve: Serve
) -> None:
    url = new_database("CREATE TABLE t (id integer)")
    config = tmp_path / "rail-forge.toml"
    config.write_text(f'[[source]]\nname = "shop"\nurl = "{url}"\nlock_timeout = "1m"\n')
    server = serve({}, "--config", str(config))
    with locked(url, "t"):
        ended = subprocess.run(
            [sys.executable, "-c", CANCELLED, server.flight],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\n", "")


def test_many_tasks_share_a_client(shop: Served) -> None:
    async def use(client: rail_forge.AsyncClient) -> list[Any]:
        async def ask(number: int) -> Any:
            return (await (await client.sql("SELECT $1::int * 2", [number])).rows())[0][0]

        return await asyncio.gather(*(ask(number) for number in range(200)))

    assert with_client(shop, use) == [number * 2 for number in range(200)]
