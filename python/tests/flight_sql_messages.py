"""Flight SQL's messages as a stock client has them: by the `protobuf` package, from Arrow's FlightSql.proto.

Nothing of `rail_forge` is used, so that a misunderstanding of the specification cannot hide on both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from pyarrow import flight

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGE = "arrow.flight.protocol.sql"

_Field = descriptor_pb2.FieldDescriptorProto
_STRING, _BYTES, _BOOL, _INT32, _UINT32, _INT64 = (
    _Field.TYPE_STRING,
    _Field.TYPE_BYTES,
    _Field.TYPE_BOOL,
    _Field.TYPE_INT32,
    _Field.TYPE_UINT32,
    _Field.TYPE_INT64,
)

_ONE_TABLE = {1: ("catalog", _STRING), 2: ("db_schema", _STRING), 3: ("table", _STRING)}
_HANDLE = {1: ("prepared_statement_handle", _BYTES)}
_QUERY = {1: ("query", _STRING), 2: ("transaction_id", _BYTES)}
# The plan is a message of its own, which is written as its bytes are.
_PLAN = {1: ("plan", _BYTES), 2: ("transaction_id", _BYTES)}

# Only the fields that the tests use; in protobuf the others may be missing.
_MESSAGES: dict[str, dict[int, tuple[str, int]]] = {
    "ActionBeginTransactionRequest": {},
    "ActionBeginTransactionResult": {1: ("transaction_id", _BYTES)},
    "ActionCancelQueryRequest": {1: ("info", _BYTES)},
    "ActionCancelQueryResult": {1: ("result", _INT32)},
    "ActionClosePreparedStatementRequest": _HANDLE,
    "ActionCreatePreparedStatementRequest": _QUERY,
    "ActionCreatePreparedStatementResult": {
        **_HANDLE,
        2: ("dataset_schema", _BYTES),
        3: ("parameter_schema", _BYTES),
    },
    "ActionCreatePreparedSubstraitPlanRequest": _PLAN,
    "ActionEndTransactionRequest": {1: ("transaction_id", _BYTES), 2: ("action", _INT32)},
    "CommandGetCatalogs": {},
    "CommandGetCrossReference": {
        1: ("pk_catalog", _STRING),
        2: ("pk_db_schema", _STRING),
        3: ("pk_table", _STRING),
        4: ("fk_catalog", _STRING),
        5: ("fk_db_schema", _STRING),
        6: ("fk_table", _STRING),
    },
    "CommandGetDbSchemas": {1: ("catalog", _STRING), 2: ("db_schema_filter_pattern", _STRING)},
    "CommandGetExportedKeys": _ONE_TABLE,
    "CommandGetImportedKeys": _ONE_TABLE,
    "CommandGetPrimaryKeys": _ONE_TABLE,
    "CommandGetSqlInfo": {1: ("info", _UINT32)},
    "CommandGetTableTypes": {},
    "CommandGetTables": {
        1: ("catalog", _STRING),
        2: ("db_schema_filter_pattern", _STRING),
        3: ("table_name_filter_pattern", _STRING),
        4: ("table_types", _STRING),
        5: ("include_schema", _BOOL),
    },
    "CommandGetXdbcTypeInfo": {1: ("data_type", _INT32)},
    "CommandPreparedStatementQuery": _HANDLE,
    "CommandPreparedStatementUpdate": _HANDLE,
    "CommandStatementIngest": {2: ("table", _STRING)},
    "CommandStatementQuery": _QUERY,
    "CommandStatementSubstraitPlan": _PLAN,
    "CommandStatementUpdate": _QUERY,
    "DoPutPreparedStatementResult": _HANDLE,
    "SubstraitPlan": {1: ("plan", _BYTES), 2: ("version", _STRING)},
    "TicketStatementQuery": {1: ("statement_handle", _BYTES)},
}

_REPEATED = {("CommandGetSqlInfo", "info"), ("CommandGetTables", "table_types")}


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="stock_flight_sql.proto", package=PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for number, (field, kind) in fields.items():
            label = _Field.LABEL_REPEATED if (name, field) in _REPEATED else _Field.LABEL_OPTIONAL
            described.field.add(number=number, name=field, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL = _pool()


def message(name: str, **fields: object) -> Any:
    """A message of FlightSql.proto."""
    described = _POOL.FindMessageTypeByName(f"{PACKAGE}.{name}")
    return message_factory.GetMessageClass(described)(**fields)


def packed(name: str, **fields: object) -> bytes:
    """A message as commands and actions carry it: in a `google.protobuf.Any`."""
    envelope = any_pb2.Any()
    envelope.Pack(message(name, **fields))
    return bytes(envelope.SerializeToString())


def unpacked(name: str, envelope: bytes) -> Any:
    """The message out of a `google.protobuf.Any`, which has to be of that name."""
    opened, content = any_pb2.Any.FromString(envelope), message(name)
    assert opened.Unpack(content), f"{opened.type_url} is not {name}"
    return content


def descriptor(name: str, **fields: object) -> flight.FlightDescriptor:
    """A descriptor whose command is the message."""
    return flight.FlightDescriptor.for_command(packed(name, **fields))


def read(client: flight.FlightClient, asked: flight.FlightDescriptor) -> pa.Table:
    """The whole result; its schema has to be the one that FlightInfo has announced."""
    info = client.get_flight_info(asked)
    [endpoint] = info.endpoints
    table = client.do_get(endpoint.ticket).read_all()
    assert table.schema.equals(info.schema, check_metadata=True)
    return table


def command(client: flight.FlightClient, name: str, **fields: object) -> pa.Table:
    """The whole result of a command."""
    return read(client, descriptor(name, **fields))


def prepare(client: flight.FlightClient, query: str, transaction_id: bytes = b"") -> Any:
    """The answer to CreatePreparedStatement."""
    request = packed("ActionCreatePreparedStatementRequest", query=query, transaction_id=transaction_id)
    [result] = list(client.do_action(("CreatePreparedStatement", request)))
    return unpacked("ActionCreatePreparedStatementResult", result.body.to_pybytes())


def bind(client: flight.FlightClient, handle: bytes, row: pa.RecordBatch) -> bytes:
    """Bind a row of parameters; gives the handle to go on with."""
    asked = descriptor("CommandPreparedStatementQuery", prepared_statement_handle=handle)
    writer, reader = client.do_put(asked, row.schema)
    with writer:
        writer.write_batch(row)
        writer.done_writing()
        answer = message("DoPutPreparedStatementResult")
        answer.ParseFromString(reader.read().to_pybytes())
    return bytes(answer.prepared_statement_handle)


def run_bound(client: flight.FlightClient, handle: bytes, row: pa.RecordBatch) -> pa.Table:
    """Bind a row of parameters and read the whole result."""
    return command(
        client, "CommandPreparedStatementQuery", prepared_statement_handle=bind(client, handle, row)
    )


def put(
    client: flight.FlightClient,
    asked: flight.FlightDescriptor,
    batch: pa.RecordBatch,
    options: flight.FlightCallOptions = None,
) -> None:
    """Send a batch to a command."""
    writer, reader = client.do_put(asked, batch.schema, options)
    with writer:
        writer.write_batch(batch)
        writer.done_writing()
        reader.read()


def close(client: flight.FlightClient, handle: bytes) -> None:
    """Close a prepared statement."""
    body = packed("ActionClosePreparedStatementRequest", prepared_statement_handle=handle)
    list(client.do_action(("ClosePreparedStatement", body)))
