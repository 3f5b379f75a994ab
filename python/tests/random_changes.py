"""Random changes of tables, of the kinds that each refresh mode sees.

A second session holds a transaction open over some refreshes, so that commits come in another order than the
changes. A change that would wait for it is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import psycopg
from psycopg import errors

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from types import TracebackType

FIRST_ROWS = 90
# Of the default overlap of 1,000; one statement may take as many moments as a table has rows.
LATEST = 300
LOCK_WAIT = "SET lock_timeout = '30ms'"
# `w` grows with every insert and update; (a, b) is the key where a table has one.
COLUMNS = "b integer, w bigint DEFAULT nextval('moment'), v integer, note text, n numeric"
CREATE = [
    "CREATE SEQUENCE moment",
    f"CREATE TABLE keyed (a integer PRIMARY KEY, {COLUMNS})",
    f"CREATE TABLE two_keys (a text, {COLUMNS}, PRIMARY KEY (a, b))",
    f"CREATE TABLE parts (a integer, {COLUMNS}, PRIMARY KEY (a, b)) PARTITION BY LIST (b)",
    *(f"CREATE TABLE parts_{area} PARTITION OF parts FOR VALUES IN ({area})" for area in range(3)),
]
KEYLESS = f"CREATE TABLE keyless (a integer, {COLUMNS})"
# Beyond what fits into a page with other rows.
LARGE = "(SELECT string_agg(md5(random()::text || j), '') FROM generate_series(1, 80) AS j)"
NOTES = ("NULL", "''", "'x'", "'Grüße, 世界'", LARGE, "md5(random()::text)")
NUMBERS = ("NULL", "0", "1.5", "-12345678901234567890.123", "0.000000000001")


class RandomChanges:
    """Changes tables, by chance."""

    def __init__(self, url: str, chance: random.Random, *, only_growing: bool) -> None:
        """`only_growing`: changes that a column that grows shows, which are inserts and updates."""
        self._chance = chance
        self._tables = ["keyed", "two_keys", "parts"]
        self._connection = psycopg.connect(url, autocommit=True, options="-c client_min_messages=error")
        self._slow = psycopg.connect(url)
        for statement in [LOCK_WAIT, *CREATE]:
            self._connection.execute(statement.encode())
        self._slow.execute(LOCK_WAIT)
        self._slow.commit()
        self._kinds: list[Callable[[str], str]] = [self._insert, self._insert, self._update, self._update]
        if not only_growing:
            self._connection.execute(KEYLESS.encode())
            self._tables.append("keyless")
            self._kinds += [self._delete, self._delete, self._replace, self._rewrite, self._move]
        self._next_key = 0
        self._slow_since: int | None = None
        for table in self._tables:
            self._next_key += FIRST_ROWS
            self._connection.execute(self._rows(table, self._next_key, FIRST_ROWS).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slow.close()
        self._connection.close()

    def change(self) -> None:
        """Make one change, or begin one, or commit what was begun."""
        statement = self._chance.choice(self._kinds)(self._chance.choice(self._tables))
        in_slow = self._chance.random() < 0.2 and not statement.startswith(("VACUUM", "TRUNCATE"))
        if in_slow and self._slow_since is None:
            self._slow_since = self._moment()
        try:
            (self._slow if in_slow else self._connection).execute(statement.encode())
        except (errors.LockNotAvailable, errors.UniqueViolation):
            self._slow.rollback()
            self._connection.execute(b"ROLLBACK")
        if self._chance.random() < 0.1:
            self._slow.rollback() if self._chance.random() < 0.2 else self.commit()
        # What commits later than that is not seen in mode `watermark`, as documented.
        if self._slow_since is not None and self._moment() > self._slow_since + LATEST:
            self.commit()

    def commit(self) -> None:
        """Commit what was begun."""
        self._slow.commit()
        self._slow_since = None

    def _moment(self) -> int:
        [(moment,)] = self._connection.execute("SELECT last_value FROM moment").fetchall()
        return int(moment)

    def _rows(self, table: str, first: int, rows: int) -> str:
        key = "'k' || i" if table == "two_keys" else "i"
        values = f"{key}, i % 3, i, {self._note()}, {self._number()}"
        series = f"generate_series({first}, {first + rows - 1}) AS i"
        return f"INSERT INTO {table} (a, b, v, note, n) SELECT {values} FROM {series}"

    def _insert(self, table: str) -> str:
        rows = self._chance.choice((1, 1, 2, 5, 30))
        self._next_key += FIRST_ROWS
        return self._rows(table, self._next_key, rows)

    def _update(self, table: str) -> str:
        columns = self._chance.sample(
            [f"v = {self._chance.randrange(100)}", f"note = {self._note()}", f"n = {self._number()}"], 2
        )
        return f"UPDATE {table} SET w = nextval('moment'), {', '.join(columns)} WHERE {self._some()}"

    def _delete(self, table: str) -> str:
        return f"DELETE FROM {table} WHERE {self._some()}"

    def _replace(self, table: str) -> str:
        # In one statement the key would still be there.
        columns = "a, b, w, v, note, n"
        return f"""BEGIN; CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT * FROM {table} WHERE {self._some()};
                   DELETE FROM {table} WHERE (a, b) IN (SELECT a, b FROM gone);
                   INSERT INTO {table} ({columns}) SELECT {columns} FROM gone; COMMIT"""

    def _rewrite(self, table: str) -> str:
        heap = table if table != "parts" else f"parts_{self._chance.randrange(3)}"
        statements = [f"VACUUM {heap}"] * 8 + [
            f"VACUUM FULL {heap}",
            f"TRUNCATE {heap}",
            f"VACUUM FREEZE {heap}",
        ]
        return self._chance.choice(statements)

    def _move(self, table: str) -> str:
        return f"UPDATE {table} SET b = (b + 1) % 3 WHERE {self._some()}"

    def _some(self) -> str:
        """A condition that few rows meet, now and then many."""
        share = self._chance.choice((20, 50, 50, 200, 200, 2))
        return f"v % {share} = {self._chance.randrange(share)}"

    def _note(self) -> str:
        return self._chance.choice(NOTES)

    def _number(self) -> str:
        return self._chance.choice(NUMBERS)
