"""Mode `diff`: whatever changes in PostgreSQL is seen, and rows that have not changed are not read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from configuration import configuration, source
from conftest import NO_REFRESH
from mirror import Mirror, files, mirror

from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conftest import NewDatabase

ROWS = 400
# The most rows that are fetched by their places; when more have changed all are read.
QUARTER = ROWS // 4
# Each change happens to both: a primary key is not needed.
KINDS = ("keyed", "keyless")
CREATE = f"""CREATE TABLE {{t}} AS SELECT i AS id, i % 7 AS v, CASE WHEN i % 3 > 0 THEN 'note ' || i END AS note,
                 '2024-01-01'::timestamptz AS moved FROM generate_series(1, {ROWS}) AS i"""
ONE_MORE = "INSERT INTO {t} SELECT coalesce(max(id), 0) + 1, 0, 'more', '2020-01-01' FROM {t}"
# So many changes are refreshed together: for speed, and few enough that no message about progress is left out.
TOGETHER = 8


@dataclass(frozen=True)
class Change:
    """Statements between two refreshes, and how many rows the second may read."""

    statements: Sequence[str]
    read: int


CHANGES = {
    "nothing": Change([], 0),
    "an insert": Change(["INSERT INTO {t} VALUES (0, 1, 'new', now())"], 1),
    "new rows with old times": Change(
        ["INSERT INTO {t} SELECT -i, i, NULL, '1999-01-01' FROM generate_series(1, 50) i"], 50
    ),
    "updates that move no timestamp": Change(["UPDATE {t} SET v = v + 1 WHERE id % 100 = 7"], 4),
    "an update to what it was": Change(["UPDATE {t} SET v = v WHERE id = 50"], 1),
    "of keys": Change(["UPDATE {t} SET id = id + 5000 WHERE id <= 10"], 10),
    "keys that are swapped": Change(
        ["BEGIN; UPDATE {t} SET id = -id WHERE id <= 2; UPDATE {t} SET id = 3 + id WHERE id < 0; COMMIT"], 2
    ),
    "to NULL and from NULL": Change(
        [
            "UPDATE {t} SET note = NULL, v = NULL WHERE id % 50 = 1",
            "UPDATE {t} SET note = 'x' WHERE id % 150 = 0",
        ],
        10,
    ),
    "many updates of one row": Change(["UPDATE {t} SET v = v + 1 WHERE id = 3"] * 20, 1),
    "deletes": Change(["DELETE FROM {t} WHERE id % 10 = 3"], 0),
    "the first and the last row": Change([f"DELETE FROM {{t}} WHERE id IN (1, {ROWS})"], 0),
    "nearly all deleted": Change(["DELETE FROM {t} WHERE id % 100 > 0"], 0),
    "all deleted": Change(["DELETE FROM {t}"], 0),
    "the same key again": Change(
        ["DELETE FROM {t} WHERE id = 5", "INSERT INTO {t} VALUES (5, -5, 'again', now())"], 1
    ),
    "the same row again": Change(
        [
            """BEGIN; CREATE TEMP TABLE gone AS SELECT * FROM {t} WHERE id = 5; DELETE FROM {t} WHERE id = 5;
               INSERT INTO {t} SELECT * FROM gone; DROP TABLE gone; COMMIT"""
        ],
        1,
    ),
    "all in one transaction": Change(
        [
            """BEGIN; INSERT INTO {t} VALUES (0, 1, 'a', now()); UPDATE {t} SET v = 9 WHERE id IN (0, 7);
               DELETE FROM {t} WHERE id = 8; COMMIT"""
        ],
        2,
    ),
    "savepoints": Change(
        [
            """BEGIN; UPDATE {t} SET v = 1 WHERE id = 1; SAVEPOINT s; UPDATE {t} SET v = 2 WHERE id IN (1, 2);
               ROLLBACK TO s; SAVEPOINT s; UPDATE {t} SET v = 3 WHERE id = 3; RELEASE s; COMMIT"""
        ],
        2,
    ),
    "what is rolled back": Change(
        ["BEGIN; UPDATE {t} SET v = v + 1; DELETE FROM {t} WHERE id < 100; ROLLBACK"], 0
    ),
    "locks on rows": Change(["BEGIN; SELECT * FROM {t} FOR UPDATE; COMMIT"], 0),
    "as many as a quarter": Change([f"UPDATE {{t}} SET v = -v WHERE id <= {QUARTER}"], QUARTER),
    "more than a quarter": Change([f"UPDATE {{t}} SET v = 1 - v WHERE id <= {QUARTER + 1}"], ROWS),
    "everything": Change(["UPDATE {t} SET v = v + 1"], ROWS),
    "VACUUM": Change(["DELETE FROM {t} WHERE id % 5 = 0", "VACUUM {t}"], 0),
    "VACUUM FREEZE": Change(["VACUUM FREEZE {t}"], 0),
    "places that are used again": Change(
        ["DELETE FROM {t} WHERE id % 5 = 0", "VACUUM {t}", *[ONE_MORE] * 50], 50
    ),
    "updates in places that are used again": Change(
        [
            statement
            for v in range(4)
            for statement in (f"UPDATE {{t}} SET v = {v} WHERE id % 5 = {v}", "VACUUM {t}")
        ],
        ROWS,
    ),
    "VACUUM FULL": Change(["DELETE FROM {t} WHERE id % 5 = 0", "VACUUM FULL {t}"], 320),
    "CLUSTER": Change(["CREATE INDEX by_note_{t} ON {t} (note)", "CLUSTER {t} USING by_note_{t}"], ROWS),
    "TRUNCATE": Change(["TRUNCATE {t}"], 0),
    "TRUNCATE and reload": Change(
        ["TRUNCATE {t}", "INSERT INTO {t} SELECT i, i FROM generate_series(1, 20) i"], 20
    ),
    "TRUNCATE that is rolled back": Change(["BEGIN; TRUNCATE {t}; ROLLBACK"], 0),
    "a rewrite without a change": Change(["ALTER TABLE {t} SET UNLOGGED"], ROWS),
}


@dataclass
class Outcome:
    """What became of one table."""

    read: list[int] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    stays: bool = False


@pytest.fixture(scope="module")
def both(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    url = new_database()
    file = configuration(tmp_path_factory.mktemp("diff"), source(url, 'mode = "diff"'))
    with (
        RailForgeServer({}, arguments=[*file, *NO_REFRESH]) as server,
        mirror(server, url) as sides,
    ):
        yield sides


@pytest.fixture(scope="module")
def outcomes(both: Mirror) -> dict[tuple[str, str], Outcome]:
    """What became of every change to every kind of table."""
    numbered = iter(enumerate(CHANGES.items()))
    found = {}
    while some := list(islice(numbered, TOGETHER)):
        tables = {
            f"{kind}_{number}": (name, kind, change)
            for number, (name, change) in some
            for kind in KINDS
        }
        for table, outcome in outcomes_together(both, {t: change for t, (_, _, change) in tables.items()}).items():
            name, kind, _ = tables[table]
            found[name, kind] = outcome
    return found


def outcomes_together(both: Mirror, changes: dict[str, Change]) -> dict[str, Outcome]:
    found = {table: Outcome() for table in changes}

    def refresh() -> None:
        read = both.refresh(*changes)
        for table, outcome in found.items():
            outcome.read.append(read[table])
            outcome.differences += both.differences(table)

    for table, change in changes.items():
        both.run(CREATE.format(t=table))
        if table.startswith("keyed"):
            both.run(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
    refresh()
    for table, change in changes.items():
        both.run(*(statement.format(t=table) for statement in change.statements))
    refresh()
    # What was made of it can be built upon.
    both.run(*(ONE_MORE.format(t=table) for table in changes))
    refresh()
    before = both.entries()
    both.refresh(*changes)
    for table, entry in both.entries().items():
        if table in found:
            old = before[table]
            found[table].stays = (entry["version"], files(entry)) == (old["version"], files(old))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_and_little_is_read(
    change: str, kind: str, outcomes: dict[tuple[str, str], Outcome]
) -> None:
    outcome = outcomes[change, kind]
    assert outcome.differences == []
    assert outcome.read == [ROWS, CHANGES[change].read, 1]
    assert outcome.stays
