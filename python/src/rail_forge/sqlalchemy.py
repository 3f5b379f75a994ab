"""SQLAlchemy on RailForge: `railforge://HOST:PORT/CATALOG`, a dialect that reads.

It is SQLAlchemy's PostgreSQL dialect but for the connection and for reflection, so expressions become the SQL
that PostgreSQL would get. The token is the password of the URL, `railforge://:TOKEN@HOST:PORT/CATALOG`, or
that of the environment variable RAIL_FORGE_TOKEN.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from sqlalchemy import exc, types
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine.default import DefaultDialect

from rail_forge import dbapi
from rail_forge._values import type_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import URL, Connection

    from rail_forge import Table

_DEFAULT_PORT = 32010
_DEFAULT_SCHEMA = "public"
# The PostgreSQL whose SQL is understood.
_DIALECT_VERSION = (18, 0)
# The only level that there is: each statement sees the newest snapshot.
_ISOLATION_LEVEL: Final = "READ COMMITTED"
_FLAGS = {
    **dict.fromkeys(["1", "t", "true", "y", "yes", "on", "require"], True),
    **dict.fromkeys(["0", "f", "false", "n", "no", "off", "disable"], False),
}
# A type with what limits it: how many digits or characters, and how many of the digits are decimals.
_LIMITS = re.compile(r"(?:numeric|character|character varying)\((\d+)(?:,(-?\d+))?\)")

_TYPES: dict[str, type[types.TypeEngine[Any]]] = {
    "bigint": types.BigInteger,
    "boolean": types.Boolean,
    "bytea": types.LargeBinary,
    "date": types.Date,
    "double precision": postgresql.DOUBLE_PRECISION,
    "inet": postgresql.INET,
    "integer": types.Integer,
    "interval": postgresql.INTERVAL,
    "json": postgresql.JSON,
    "jsonb": postgresql.JSONB,
    "real": types.REAL,
    "smallint": types.SmallInteger,
    "text": types.Text,
    "uuid": types.Uuid,
}


def _flag(word: object) -> bool:
    flag = _FLAGS.get(str(word).lower())
    if flag is None:
        raise ValueError(f"{word!r} says neither yes nor no")
    return flag


# Options of a URL, and what reads them: arguments of `rail_forge.dbapi.connect`, but for the first.
_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "tls": _flag,
    "schema": str,
    "timezone": str,
    "timeout": float,
    "priority": str,
    "tls_roots": str,
}


class RailForgeDialect(PGDialect):
    """The dialect of URLs that begin with `railforge://`."""

    name = "railforge"
    driver = "rail_forge"
    default_paramstyle = "pyformat"
    supports_statement_cache = True
    supports_sane_rowcount = False
    supports_native_decimal = True
    insert_returning = update_returning = delete_returning = False
    # Statements are refused that would change something; there are no transactions to speak of.
    supports_native_enum = False

    @classmethod
    def import_dbapi(cls) -> Any:
        """Return the DB-API module."""
        return dbapi

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of `rail_forge.dbapi.connect`; raises ArgumentError for other options."""
        unknown = sorted(set(url.query) - set(_OPTIONS))
        if unknown:
            raise exc.ArgumentError(
                f"a URL of RailForge has no {', '.join(unknown)}; it has {', '.join(_OPTIONS)}"
            )
        if url.username:
            raise exc.ArgumentError(
                "a URL of RailForge has no user: the token is its password, ://:TOKEN@HOST"
            )
        options = {name: _read(name, value) for name, value in url.query.items()}
        scheme = "grpc+tls" if options.pop("tls", False) else "grpc"
        host = url.host or "127.0.0.1"
        # An address of IPv6 comes without its brackets.
        host = f"[{host}]" if ":" in host else host
        address = f"{scheme}://{host}:{url.port or _DEFAULT_PORT}"
        return [address], {"token": url.password, "catalog": url.database, **options}

    def initialize(self, connection: Connection) -> None:
        """Take what PostgreSQL would be asked for."""
        self.server_version_info = _DIALECT_VERSION
        self.default_isolation_level = _ISOLATION_LEVEL
        # Where the server looks for names without a schema.
        self.default_schema_name = str(connection.engine.url.query.get("schema", _DEFAULT_SCHEMA))
        self._backslash_escapes = False

    def get_isolation_level_values(self, dbapi_connection: Any) -> Any:
        """Return the levels that can be asked for, which mean the same."""
        return (_ISOLATION_LEVEL, "AUTOCOMMIT")

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        """Return the level, which is always the same."""
        return _ISOLATION_LEVEL

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        """Do nothing."""

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Return whether the server answers."""
        with dbapi_connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True

    def is_disconnect(self, e: Exception, connection: Any, cursor: Any) -> bool:
        """Return False: gRPC opens a connection anew by itself."""
        return False

    def get_schema_names(self, connection: Connection, **_named: Any) -> list[str]:
        """Return the schemas that have tables."""
        return sorted({table.schema for table in self._tables(connection, None, None)})

    def get_table_names(self, connection: Connection, schema: str | None = None, **_named: Any) -> list[str]:
        """Return the tables that are served, and the views among them, which are not told apart."""
        return [table.name for table in self._tables(connection, None, schema or self.default_schema_name)]

    def has_table(
        self, connection: Connection, table_name: str, schema: str | None = None, **_named: Any
    ) -> bool:
        """Return whether a table is served."""
        return bool(self._tables(connection, table_name, schema or self.default_schema_name))

    def get_columns(
        self, connection: Connection, table_name: str, schema: str | None = None, **_named: Any
    ) -> list[Any]:
        """Return a table's columns."""
        return [_column(field) for field in self._table(connection, table_name, schema).columns]

    def get_pk_constraint(
        self, connection: Connection, table_name: str, schema: str | None = None, **_named: Any
    ) -> Any:
        """Return a table's primary key."""
        key = self._table(connection, table_name, schema).primary_key
        return {"constrained_columns": list(key), "name": f"{table_name}_pkey" if key else None}

    def get_foreign_keys(
        self, connection: Connection, table_name: str, schema: str | None = None, **_named: Any
    ) -> list[Any]:
        """Return a table's foreign keys."""
        return [
            {
                "name": key.name,
                "constrained_columns": list(key.columns),
                "referred_schema": self._told(key.schema, schema),
                "referred_table": key.table,
                "referred_columns": list(key.references),
                "options": {},
            }
            for key in self._table(connection, table_name, schema).foreign_keys
        ]

    def get_indexes(self, *_arguments: Any, **_named: Any) -> list[Any]:
        """Return none: indexes and other constraints are PostgreSQL's, and views are among the tables."""
        return []

    get_unique_constraints = get_check_constraints = get_indexes
    get_view_names = get_materialized_view_names = get_temp_table_names = get_temp_view_names = get_indexes

    def get_table_comment(self, *_arguments: Any, **_named: Any) -> Any:
        """Return none: comments of tables are not told."""
        return {"text": None}

    def get_table_options(self, *_arguments: Any, **_named: Any) -> Any:
        """Return none."""
        return {}

    def _told(self, of_key: str, asked: str | None) -> str | None:
        """Return the schema that a key refers to, None for the default where none was asked for."""
        return None if asked is None and of_key == self.default_schema_name else of_key

    def _table(self, connection: Connection, name: str, schema: str | None) -> Table:
        tables = self._tables(connection, name, schema or self.default_schema_name)
        if not tables:
            raise exc.NoSuchTableError(name)
        return tables[0]

    def _tables(self, connection: Connection, name: str | None, schema: str | None) -> list[Table]:
        opened: Any = connection.connection.dbapi_connection
        tables: list[Table] = opened.tables(name, schema=schema)
        return tables


# What PGDialect reads of PostgreSQL's catalogue for many tables at once is read table by table, as most
# dialects do.
for _name in (
    "columns",
    "pk_constraint",
    "foreign_keys",
    "indexes",
    "unique_constraints",
    "check_constraints",
    "table_comment",
    "table_options",
):
    setattr(RailForgeDialect, f"get_multi_{_name}", getattr(DefaultDialect, f"get_multi_{_name}"))


def _read(option: str, value: object) -> Any:
    try:
        return _OPTIONS[option](value)
    except (TypeError, ValueError) as error:
        raise exc.ArgumentError(f"the option {option} of the URL cannot be used: {error}") from error


def _column(field: pa.Field) -> dict[str, Any]:
    metadata = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    return {
        "name": field.name,
        "type": _type(type_name(field), field.type, metadata.get("postgres.type", "")),
        "nullable": field.nullable,
        "default": None,
        "autoincrement": False,
        "comment": metadata.get("comment"),
    }


def _type(name: str, kind: pa.DataType, printed: str = "") -> types.TypeEngine[Any]:
    """Return SQLAlchemy's type for PostgreSQL's name of one; that of a text where it has none.

    Arrays and numbers that come as text, since Arrow has no type that holds them, are texts. `printed` is the
    name with what limits the type.
    """
    limits = _LIMITS.fullmatch(printed)
    numbers: list[Any] = [int(number) for number in limits.groups() if number] if limits else []
    made: types.TypeEngine[Any]
    if name.endswith("[]") and pa.types.is_list(kind):
        made = postgresql.ARRAY(_type(name.removesuffix("[]"), kind.value_type))
    elif name == "numeric" and pa.types.is_decimal(kind):
        made = types.Numeric(*numbers)
    elif name in {"character varying", "character"}:
        made = (types.String if name == "character varying" else types.CHAR)(*numbers)
    elif name.startswith("timestamp ") and pa.types.is_timestamp(kind):
        made = postgresql.TIMESTAMP(timezone=name.startswith("timestamp with "))
    elif name.startswith("time ") and pa.types.is_time(kind):
        made = postgresql.TIME()
    else:
        made = _TYPES.get(name, types.Text)()
    return made
