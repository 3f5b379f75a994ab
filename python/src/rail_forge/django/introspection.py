"""Tables, columns and keys as the server's catalogue tells them: `inspectdb` shows what is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.backends.postgresql.introspection import DatabaseIntrospection as PostgresIntrospection
from django.db.backends.postgresql.introspection import FieldInfo, TableInfo

from rail_forge._values import type_name

if TYPE_CHECKING:
    import pyarrow as pa

    from rail_forge import Table

_METADATA = "ARROW:FLIGHT:SQL:"


class DatabaseIntrospection(PostgresIntrospection):
    """Introspection of what is served, in the schema in which names are looked up."""

    # Django's fields by PostgreSQL's names of types.
    data_types_reverse = {  # noqa: RUF012 - Django's own is a mutable attribute too
        "bigint": "BigIntegerField",
        "boolean": "BooleanField",
        "bytea": "BinaryField",
        "character": "CharField",
        "character varying": "CharField",
        "date": "DateField",
        "double precision": "FloatField",
        "inet": "GenericIPAddressField",
        "integer": "IntegerField",
        "interval": "DurationField",
        "jsonb": "JSONField",
        "numeric": "DecimalField",
        "real": "FloatField",
        "smallint": "SmallIntegerField",
        "text": "TextField",
        "time with time zone": "TimeField",
        "time without time zone": "TimeField",
        "timestamp with time zone": "DateTimeField",
        "timestamp without time zone": "DateTimeField",
        "uuid": "UUIDField",
    }

    def get_table_list(self, cursor: Any) -> list[TableInfo]:  # noqa: ARG002 - Django's signature
        """Return the tables that are served, and the views among them, which are not told apart."""
        return [TableInfo(table.name, "t", None) for table in self._tables(None)]

    def get_table_description(self, cursor: Any, table_name: str) -> list[FieldInfo]:  # noqa: ARG002
        """Return the columns of a table."""
        return [_field_info(field) for field in self._table(table_name).columns]

    def get_sequences(self, cursor: Any, table_name: str, table_fields: Any = ()) -> list[Any]:  # noqa: ARG002
        """Return none: sequences are PostgreSQL's."""
        return []

    def get_relations(self, cursor: Any, table_name: str) -> dict[str, tuple[str, str]]:  # noqa: ARG002
        """Return what each column that is a foreign key refers to, as column and table."""
        return {
            key.columns[0]: (key.references[0], key.table)
            for key in self._table(table_name).foreign_keys
            if len(key.columns) == 1
        }

    def get_constraints(self, cursor: Any, table_name: str) -> dict[str, dict[str, Any]]:  # noqa: ARG002
        """Return the primary key and the foreign keys; no other constraint and no index is known."""
        table = self._table(table_name)
        constraints = {}
        if table.primary_key:
            constraints[f"{table.name}_pkey"] = _constraint(table.primary_key, primary_key=True)
        for key in table.foreign_keys:
            name = key.name or f"{table.name}_{'_'.join(key.columns)}_fkey"
            constraints[name] = _constraint(key.columns, foreign_key=(key.table, key.references[0]))
        return constraints

    def _table(self, name: str) -> Table:
        return self._tables(name)[0]

    def _tables(self, name: str | None) -> list[Table]:
        self.connection.ensure_connection()
        schema = self.connection.settings_dict["OPTIONS"].get("schema") or "public"
        with self.connection.wrap_database_errors:
            tables: list[Table] = self.connection.asked.tables(name, schema=schema)
        return tables


def _field_info(field: pa.Field) -> FieldInfo:
    metadata = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    precision, scale = (metadata.get(f"{_METADATA}{name}") for name in ("PRECISION", "SCALE"))
    kind = type_name(field)
    is_text = kind in {"character", "character varying"}
    # A text without a length is told as PostgreSQL's largest one.
    length = int(precision) if is_text and precision and "(" in metadata.get("postgres.type", "") else None
    return FieldInfo(
        name=field.name,
        type_code=kind,
        display_size=length,
        internal_size=length,
        precision=None if precision is None or is_text else int(precision),
        scale=None if scale is None else int(scale),
        null_ok=field.nullable,
        default=None,
        collation=None,
        is_autofield=False,
        comment=metadata.get("comment"),
    )


def _constraint(
    columns: tuple[str, ...], *, primary_key: bool = False, foreign_key: tuple[str, str] | None = None
) -> dict[str, Any]:
    return {
        "columns": list(columns),
        "primary_key": primary_key,
        "unique": primary_key,
        "foreign_key": foreign_key,
        "check": False,
        "index": False,
        "orders": [],
        "type": None,
        "definition": None,
        "options": None,
    }
