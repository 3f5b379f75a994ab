"""Statements by topic (`slt/*.slt`), each answered by RailForge and by PostgreSQL.

The same rows and types are wanted, or an error from both; or the known difference, as long as it is one.
`slt_file.py` describes the files.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, refresh
from slt_file import Case, read_all, read_causes

import rail_forge
from rail_forge_testbed.answers import Refusal, Rows, answer_of_postgres, answer_of_rail_forge, difference
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase

FILES = read_all()
CASES = [
    pytest.param(file.name, case, id=f"{file.name}:{case.line}") for file in FILES for case in file.cases
]


class Engines:
    """Both engines. The tables of a file are in a schema of its name."""

    def __init__(self, url: str, flight: str) -> None:
        self._stack = ExitStack()
        self._reference = psycopg.connect(url, autocommit=True, options="-c timezone=UTC")
        self._stack.enter_context(self._reference)
        self._flight = flight
        self._clients: dict[str, rail_forge.Client] = {}

    def close(self) -> None:
        """Close all connections."""
        self._stack.close()

    def reference(self, schema: str) -> psycopg.Connection:
        """A connection to PostgreSQL that sees the schema's tables."""
        self._reference.execute(f'SET search_path TO "{schema}"'.encode())
        return self._reference

    def client(self, schema: str) -> rail_forge.Client:
        """A client of RailForge that sees the schema's tables."""
        if schema not in self._clients:
            client = rail_forge.connect(self._flight, schema=schema)
            self._clients[schema] = self._stack.enter_context(client)
        return self._clients[schema]


@pytest.fixture(scope="module")
def engines(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    url = new_database(
        *(f'CREATE SCHEMA "{file.name}"; SET search_path TO "{file.name}";\n{file.setup}' for file in FILES)
    )
    schemas = json.dumps([file.name for file in FILES])
    settings = configuration(
        tmp_path_factory.mktemp("slt"), source(url, None, f"schemas = {schemas}", name="slt")
    )
    with RailForgeServer({}, arguments=[*settings, *NO_REFRESH]) as server:
        refresh(server)
        both = Engines(url, server.flight)
        try:
            yield both
        finally:
            both.close()


def test_every_cause_has_a_statement() -> None:
    assert {case.cause for file in FILES for case in file.cases if case.cause} == read_causes().keys()


@pytest.mark.parametrize(("schema", "case"), CASES)
def test_answers_are_those_of_postgresql(schema: str, case: Case, engines: Engines) -> None:
    wanted = answer_of_postgres(engines.reference(schema), case.sql)
    got = answer_of_rail_forge(engines.client(schema), case.sql)
    match case.expectation:
        case "same" | "same in any order":
            assert isinstance(wanted, Rows), wanted
            assert isinstance(got, Rows), got
            assert difference(got, wanted, in_order=case.expectation == "same") is None
        case "both refuse":
            assert isinstance(wanted, Refusal), wanted
            assert isinstance(got, Refusal), got
        case "refused":
            assert isinstance(wanted, Rows), wanted
            assert isinstance(got, Refusal), got
        case "accepted":
            assert isinstance(wanted, Refusal), wanted
            assert isinstance(got, Rows), got
        case "wrong" | "form":
            assert isinstance(wanted, Rows), wanted
            assert isinstance(got, Rows), got
            assert difference(got, wanted, in_order=True) is not None
