"""The option `catalog` of Arrow's JDBC driver, which it sets with SetSessionOptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import refresh
from java import JavaError, JavaObject, jdbc_url

if TYPE_CHECKING:
    from conftest import NewDatabase, Serve
    from java import Jvm

    from rail_forge_testbed.server import RailForgeServer


@pytest.fixture
def two(new_database: NewDatabase, serve: Serve) -> RailForgeServer:
    """A server of two sources, each with a table of the same name."""
    urls = {
        name: new_database("CREATE TABLE t (name text)", f"INSERT INTO t VALUES ('{name}')")
        for name in ("one", "other")
    }
    server = serve(urls)
    refresh(server)
    return server


def test_a_connection_is_to_a_catalog(jvm: Jvm, two: RailForgeServer) -> None:
    def names(connection: JavaObject) -> list[tuple[object, ...]]:
        return list(connection.createStatement().executeQuery("SELECT name FROM t").rows())

    with jvm.connected(jdbc_url(two, catalog="other")) as other:
        with jvm.connected(jdbc_url(two, catalog="one")) as one:
            assert names(one) == [("one",)]
            assert names(other) == [("other",)]
            prepared = one.prepareStatement("SELECT name FROM t WHERE name = ?")
            prepared.setString(1, "one")
            assert prepared.executeQuery().rows() == [("one",)]
        # Closing ends the session, and that of nobody else.
        assert names(other) == [("other",)]


def test_an_unknown_catalog_is_refused(jvm: Jvm, two: RailForgeServer) -> None:
    with pytest.raises(JavaError, match="catalog"), jvm.connected(jdbc_url(two, catalog="none")):
        pass
