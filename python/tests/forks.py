"""What is shown of forks, each function in a process of its own, given a server's address."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from typing import Any

import pytest

import rail_forge

COUNT = "SELECT count(*) FROM region"
ENDLESS = "SELECT a.id AS a, b.id AS b FROM order_line a CROSS JOIN order_line b"
FORKS = multiprocessing.get_context("fork")


def answer(client: rail_forge.Client, answers: Any) -> None:
    answers.put(client.sql(COUNT).rows())


def a_client_works_on_both_sides_of_a_fork(url: str) -> None:
    """As in gunicorn with preloading, and in Celery: the client was used before, and the parent goes on."""
    with rail_forge.connect(url, timeout=30) as client:
        assert client.sql(COUNT).rows() == [(12,)]
        for _ in range(3):
            answers = FORKS.SimpleQueue()
            child = FORKS.Process(target=answer, args=(client, answers))
            child.start()
            child.join(30)
            assert child.exitcode == 0
            assert answers.get() == [(12,)]
            assert client.sql(COUNT).rows() == [(12,)]


def answer_awaited(client: rail_forge.AsyncClient, answers: Any) -> None:
    async def rows() -> list[tuple[object, ...]]:
        return await (await client.sql(COUNT)).rows()

    answers.put(asyncio.run(rows()))


def an_async_client_works_on_both_sides_of_a_fork(url: str) -> None:
    client = rail_forge.aconnect(url, timeout=30)
    for _ in range(2):
        here = FORKS.SimpleQueue()
        answer_awaited(client, here)
        assert here.get() == [(12,)]
        answers = FORKS.SimpleQueue()
        child = FORKS.Process(target=answer_awaited, args=(client, answers))
        child.start()
        child.join(30)
        assert child.exitcode == 0
        assert answers.get() == [(12,)]
    asyncio.run(client.close())


def refusal(url: str, answers: Any) -> None:
    try:
        with rail_forge.connect(url) as client:
            answers.put(client.sql(COUNT).rows())
    except rail_forge.Error as error:
        answers.put(str(error))


def a_fork_while_a_result_is_read_is_refused_in_the_child(url: str) -> None:
    with rail_forge.connect(url) as client:
        batches = client.sql(ENDLESS).batches()
        next(batches)
        answers = FORKS.SimpleQueue()
        child = FORKS.Process(target=refusal, args=(url, answers))
        child.start()
        child.join(30)
        assert child.exitcode == 0
        assert "was forked while calls of its parent were on their way" in answers.get()
        assert next(batches).num_rows > 0
        del batches


def answers_in_a_child(client: rail_forge.Client) -> Any:
    answers = FORKS.SimpleQueue()
    child = FORKS.Process(target=answer, args=(client, answers))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    return answers.get()


def a_result_that_was_read_keeps_no_child_from_calling(url: str) -> None:
    with rail_forge.connect(url, timeout=30) as client:
        read, failed = client.sql(COUNT), client.sql("SELECT total / (id - id) FROM orders")
        batches = client.sql(COUNT).batches()
        assert len(list(batches)) == 1
        assert read.rows() == [(12,)]
        with pytest.raises(rail_forge.QueryError) as caught:
            failed.arrow()
        assert answers_in_a_child(client) == [(12,)]
        del read, failed, batches, caught


def a_result_that_was_closed_or_dropped_keeps_no_child_from_calling(url: str) -> None:
    with rail_forge.connect(url, timeout=30) as client:
        closed, dropped = client.sql(ENDLESS), client.sql(ENDLESS).batches()
        assert next(closed.batches()).num_rows > 0
        assert next(dropped).num_rows > 0
        closed.close()
        del dropped
        assert answers_in_a_child(client) == [(12,)]
        with pytest.raises(rail_forge.QueryCancelled, match="gone"):
            closed.arrow()


def another_grpc_keeps_no_child_from_calling(url: str) -> None:
    """As that of an exporter of traces, whose threads have the same names."""
    import grpc  # noqa: PLC0415 - the other cases are without it

    address = url.removeprefix("grpc://")
    with grpc.insecure_channel(address) as channel, rail_forge.connect(url) as client:
        grpc.channel_ready_future(channel).result(30)
        assert client.sql(COUNT).rows() == [(12,)]
        for _ in range(2):
            assert answers_in_a_child(client) == [(12,)]


def threads_fork_at_once(url: str) -> None:
    forkers, forks = 4, 10
    with rail_forge.connect(url, timeout=30) as client:
        assert client.sql(COUNT).rows() == [(12,)]
        together = threading.Barrier(forkers)

        def fork() -> None:
            for _ in range(forks):
                together.wait(30)
                child = os.fork()
                if child == 0:
                    os._exit(0)
                os.waitpid(child, 0)

        # Daemons, so that locked ones do not keep the tests from ending.
        threads = [threading.Thread(target=fork, daemon=True) for _ in range(forkers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert client.sql(COUNT).rows() == [(12,)]


CASES = (
    a_client_works_on_both_sides_of_a_fork,
    an_async_client_works_on_both_sides_of_a_fork,
    a_fork_while_a_result_is_read_is_refused_in_the_child,
    a_result_that_was_read_keeps_no_child_from_calling,
    a_result_that_was_closed_or_dropped_keeps_no_child_from_calling,
    another_grpc_keeps_no_child_from_calling,
    threads_fork_at_once,
)
