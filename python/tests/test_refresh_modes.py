"""What holds in all modes: random changes are seen, nothing is written without need, files stay few."""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING

import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, run
from mirror import files, mirror
from object_storage import BUCKET, PREFIX, object_storage
from random_changes import RandomChanges
from waiting import until

from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase, Serve
    from mirror import Mirror

MODES = {"full": 'mode = "full"', "watermark": 'mode = "watermark", column = "w"', "diff": 'mode = "diff"'}
every_mode = pytest.mark.parametrize("mode", MODES)

CHANGES = {"copy": 300, "connectorx": 100}
MOST_CHANGES_BETWEEN = 20
SMALL_REFRESHES = 100
# Files of a table whose changes were all small; without compaction there would be one for each refresh.
FEW_FILES = 24


@pytest.mark.parametrize(
    ("mode", "reader"),
    [(mode, reader) for reader in CHANGES for mode in ("watermark", "diff")],
)
def test_random_changes(
    mode: str, reader: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url, seed = new_database(), secrets.randbits(32)
    settings = source(url, MODES[mode], f'reader = "{reader}"')
    chance = random.Random(seed)
    with (
        RandomChanges(url, chance, only_growing=mode == "watermark") as changes,
        mirror(serve({}, *configuration(tmp_path, settings)), url) as both,
    ):
        done = 0
        while done < CHANGES[reader]:
            for _ in range(chance.randint(1, MOST_CHANGES_BETWEEN)):
                changes.change()
                done += 1
            both.refresh()
            assert both.differences() == [], f"after {done} changes of seed {seed}"
        changes.commit()
        both.refresh()
        assert both.differences() == [], f"at the end of seed {seed}"


# Small and large, with and without a key, deleted rows, partitions, empty, not tables.
UNCHANGING = [
    "CREATE TABLE few (id integer PRIMARY KEY, w integer)",
    "INSERT INTO few SELECT i, i FROM generate_series(1, 10) AS i",
    "CREATE TABLE many (id integer PRIMARY KEY, w integer, note text)",
    "INSERT INTO many SELECT i, i, 'note ' || i FROM generate_series(1, 5000) AS i",
    "CREATE TABLE keyless AS SELECT i AS w, 0.5 * i AS half FROM generate_series(1, 3000) AS i",
    "CREATE TABLE empty (id integer PRIMARY KEY, w integer)",
    "CREATE TABLE parts (id integer, w integer, PRIMARY KEY (id, w)) PARTITION BY RANGE (w)",
    "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000)",
    "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (1000) TO (100000)",
    "INSERT INTO parts SELECT i, i FROM generate_series(1, 3000) AS i",
    "CREATE VIEW seen AS SELECT id, w FROM few WHERE id < 5",
    "CREATE MATERIALIZED VIEW kept AS SELECT * FROM many",
]


def versions(both: Mirror) -> dict[str, tuple[int, list[str]]]:
    """Each table's version and its files."""
    return {name: (entry["version"], files(entry)) for name, entry in both.entries().items()}


@every_mode
def test_without_a_change_versions_and_files_stay(
    mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(*UNCHANGING)
    with mirror(serve({}, *configuration(tmp_path, source(url, MODES[mode]))), url) as both:
        both.refresh()
        for statement in [
            "SELECT 1",
            "UPDATE many SET w = w + 10000, note = NULL WHERE id % 1000 = 1",
            "UPDATE few SET w = w + 100 WHERE id = 3",
            "INSERT INTO keyless VALUES (5000, 1)",
        ]:
            both.run(statement)
            both.refresh()
            before = versions(both)
            for _ in range(2):
                both.refresh()
                assert versions(both) == before, f"after {statement}"


@every_mode
def test_only_tables_that_have_changed_get_a_version(
    mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(*UNCHANGING)
    with mirror(serve({}, *configuration(tmp_path, source(url, MODES[mode]))), url) as both:
        both.refresh()
        for statement, changed in [
            ("UPDATE few SET w = 1000 WHERE id = 10", {"few"}),
            ("INSERT INTO few VALUES (4000, 4000)", {"few"}),
            ("UPDATE many SET w = 100000 WHERE id = 1", {"many"}),
            ("INSERT INTO keyless VALUES (100000, 1)", {"keyless"}),
            ("INSERT INTO empty VALUES (1, 1)", {"empty"}),
            ("INSERT INTO parts VALUES (1, 99999)", {"parts"}),
            ("TRUNCATE few", {"few", "seen"}),
        ]:
            before = versions(both)
            both.run(statement)
            both.refresh()
            after = versions(both)
            different = {name for name, version in after.items() if version != before[name]}
            # A view in `watermark` mode is only added to.
            assert different - {"seen"} == changed - {"seen"}, statement
            assert ("seen" in different) <= ("few" in changed), statement
            assert both.differences(*set(both.tables()) - {"seen"}) == []


def test_files_stay_few(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    create = [
        statement.format(t=table)
        for table in ("by_watermark", "by_diff")
        for statement in (
            "CREATE TABLE {t} (id integer PRIMARY KEY, w integer, v integer)",
            "INSERT INTO {t} SELECT i, i, 0 FROM generate_series(1, 3000) AS i",
        )
    ]
    url = new_database(*create)
    tables = {"public.by_watermark": f"{MODES['watermark']}, overlap = 5", "public.by_diff": MODES["diff"]}
    server = serve({}, *configuration(tmp_path, source(url, tables=tables)), "--keep-replaced", "1ms")
    chance = random.Random(7)
    with mirror(server, url) as both:
        both.refresh()
        for number in range(1, SMALL_REFRESHES + 1):
            w = 3000 + 10 * number
            row = chance.randint(1, 3000)
            for table in ("by_watermark", "by_diff"):
                both.run(
                    f"INSERT INTO {table} VALUES ({w}, {w}, 1), ({w + 1}, {w}, 1)",
                    f"UPDATE {table} SET w = {w}, v = v + 1 WHERE id = {row}",
                )
            both.refresh()
            if number % 20 == 0:
                assert both.differences() == [], number
        for table, entry in both.entries().items():
            assert len(entry["files"]) <= FEW_FILES, table
            assert sum(file["rows"] for file in entry["files"]) < 2 * (3000 + 2 * SMALL_REFRESHES), table
        # What was replaced is gone, but for the version before.
        kept = server.data_dir / "data"
        until(lambda: len([*kept.rglob("*.*")]) <= 3 * FEW_FILES, "files of replaced versions are removed")


def test_every_mode_in_a_bucket(new_database: NewDatabase, tmp_path: Path) -> None:
    create = (
        "CREATE TABLE by_{} AS SELECT i AS id, i AS w, 'note ' || i AS note FROM generate_series(1, 500) AS i"
    )
    url = new_database(*(create.format(mode) for mode in MODES))
    run(url, *(f"ALTER TABLE by_{mode} ADD PRIMARY KEY (id)" for mode in MODES))
    tables = {f"public.by_{mode}": setting for mode, setting in MODES.items()}
    arguments = [*configuration(tmp_path, source(url, tables=tables)), *NO_REFRESH]
    place = f"s3://{BUCKET}/{PREFIX}"
    with (
        object_storage() as storage,
        RailForgeServer({}, data_dir=place, arguments=arguments, env=storage.environment) as server,
    ):
        for statement in [
            "SELECT '{}'",
            "UPDATE by_{} SET w = w + 10000, note = NULL WHERE id % 100 = 1",
            "INSERT INTO by_{} SELECT i, 20000, 'new' FROM generate_series(1001, 1010) AS i",
            "UPDATE by_{} SET w = 30000 WHERE id > 1005",
        ]:
            run(url, *(statement.format(mode) for mode in MODES))
            with mirror(server, url) as both:
                both.refresh()
                assert both.differences() == [], statement
            server.kill()
            server.start()
            with mirror(server, url) as both:
                assert both.differences() == [], statement
        assert any(path.endswith(".deletes") for path in storage.objects("data/"))
