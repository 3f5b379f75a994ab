"""The database wrapper: a connection of Django's whose queries RailForge answers.

It is Django's PostgreSQL backend but for the connection itself, so querysets compile to the SQL that
PostgreSQL would get, values are put into it as psycopg does, and rows hold what psycopg would give. It writes
nothing: what would is refused with the name of the database to write to, or sent there where the settings say
so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db import NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.db.backends.utils import CursorDebugWrapper

from rail_forge import dbapi

from .block import max_staleness_of, seconds
from .client import DatabaseClient
from .creation import DatabaseCreation
from .cursor import Cursor
from .features import DatabaseFeatures
from .introspection import DatabaseIntrospection
from .operations import DatabaseOperations
from .options import read_options
from .schema import DatabaseSchemaEditor
from .signed_tokens import token_of_request
from .validation import DatabaseValidation
from .values import Values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model

    from rail_forge import RefreshedTable

# The PostgreSQL whose SQL RailForge speaks, as PostgreSQL counts its versions.
DIALECT_VERSION = 18_00_00
# Where the server looks names up that have no schema.
_DEFAULT_SCHEMA = "public"


class DatabaseWrapper(PostgresWrapper):
    """A Django connection to RailForge."""

    # One of its own: what is keyed on "postgresql" asks the tables of PostgreSQL's catalogue.
    vendor = "railforge"
    display_name = "RailForge"

    Database = dbapi
    SchemaEditorClass = DatabaseSchemaEditor
    client_class = DatabaseClient
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations
    validation_class = DatabaseValidation

    @property
    def primary(self) -> str | None:
        """The alias of the database that holds the data, and that writes go to; None when nobody has said."""
        primary: str | None = self.settings_dict["OPTIONS"].get("primary")
        return primary

    def refusal(self, what: str) -> NotSupportedError:
        """Return the error that says where to send what would change something."""
        there = f'.using("{self.primary}")' if self.primary else "the database that it reads from"
        return NotSupportedError(
            f'{what} is refused: "{self.alias}" is RailForge, which only reads; send it to {there}'
        )

    @property
    def pool(self) -> None:
        """None: a connection is kept by CONN_MAX_AGE, and carries any number of queries at the same time."""
        return

    def close_pool(self) -> None:
        """Do nothing, since there is no pool."""

    @property
    def pg_version(self) -> int:
        """The version of PostgreSQL whose SQL is understood."""
        return DIALECT_VERSION

    def get_connection_params(self) -> dict[str, Any]:
        """Return the arguments of `rail_forge.dbapi.connect`."""
        read = read_options(self.settings_dict)
        if read.errors:
            raise ImproperlyConfigured(f'settings.DATABASES["{self.alias}"]: {"; ".join(read.errors)}')
        return {**read.arguments, "timezone": self.timezone_name}

    def get_new_connection(self, conn_params: dict[str, Any]) -> dbapi.Connection:
        """Return a connection; nothing is sent before the first query."""
        try:
            connection = dbapi.connect(**conn_params)
        except (AttributeError, OSError, TypeError, ValueError) as error:
            raise ImproperlyConfigured(f'settings.DATABASES["{self.alias}"]: {error}') from error
        return connection

    def init_connection_state(self) -> None:
        """Do nothing: what there is to say goes with each query."""

    def ensure_timezone(self) -> bool:
        """Have the session be in the time zone of the settings; return whether it was in another."""
        if self.connection is None or self.connection.timezone == self.timezone_name:
            return False
        self.connection.timezone = self.timezone_name
        return True

    @property
    def asked(self) -> dbapi.Connection:
        """The connection, as whoever asks in the request that is answered now."""
        token = token_of_request()
        connection: dbapi.Connection = self.connection
        return connection if token is None else connection.as_caller(token)

    def create_cursor(self, name: str | None = None) -> Cursor:  # noqa: ARG002 - every cursor is a stream
        """Return a cursor, whose rows arrive while they are fetched."""
        cursor = Cursor(self, self.asked, Values(self.timezone, self.timezone_name))
        demanded = max_staleness_of(self.alias)
        if demanded is None:
            demanded = self.settings_dict["OPTIONS"].get("max_staleness")
        cursor.max_staleness = None if demanded is None else seconds(demanded)
        return cursor

    def refresh(self, *tables: str) -> list[RefreshedTable]:
        """Bring tables up to date with PostgreSQL, all of them when none is named, and wait for it."""
        self.ensure_connection()
        with self.wrap_database_errors:
            refreshed: list[RefreshedTable] = self.connection.refresh(*tables)
        return refreshed

    def tables_of(self, model: type[Model]) -> list[str]:
        """Return the tables of a model and of those that it extends, as `refresh` takes them."""
        catalog, schema = self.settings_dict["NAME"], self.settings_dict["OPTIONS"].get("schema")
        where = [catalog, schema or _DEFAULT_SCHEMA] if catalog else [schema] if schema else []
        extended = model._meta.get_parent_list()  # noqa: SLF001 - Django's public name for it
        tables = dict.fromkeys(one._meta.db_table for one in [model, *extended])  # noqa: SLF001 - likewise
        return [".".join([*where, table]) for table in tables]

    def make_debug_cursor(self, cursor: Cursor) -> CursorDebugWrapper:
        """Return a cursor that logs its queries."""
        return CursorDebugWrapper(cursor, self)

    def is_usable(self) -> bool:
        """Return whether the server answers."""
        if self.connection is None:
            return False
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except dbapi.Error:
            return False
        return True

    def _set_autocommit(self, autocommit: bool) -> None:  # noqa: FBT001 - Django's signature
        self.connection.autocommit = autocommit

    # Nothing is changed here since a savepoint: it need not be told. What is written is the primary's.
    def _savepoint(self, sid: str) -> None: ...

    def _savepoint_rollback(self, sid: str) -> None: ...

    def _savepoint_commit(self, sid: str) -> None: ...

    def _close(self) -> None:
        BaseDatabaseWrapper._close(self)  # noqa: SLF001 - PostgreSQL's asks for its pool

    def check_constraints(self, table_names: Any = None) -> None:
        """Do nothing: PostgreSQL has checked them."""

    def _nodb_cursor(self) -> Iterator[Cursor]:
        raise self.refusal("creating and dropping databases")
