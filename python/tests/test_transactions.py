"""Transactions of clients that begin one before they ask anything: they read what is committed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pytest
from conftest import refresh, run
from error_details import error_info
from flight_sql_messages import command, packed, prepare, unpacked
from pyarrow import flight

if TYPE_CHECKING:
    from conftest import NewDatabase, Serve, Served

COMMIT, ROLLBACK, UNSPECIFIED = 1, 2, 0


def begin(client: flight.FlightClient) -> bytes:
    [result] = list(client.do_action(("BeginTransaction", packed("ActionBeginTransactionRequest"))))
    begun = unpacked("ActionBeginTransactionResult", result.body.to_pybytes())
    return bytes(begun.transaction_id)


def end(client: flight.FlightClient, transaction: bytes, action: int) -> None:
    body = packed("ActionEndTransactionRequest", transaction_id=transaction, action=action)
    list(client.do_action(("EndTransaction", body)))


@pytest.mark.parametrize("action", [COMMIT, ROLLBACK])
def test_statements_are_answered_in_one(action: int, stock: flight.FlightClient) -> None:
    transaction = begin(stock)
    assert transaction
    sql = "SELECT count(*) AS n FROM region"
    got = command(stock, "CommandStatementQuery", query=sql, transaction_id=transaction)
    assert got.to_pydict() == {"n": [12]}
    prepared = prepare(stock, sql, transaction)
    handle = prepared.prepared_statement_handle
    got = command(stock, "CommandPreparedStatementQuery", prepared_statement_handle=handle)
    assert got.to_pydict() == {"n": [12]}
    end(stock, transaction, action)


def test_what_is_not_a_transaction_is_refused(stock: flight.FlightClient) -> None:
    with pytest.raises(KeyError, match="no such transaction"):
        command(stock, "CommandStatementQuery", query="SELECT 1", transaction_id=b"another")
    with pytest.raises(KeyError, match="no such transaction"):
        prepare(stock, "SELECT 1", b"another")
    with pytest.raises(KeyError, match="no such transaction"):
        end(stock, b"another", COMMIT)
    with pytest.raises(pa.ArrowInvalid, match="COMMIT or by ROLLBACK"):
        end(stock, begin(stock), UNSPECIFIED)


def test_list_actions_names_them(stock: flight.FlightClient) -> None:
    assert {"BeginTransaction", "EndTransaction"} <= {action.type for action in stock.list_actions()}


def test_adbc_is_a_db_api_without_a_warning(shop: Served) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connection: Any = adbc.connect(shop.server.flight)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM region WHERE id = 1")
            assert cursor.fetchall() == [(1,)]
            connection.commit()
            cursor.execute("SELECT id FROM region WHERE id = $1", [2])
            assert cursor.fetchall() == [(2,)]
            connection.rollback()
            with pytest.raises(adbc.Error) as caught:
                cursor.execute("DELETE FROM region")
            assert error_info(caught.value).reason == "READ_ONLY"
            # PostgreSQL refuses what follows a failure; here nothing can be lost by going on.
            cursor.execute("SELECT count(*) FROM region")
            assert cursor.fetchall() == [(12,)]


def test_each_statement_sees_the_newest_snapshot(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    server = serve({"shop": url})
    refresh(server)
    connection: Any = adbc.connect(server.flight)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM t ORDER BY id")
        assert cursor.fetchall() == [(1,)]
        run(url, "INSERT INTO t VALUES (2)")
        refresh(server)
        cursor.execute("SELECT id FROM t ORDER BY id")
        assert cursor.fetchall() == [(1,), (2,)]
