"""Mode `diff`: whatever changes in PostgreSQL is seen, and rows that have not changed are not read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from histories import History, Step, problems

if TYPE_CHECKING:
    from conftest import NewDatabase

ROWS = 400
# The most rows that are fetched by their places; when more have changed all are read.
QUARTER = ROWS // 4
# Each change happens to both: a primary key is not needed.
KINDS = {"keyed": ["ALTER TABLE t ADD PRIMARY KEY (id)"], "keyless": []}
CREATE = f"""CREATE TABLE t AS SELECT i AS id, i % 7 AS v, CASE WHEN i % 3 > 0 THEN 'note ' || i END AS note,
                 '2024-01-01'::timestamptz AS moved FROM generate_series(1, {ROWS}) AS i"""
ONE_MORE = "INSERT INTO t SELECT coalesce(max(id), 0) + 1, 0, 'more', '2020-01-01' FROM t"

# Statements between two refreshes, and how many rows the second may read.
CHANGES: dict[str, tuple[list[str], int]] = {
    "nothing": ([], 0),
    "an insert": (["INSERT INTO t VALUES (0, 1, 'new', now())"], 1),
    "new rows with old times": (
        ["INSERT INTO t SELECT -i, i, NULL, '1999-01-01' FROM generate_series(1, 50) i"],
        50,
    ),
    "updates that move no timestamp": (["UPDATE t SET v = v + 1 WHERE id % 100 = 7"], 4),
    "an update to what it was": (["UPDATE t SET v = v WHERE id = 50"], 1),
    "of keys": (["UPDATE t SET id = id + 5000 WHERE id <= 10"], 10),
    "keys that are swapped": (
        ["BEGIN; UPDATE t SET id = -id WHERE id <= 2; UPDATE t SET id = 3 + id WHERE id < 0; COMMIT"],
        2,
    ),
    "to NULL and from NULL": (
        [
            "UPDATE t SET note = NULL, v = NULL WHERE id % 50 = 1",
            "UPDATE t SET note = 'x' WHERE id % 150 = 0",
        ],
        10,
    ),
    "many updates of one row": (["UPDATE t SET v = v + 1 WHERE id = 3"] * 20, 1),
    "deletes": (["DELETE FROM t WHERE id % 10 = 3"], 0),
    "the first and the last row": ([f"DELETE FROM t WHERE id IN (1, {ROWS})"], 0),
    "nearly all deleted": (["DELETE FROM t WHERE id % 100 > 0"], 0),
    "all deleted": (["DELETE FROM t"], 0),
    "the same key again": (["DELETE FROM t WHERE id = 5", "INSERT INTO t VALUES (5, -5, 'again', now())"], 1),
    "the same row again": (
        [
            """BEGIN; CREATE TEMP TABLE gone AS SELECT * FROM t WHERE id = 5; DELETE FROM t WHERE id = 5;
               INSERT INTO t SELECT * FROM gone; DROP TABLE gone; COMMIT"""
        ],
        1,
    ),
    "all in one transaction": (
        [
            """BEGIN; INSERT INTO t VALUES (0, 1, 'a', now()); UPDATE t SET v = 9 WHERE id IN (0, 7);
               DELETE FROM t WHERE id = 8; COMMIT"""
        ],
        2,
    ),
    "savepoints": (
        [
            """BEGIN; UPDATE t SET v = 1 WHERE id = 1; SAVEPOINT s; UPDATE t SET v = 2 WHERE id IN (1, 2);
               ROLLBACK TO s; SAVEPOINT s; UPDATE t SET v = 3 WHERE id = 3; RELEASE s; COMMIT"""
        ],
        2,
    ),
    "what is rolled back": (["BEGIN; UPDATE t SET v = v + 1; DELETE FROM t WHERE id < 100; ROLLBACK"], 0),
    "locks on rows": (["BEGIN; SELECT * FROM t FOR UPDATE; COMMIT"], 0),
    "as many as a quarter": ([f"UPDATE t SET v = -v WHERE id <= {QUARTER}"], QUARTER),
    "more than a quarter": ([f"UPDATE t SET v = 1 - v WHERE id <= {QUARTER + 1}"], ROWS),
    "everything": (["UPDATE t SET v = v + 1"], ROWS),
    "VACUUM": (["DELETE FROM t WHERE id % 5 = 0", "VACUUM t"], 0),
    "VACUUM FREEZE": (["VACUUM FREEZE t"], 0),
    "places that are used again": (["DELETE FROM t WHERE id % 5 = 0", "VACUUM t", *[ONE_MORE] * 50], 50),
    "updates in places that are used again": (
        [
            statement
            for v in range(4)
            for statement in (f"UPDATE t SET v = {v} WHERE id % 5 = {v}", "VACUUM t")
        ],
        ROWS,
    ),
    "VACUUM FULL": (["DELETE FROM t WHERE id % 5 = 0", "VACUUM FULL t"], 320),
    "CLUSTER": (["CREATE INDEX by_note ON t (note)", "CLUSTER t USING by_note"], ROWS),
    "TRUNCATE": (["TRUNCATE t"], 0),
    "TRUNCATE and reload": (["TRUNCATE t", "INSERT INTO t SELECT i, i FROM generate_series(1, 20) i"], 20),
    "TRUNCATE that is rolled back": (["BEGIN; TRUNCATE t; ROLLBACK"], 0),
    "a rewrite without a change": (["ALTER TABLE t SET UNLOGGED"], ROWS),
}


def history(change: str, kind: str) -> History:
    """The change, and one more that shows that what was made of the first can be built upon."""
    statements, read = CHANGES[change]
    steps: list[Step] = [(statements, {"t": read} if read else {}), (ONE_MORE, {"t": 1})]
    return History('mode = "diff"', [CREATE, *KINDS[kind]], steps)


@pytest.fixture(scope="module")
def found(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    histories = {f"{change}, {kind}": history(change, kind) for change in CHANGES for kind in KINDS}
    return problems(histories, new_database(), tmp_path_factory.mktemp("diff"), must_stay=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_and_little_is_read(change: str, kind: str, found: dict[str, list[str]]) -> None:
    assert found[f"{change}, {kind}"] == []
