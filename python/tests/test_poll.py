"""PollFlightInfo, by which ADBC asks for partitions: the first answer is whole, and the query runs once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import adbc_driver_flightsql.dbapi as adbc
import pytest
from adbc_driver_manager import StatementOptions
from error_details import error_info

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Served

SQL = "SELECT id, name FROM region WHERE id < {} ORDER BY id"


@pytest.fixture
def cursor(adbc_connection: Any) -> Iterator[Any]:
    with adbc_connection.cursor() as opened:
        opened.adbc_statement.set_options(**{StatementOptions.INCREMENTAL.value: "true"})
        yield opened


@pytest.mark.parametrize("way", ["by a statement", "by a prepared statement"])
def test_the_first_answer_is_whole(way: str, cursor: Any, shop: Served) -> None:
    prepared = way == "by a prepared statement"
    sql = SQL.format(5 + prepared)

    def partitions() -> list[bytes]:
        if prepared:
            found: list[bytes] = cursor.adbc_execute_partitions(sql)[0]
        else:
            found, _, _ = cursor.adbc_statement.execute_partitions()
        return found

    cursor.adbc_statement.set_sql_query(sql)
    with rail_forge.connect(shop.server.flight) as client:

        def computed() -> int:
            results = client.status().results
            assert results is not None
            return results.misses

        before = computed()
        [partition] = partitions()
        assert cursor.adbc_statement.get_option_float(StatementOptions.PROGRESS.value) == 1.0
        # No more of them: that is how ADBC is told that this was all.
        assert partitions() == []
        assert computed() == before
        with cursor.connection.cursor() as reading:
            reading.adbc_read_partition(partition)
            assert [row[0] for row in reading.fetchall()] == list(range(1, 5 + prepared))
        assert computed() == before + 1


def test_what_is_wrong_is_told_at_once(cursor: Any) -> None:
    with pytest.raises(adbc.Error, match="ordres") as caught:
        cursor.adbc_execute_partitions("SELECT * FROM ordres")
    assert error_info(caught.value).reason == "UNKNOWN_TABLE"
