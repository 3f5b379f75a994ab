"""The Flight SQL messages of prepared statements and of the catalogue, and Flight's own of a ticket.

They are written and read by hand.

pyarrow speaks Flight but not Flight SQL, and the `protobuf` package is a heavy dependency for messages of a
few fields.
"""

from __future__ import annotations

from ._errors import expected
from ._protobuf import field, fields, flag

_TYPE_URL = "type.googleapis.com/arrow.flight.protocol.sql."


def create_prepared_statement(sql: str) -> bytes:
    """Return the body of the action `CreatePreparedStatement`."""
    return _any("ActionCreatePreparedStatementRequest", sql.encode())


def created_handle(body: bytes) -> bytes:
    """Return the statement's handle from the body of `CreatePreparedStatement`'s result."""
    with expected("answer to CreatePreparedStatement"):
        return dict(fields(dict(fields(body))[2]))[1]


def prepared_statement_query(handle: bytes) -> bytes:
    """Return the descriptor's command that binds parameters to a statement, or runs it."""
    return _any("CommandPreparedStatementQuery", handle)


def bound_handle(metadata: bytes) -> bytes:
    """Return the handle that carries the bound parameters, from the metadata that answers the binding."""
    with expected("answer to the binding of parameters"):
        return dict(fields(metadata))[1]


def get_tables(catalog: str, schema_pattern: str | None, table_pattern: str | None) -> bytes:
    """Return the descriptor's command that lists a catalogue's tables with their schemas."""
    patterns = ((2, schema_pattern), (3, table_pattern))
    filters = b"".join(field(number, text.encode()) for number, text in patterns if text is not None)
    return _message("CommandGetTables", field(1, catalog.encode()) + filters + flag(5))


def get_keys(command: str, catalog: str, schema: str, table: str) -> bytes:
    """Return the descriptor's command, CommandGetPrimaryKeys or its like, that lists keys of a table."""
    names = enumerate((catalog, schema, table), start=1)
    return _message(command, b"".join(field(number, name.encode()) for number, name in names))


def cancel_ticket(ticket: bytes) -> bytes:
    """Return the body of the action `CancelFlightInfo` for a ticket, of which the server needs no more."""
    return field(1, field(3, field(1, field(1, ticket))))


def _any(message: str, first_field: bytes) -> bytes:
    """Return a `google.protobuf.Any` that holds a Flight SQL message with its field 1 set."""
    return _message(message, field(1, first_field))


def _message(message: str, fields_of_it: bytes) -> bytes:
    """Return a `google.protobuf.Any` that holds a Flight SQL message with these fields."""
    return field(1, (_TYPE_URL + message).encode()) + field(2, fields_of_it)
