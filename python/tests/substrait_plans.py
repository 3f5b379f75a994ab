"""Substrait plans as stock producers make them: DataFusion of SQL, ibis of its expressions, protobuf of all.

DataFusion gives functions its own names, without an extension, and its plans are optimized ones; ibis names
the functions of Substrait's extensions. Neither has seen a row of the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from datafusion import SessionConfig, SessionContext, substrait
from flight_sql_messages import descriptor, message, packed, unpacked
from google.protobuf import json_format
from ibis_substrait.compiler.core import SubstraitCompiler
from substrait.gen.proto.plan_pb2 import Plan

if TYPE_CHECKING:
    from ibis import Table
    from pyarrow import flight

# As PostgreSQL reads numbers with a point.
_CONFIG = {"datafusion.sql_parser.parse_float_as_decimal": "true"}


def datafusion(client: flight.FlightClient) -> SessionContext:
    """DataFusion with the tables that a server shows to a client, without their rows."""
    context = SessionContext(SessionConfig(_CONFIG))
    for info in client.list_flights():
        name = info.descriptor.path[-1].decode()
        none = pa.RecordBatch.from_pylist([], schema=info.schema.remove_metadata())
        context.register_record_batches(f'"{name}"', [[none]])
    return context


def plan_of_sql(context: SessionContext, sql: str) -> bytes:
    """The plan that DataFusion makes of a query."""
    return bytes(substrait.Serde.serialize_bytes(sql, context))


def plan_of_ibis(expression: Table) -> bytes:
    """The plan that ibis makes of an expression."""
    return bytes(SubstraitCompiler().compile(expression).SerializeToString())


def plan_of(**fields: object) -> bytes:
    """A plan of these fields, as protobuf writes them in JSON."""
    return bytes(json_format.ParseDict(fields, Plan()).SerializeToString())


def root(relation: dict[str, Any], *names: str) -> bytes:
    """A plan that is this relation, whose functions have the names of DataFusion's."""
    functions = ["equal", "and", "add", "upper"]
    extensions = [
        {"extensionFunction": {"functionAnchor": anchor, "name": name}}
        for anchor, name in enumerate(functions)
    ]
    return plan_of(relations=[{"root": {"input": relation, "names": names}}], extensions=extensions)


def read(table: str, *columns: str) -> dict[str, Any]:
    """The relation that reads a table."""
    return {"read": {"baseSchema": {"names": columns}, "namedTable": {"names": table.split(".")}}}


def field(number: int) -> dict[str, Any]:
    """A column of the input."""
    return {"selection": {"directReference": {"structField": {"field": number}}, "rootReference": {}}}


def literal(**value: object) -> dict[str, Any]:
    """A constant."""
    return {"literal": value}


def call(function: int, *arguments: dict[str, Any]) -> dict[str, Any]:
    """A call of one of the functions of `root`."""
    return {
        "scalarFunction": {
            "functionReference": function,
            "arguments": [{"value": argument} for argument in arguments],
        }
    }


def plan_message(plan: bytes, version: str = "") -> bytes:
    """The plan as Flight SQL's messages carry it."""
    return bytes(message("SubstraitPlan", plan=plan, version=version).SerializeToString())


def plan_descriptor(plan: bytes, version: str = "") -> flight.FlightDescriptor:
    """A descriptor whose command is the plan."""
    return descriptor("CommandStatementSubstraitPlan", plan=plan_message(plan, version))


def prepare_plan(client: flight.FlightClient, plan: bytes) -> Any:
    """The answer to CreatePreparedSubstraitPlan."""
    request = packed("ActionCreatePreparedSubstraitPlanRequest", plan=plan_message(plan))
    [result] = list(client.do_action(("CreatePreparedSubstraitPlan", request)))
    return unpacked("ActionCreatePreparedStatementResult", result.body.to_pybytes())
