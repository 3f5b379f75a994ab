"""Snapshots in an object store: what holds for a folder holds there, whoever goes away."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import pytest
from conftest import NO_REFRESH, answer, refresh, run
from object_storage import BUCKET, PREFIX, SECRET, ObjectStorage, object_storage
from waiting import until

import rail_forge
from rail_forge_testbed.server import RailForgeServer, run_cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase

    from rail_forge_testbed.postgres import EmbeddedPostgres

PLACE = f"s3://{BUCKET}/{PREFIX}"
# Text that does not compress: the file is larger than one part of an upload.
LARGE = """CREATE TABLE {} AS SELECT i AS id, md5(i::text) AS a, md5((-i)::text) AS b
           FROM generate_series(1, 400000) AS i"""
SUM = "SELECT count(*), sum(id), min(a), max(b) FROM {}"
KEEP_LITTLE = ("--keep-versions", "1", "--keep-replaced", "1s")


class ServeFromBucket(Protocol):
    """Starts servers on one prefix of the bucket, which end with the test."""

    def __call__(self, url: str, *arguments: str) -> RailForgeServer:
        """Start a server; it pulls nothing before it is asked."""


@pytest.fixture
def storage() -> Iterator[ObjectStorage]:
    with object_storage() as started:
        yield started


@pytest.fixture
def serve_from_bucket(storage: ObjectStorage, tmp_path: Path) -> Iterator[ServeFromBucket]:
    with ExitStack() as stack:

        def start(url: str, *arguments: str) -> RailForgeServer:
            environment = {**storage.environment, "TMPDIR": str(tmp_path)}
            settings = [*NO_REFRESH, *arguments]
            server = RailForgeServer({"shop": url}, data_dir=PLACE, arguments=settings, env=environment)
            return stack.enter_context(server)

        yield start


def manifests(storage: ObjectStorage) -> list[str]:
    """Newest last."""
    return sorted(storage.objects("manifests/"))


def named_files(storage: ObjectStorage) -> set[str]:
    """The files that any manifest names."""
    texts = [storage.read(path).rstrip().rpartition("\n")[0] for path in manifests(storage)]
    tables = [table for text in texts for table in json.loads(text)["tables"]]
    return {file["path"] for table in tables for file in table["files"]}


def test_a_refresh_and_a_restart_without_postgresql(
    storage: ObjectStorage,
    serve_from_bucket: ServeFromBucket,
    stoppable_postgres: EmbeddedPostgres,
    tmp_path: Path,
) -> None:
    url = stoppable_postgres.create_database("bucket")
    run(url, LARGE.format("large"), "CREATE TABLE small (id integer)", "INSERT INTO small VALUES (7)")
    server = serve_from_bucket(url)
    before = refresh(server)
    large = answer(server, SUM.format("large"))
    assert large[0][:2] == (400_000, 400_000 * 400_001 // 2)
    assert answer(server, "SELECT id FROM small") == [(7,)]
    # Nothing but spilled data is on this machine.
    assert not server.data_dir.exists()
    assert [path.name for path in tmp_path.iterdir()] == [f"rail-forge-spill-{server.pid}-0"]
    assert set(storage.objects("data/")) == named_files(storage)
    assert storage.uploads() == 0

    server.stop()
    assert list(tmp_path.iterdir()) == []
    stoppable_postgres.kill()
    server.start()
    assert answer(server, SUM.format("large")) == large
    assert answer(server, "SELECT id FROM small") == [(7,)]
    with rail_forge.connect(server.flight) as client:
        assert {client.sql(SUM.format("large")).as_of} == {table.as_of for table in before}
        with pytest.raises(rail_forge.ServerUnavailable):
            client.refresh()
    stoppable_postgres.restart()
    run(url, "UPDATE small SET id = 8")
    refresh(server, "small")
    assert answer(server, "SELECT id FROM small") == [(8,)]
    assert answer(server, SUM.format("large")) == large
    assert SECRET not in server.log


def test_replaced_versions_go(
    storage: ObjectStorage, serve_from_bucket: ServeFromBucket, new_database: NewDatabase
) -> None:
    url = new_database("CREATE TABLE a (id integer)", "CREATE TABLE b (id integer)")
    server = serve_from_bucket(url, *KEEP_LITTLE)
    run(url, "INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (1)")
    refresh(server)
    for _ in range(3):
        run(url, "UPDATE a SET id = id")
        refresh(server, "a")
    until(lambda: len(manifests(storage)) == 1, "replaced versions have gone, without another refresh")
    until(lambda: set(storage.objects("data/")) == named_files(storage), "and their files")
    assert len(storage.objects("data/")) == 2
    assert answer(server, "SELECT a.id, b.id FROM a, b") == [(1, 1)]
    with rail_forge.connect(server.flight) as client:
        sizes = {**storage.objects("data/"), **storage.objects("manifests/")}
        assert client.status().stored_bytes == sum(sizes.values())


def test_two_servers_on_one_prefix(
    storage: ObjectStorage, serve_from_bucket: ServeFromBucket, new_database: NewDatabase
) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    first = serve_from_bucket(url)
    refresh(first)
    second = serve_from_bucket(url)
    assert answer(second, "SELECT id FROM t") == [(1,)]
    run(url, "UPDATE t SET id = 2")
    refresh(first)
    # The second has read nothing of it yet; its own refresh would undo it.
    assert answer(second, "SELECT id FROM t") == [(1,)]
    with pytest.raises(rail_forge.Error, match=f"another rail-forge server writes to {PLACE}"):
        refresh(second)
    assert answer(first, "SELECT id FROM t") == [(2,)]
    assert answer(second, "SELECT id FROM t") == [(2,)]
    run(url, "UPDATE t SET id = 3")
    refresh(second)
    assert answer(second, "SELECT id FROM t") == [(3,)]
    assert answer(first, "SELECT id FROM t") == [(2,)]
    assert len(manifests(storage)) >= 2
    until(lambda: set(storage.objects("data/")) == named_files(storage), "what the loser has written is gone")


def test_a_server_that_starts_does_not_disturb_a_refresh_of_another(
    storage: ObjectStorage, serve_from_bucket: ServeFromBucket, new_database: NewDatabase
) -> None:
    url = new_database(LARGE.format("t"))
    first = serve_from_bucket(url)
    with ThreadPoolExecutor(1) as thread:
        refreshed = thread.submit(refresh, first)
        until(lambda: storage.objects("data/") or storage.uploads(), "the refresh has begun to write")
        second = serve_from_bucket(url)
        assert [table.rows for table in refreshed.result()] == [400_000]
    assert answer(first, "SELECT count(*), max(a) FROM t")[0][0] == 400_000
    second.stop()
    second.start()
    assert answer(second, SUM.format("t")) == answer(first, SUM.format("t"))


def test_the_object_store_goes_away_and_comes_back(
    storage: ObjectStorage, serve_from_bucket: ServeFromBucket, new_database: NewDatabase
) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)", LARGE.format("large"))
    server = serve_from_bucket(url)
    refresh(server, "t")
    run(url, "UPDATE t SET id = 2")
    before = set(storage.objects("data/"))
    with ThreadPoolExecutor(1) as thread:
        refreshed = thread.submit(refresh, server)
        until(lambda: storage.uploads() > 0, "the refresh has begun to write")
        storage.line.cut()
        with pytest.raises(rail_forge.Error, match=f"{PLACE}.*the object store gave no answer"):
            refreshed.result()
    # The manifest is in memory, and the answer was in it; what must be read is an error and no wrong answer.
    assert answer(server, "SELECT count(*) FROM t") == [(1,)]
    with rail_forge.connect(server.flight) as client:
        assert client.status().stored_bytes is None
        assert client.status().sources[0].state == "failing"
    storage.line.mend()
    assert answer(server, "SELECT id FROM t") == [(1,)]
    until(lambda: set(storage.objects("data/")) == before, "nothing of the failed refresh is left")
    refresh(server)
    assert answer(server, "SELECT id FROM t") == [(2,)]
    assert answer(server, SUM.format("large"))[0][0] == 400_000


def test_a_connection_that_breaks_is_made_anew(
    storage: ObjectStorage, serve_from_bucket: ServeFromBucket, new_database: NewDatabase
) -> None:
    server = serve_from_bucket(new_database(LARGE.format("t")))
    with ThreadPoolExecutor(1) as thread:
        refreshed = thread.submit(refresh, server)
        until(lambda: storage.uploads() > 0, "the refresh has begun to write")
        storage.line.cut()
        storage.line.mend()
        assert [table.rows for table in refreshed.result()] == [400_000]
    assert answer(server, SUM.format("t"))[0][0] == 400_000


def test_a_query_without_the_object_store_is_an_error(
    storage: ObjectStorage, serve_from_bucket: ServeFromBucket, new_database: NewDatabase
) -> None:
    server = serve_from_bucket(new_database(LARGE.format("t")))
    refresh(server)
    storage.line.cut()
    with pytest.raises(rail_forge.Error, match="log has the cause"):
        answer(server, SUM.format("t"))
    storage.line.mend()
    assert answer(server, SUM.format("t"))[0][0] == 400_000


def test_killed_during_a_refresh(
    storage: ObjectStorage, serve_from_bucket: ServeFromBucket, new_database: NewDatabase
) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)", LARGE.format("large"))
    server = serve_from_bucket(url)
    refresh(server)
    expected = answer(server, SUM.format("large"))
    before = set(storage.objects("data/"))
    run(url, "UPDATE t SET id = 2")
    with ThreadPoolExecutor(1) as thread:
        refreshed = thread.submit(refresh, server)
        until(lambda: set(storage.objects("data/")) > before, "the refresh has written a file")
        server.kill()
        assert isinstance(refreshed.exception(), rail_forge.Error)
    left_over = set(storage.objects("data/")) - named_files(storage)
    server.start()
    assert answer(server, SUM.format("large")) == expected
    assert answer(server, "SELECT id FROM t") in ([(1,)], [(2,)])
    refresh(server)
    assert answer(server, "SELECT id FROM t") == [(2,)]
    # Files that no manifest names could be those of another server's refresh, until they are old.
    assert left_over <= set(storage.objects("data/"))
    server.stop()
    storage.age(timedelta(hours=2))
    server.start()
    assert set(storage.objects("data/")) == named_files(storage)
    assert answer(server, "SELECT id FROM t") == [(2,)]


def test_a_damaged_version_is_not_served(
    storage: ObjectStorage, serve_from_bucket: ServeFromBucket, new_database: NewDatabase
) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    server = serve_from_bucket(url)
    refresh(server)
    old = set(storage.objects("data/"))
    run(url, "UPDATE t SET id = 2")
    refresh(server)
    server.stop()
    [new] = set(storage.objects("data/")) - old
    storage.client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{new}", Body=b"short")
    server.start()
    assert answer(server, "SELECT id FROM t") == [(1,)]
    assert f"{PLACE}/{new} is damaged: it has 5 bytes instead of" in server.log
    refresh(server)
    assert answer(server, "SELECT id FROM t") == [(2,)]
    until(lambda: len(manifests(storage)) == 2, "its manifest has gone")
    # To the server, its file is like that of another server's refresh until it is old.
    assert new in storage.objects("data/")
    server.stop()
    storage.age(timedelta(hours=2))
    server.start()
    assert new not in storage.objects("data/")
    assert answer(server, "SELECT id FROM t") == [(2,)]


@pytest.mark.parametrize(
    ("place", "changed", "words"),
    [
        (PLACE, {"AWS_ALLOW_HTTP": "false"}, ["AWS_ALLOW_HTTP=true"]),
        (PLACE, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, ["the object store gave no answer", "refused"]),
        ("s3://no-such-bucket/x", {}, ["there is no such bucket"]),
    ],
)
def test_what_cannot_be_used_is_named(
    place: str, changed: dict[str, str], words: list[str], storage: ObjectStorage
) -> None:
    source = ("--source", "shop=postgres://app@127.0.0.1:1/shop", "--listen", "127.0.0.1:0")
    ended = run_cli(
        "serve", *source, "--no-authentication", "--data-dir", place, env={**storage.environment, **changed}
    )
    assert ended.returncode == 1
    for word in [f"cannot open {place}", *words]:
        assert word in ended.stderr
    assert SECRET not in ended.stderr


@pytest.mark.parametrize("place", ["gs://lake/x", "s3://", "s3://key:canary@lake/x", "s3://lake/../x"])
def test_other_places_are_refused(place: str) -> None:
    ended = run_cli("check", "--source", "shop=postgres://app@db/shop", "--data-dir", place)
    assert ended.returncode == 2
    assert "--data-dir" in ended.stderr
