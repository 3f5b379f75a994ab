"""The backend of the suite's databases.

It is RailForge's for what it compiles and reads, and PostgreSQL's for what it writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.db.backends.postgresql.creation import DatabaseCreation as PostgresCreation
from django.db.backends.postgresql.introspection import DatabaseIntrospection
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.utils import DatabaseErrorWrapper

from rail_forge import dbapi
from rail_forge.django.base import DatabaseWrapper as RailForgeWrapper
from rail_forge.django.cursor import Cursor
from rail_forge.django.features import DatabaseFeatures as RailForgeFeatures
from rail_forge.django.operations import DatabaseOperations as RailForgeOperations
from rail_forge.django.values import Values

from .cursor import RoutingCursor
from .mirror import Mirror

if TYPE_CHECKING:
    from types import TracebackType

# By the name of the test database.
_MIRRORS: dict[str, Mirror] = {}


class _BothErrors:
    """Turns the exceptions of psycopg and of RailForge's DB-API into Django's."""

    def __init__(self, wrapper: DatabaseWrapper) -> None:
        self._wrapper = wrapper

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for module in (psycopg, dbapi):
            self._wrapper.Database = module
            try:
                DatabaseErrorWrapper(self._wrapper).__exit__(kind, error, trace)
            finally:
                self._wrapper.Database = psycopg

    __call__ = DatabaseErrorWrapper.__call__


class DatabaseOperations(RailForgeOperations):
    """RailForge's, with compilers that write."""

    compiler_module = "rail_forge_testbed.django_suite.compiler"


class DatabaseCreation(PostgresCreation):
    """Makes the mirror once the test database has its tables."""

    def create_test_db(self, *arguments: Any, **named: Any) -> str:
        """Create both databases, and start the server."""
        name: str = super().create_test_db(*arguments, **named)
        self.connection.close()
        mirrored = f"{name}_mirror"
        with self._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{mirrored}"')
            cursor.execute(f'CREATE DATABASE "{mirrored}" TEMPLATE "{name}"')
        options = self.connection.settings_dict
        url = f"postgres://{options['USER']}@{options['HOST']}:{options['PORT']}/{mirrored}"
        _MIRRORS[name] = Mirror(url, fallback=settings.RAIL_FORGE_FALLBACK)
        return name

    def _nodb_cursor(self) -> Any:
        return PostgresWrapper._nodb_cursor(self.connection)

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        mirror = _MIRRORS.pop(test_database_name, None)
        if mirror is not None:
            mirror.close()
            with self._nodb_cursor() as cursor:
                cursor.execute(f'DROP DATABASE IF EXISTS "{test_database_name}_mirror"')
        super()._destroy_test_db(test_database_name, verbosity)


class DatabaseFeatures(RailForgeFeatures):
    """What RailForge reads, of a database that writes."""


class DatabaseWrapper(RailForgeWrapper):
    """A connection that writes to PostgreSQL and reads from RailForge."""

    # The suite has tests of PostgreSQL alone.
    vendor = "postgresql"
    display_name = "RailForge over PostgreSQL"
    Database = psycopg
    SchemaEditorClass = DatabaseSchemaEditor
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations
    validation_class = PostgresWrapper.validation_class

    get_connection_params = PostgresWrapper.get_connection_params
    get_new_connection = PostgresWrapper.get_new_connection
    init_connection_state = PostgresWrapper.init_connection_state
    ensure_timezone = PostgresWrapper.ensure_timezone
    check_constraints = PostgresWrapper.check_constraints
    make_debug_cursor = PostgresWrapper.make_debug_cursor
    is_usable = PostgresWrapper.is_usable
    _set_autocommit = PostgresWrapper._set_autocommit
    _nodb_cursor = PostgresWrapper._nodb_cursor

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.touched: set[str] = set()
        self._reader: dbapi.Connection | None = None

    wrap_database_errors = property(_BothErrors)

    @property
    def mirror(self) -> Mirror | None:
        """The mirror of the test database, if there is one yet."""
        return _MIRRORS.get(self.settings_dict["NAME"])

    def create_cursor(self, name: str | None = None) -> Any:
        """Return a cursor that routes its statement."""
        writing = PostgresWrapper.create_cursor(self, None)
        mirror = self.mirror
        if mirror is None:
            return PostgresWrapper.create_cursor(self, name)
        if self._reader is None:
            self._reader = dbapi.connect(mirror.address)
        if self._reader.timezone != self.timezone_name:
            self._reader.timezone = self.timezone_name
        return RoutingCursor(
            self, writing, Cursor(self, self._reader, Values(self.timezone, self.timezone_name))
        )

    def _savepoint(self, sid: str) -> None:
        PostgresWrapper._savepoint(self, sid)

    def _savepoint_commit(self, sid: str) -> None:
        PostgresWrapper._savepoint_commit(self, sid)

    def _savepoint_rollback(self, sid: str) -> None:
        PostgresWrapper._savepoint_rollback(self, sid)
        self._taken_back()

    def _rollback(self) -> None:
        super()._rollback()
        self._taken_back()

    def _commit(self) -> None:
        super()._commit()
        self.touched.clear()

    def _close(self) -> None:
        PostgresWrapper._close(self)
        self._taken_back()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _taken_back(self) -> None:
        if self.mirror is not None:
            self.mirror.dirty(self.touched)
