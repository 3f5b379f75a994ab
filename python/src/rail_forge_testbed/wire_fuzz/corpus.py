"""Valid messages of every call, which are then changed: commands, actions, statements, and handles.

Handles are signed by the server's key, which is fixed, for principals of fixed names: the same seed has the
same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .protobuf import Field, Fields, encode, integer, nested, packed, text

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of FlightDescriptor.
PATH, COMMAND = 1, 2
# In the server's configuration.
STORED_QUERY = """
[[query]]
name = "found"
sql = "SELECT * FROM s WHERE id = ANY (:ids) OR t = :t ORDER BY id"
parameters = [{ name = "ids", type = "int4[]" }, { name = "t", type = "text", default = "x" }]
"""
STATEMENTS = (
    "SELECT 1",
    "SELECT count(*) FROM s",
    "SELECT * FROM s ORDER BY id",
    "SELECT id % 3 AS k, count(*), max(t) FROM n WHERE t > 'a' GROUP BY 1 ORDER BY 1",
    "SELECT a.id, b.t FROM s AS a JOIN n AS b USING (id) LIMIT 3",
    "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 9) SELECT sum(x) FROM r",
    "SELECT jsonb_build_object('a', ARRAY[1, 2]) ->> 'a', now(), '1 day'::interval, 1.5::numeric(9, 2)",
    "SELECT row_number() OVER (PARTITION BY id % 2 ORDER BY t) FROM s",
    "EXPLAIN SELECT * FROM s",
    "SELECT * FROM n AS a, n AS b, n AS c",
    "EXECUTE found(t => E'\\x61', ids => ARRAY[1, -2, NULL])",
)
# What is done with parameters, of whatever type.
BOUND = (
    "SELECT $1",
    "SELECT $1, $2, $3, $4",
    "SELECT $1::text",
    "SELECT $1 + 1",
    "SELECT $1 || 'x'",
    "SELECT -$1::float8, abs($1)",
    "SELECT $1 = $1, $1 < $1, $1 IS NULL",
    "SELECT ARRAY[$1]",
    "SELECT ($1::text[])[1], $2 = ANY($1)",
    "SELECT * FROM s WHERE id = $1",
    "SELECT * FROM s WHERE t LIKE $1 ORDER BY id",
    "SELECT * FROM s WHERE id = ANY($1)",
    "SELECT * FROM s ORDER BY id LIMIT $1",
    "SELECT * FROM s ORDER BY id OFFSET $1",
    "SELECT max($1), count(DISTINCT $1) FROM s",
    "SELECT sum($1::numeric) FROM s",
    "SELECT $1 AS x FROM s GROUP BY 1 ORDER BY 1",
    "SELECT date_trunc('day', $1::timestamptz), extract(epoch FROM $1)",
    "SELECT $1::numeric(10, 2), round($1, 2)",
    "SELECT $1::jsonb, $2::bytea, encode($2, 'hex')",
    "SELECT $1::timestamptz, $2::interval, $3::date, $4::time",
    "SELECT coalesce($1, $2), CASE WHEN $3 THEN 1 ELSE 2 END",
    "SELECT length($1::text), repeat($1, 2), substr($1, 1, 1)",
    "EXECUTE found($1, $2)",
)


def _plan() -> Fields:
    """A Substrait plan: `SELECT id, t FROM s WHERE id = 1 ORDER BY id`."""
    column = nested(2, nested(1, nested(2)), nested(4))
    one = nested(1, integer(7, 1))
    equal = nested(3, *(nested(4, nested(3, operand)) for operand in (column, one)))
    read = nested(1, nested(2, text(1, "id"), text(1, "t")), nested(7, text(1, "s")))
    filtered = nested(2, nested(2, read), nested(3, equal))
    in_order = nested(5, nested(2, filtered), nested(3, nested(1, column), integer(2, 2)))
    root = nested(2, nested(1, in_order), text(2, "id"), text(2, "t"))
    return (nested(2, nested(3, text(3, "equal"))), nested(3, root))


PLAN = _plan()
COMMANDS: tuple[Fields, ...] = (
    *(packed("CommandStatementQuery", text(1, sql)) for sql in STATEMENTS),
    packed("CommandStatementQuery", text(1, "SELECT 1"), text(2, "rail-forge: read committed")),
    packed("CommandGetCatalogs"),
    packed("CommandGetDbSchemas", text(1, "shop"), text(2, "pub%")),
    packed("CommandGetTables", text(1, "shop"), text(2, "%"), text(3, "s"), text(4, "TABLE"), integer(5, 1)),
    packed("CommandGetTables", text(3, "_%\\_"), integer(5, 1)),
    packed("CommandGetTableTypes"),
    packed("CommandGetSqlInfo", integer(1, 0), integer(1, 8), integer(1, 500)),
    packed("CommandGetSqlInfo", text(1, bytes(range(100)))),
    packed("CommandGetXdbcTypeInfo", integer(1, 4)),
    packed("CommandGetPrimaryKeys", text(1, "shop"), text(2, "public"), text(3, "s")),
    packed("CommandGetExportedKeys", text(3, "s")),
    packed("CommandGetImportedKeys", text(3, "n")),
    packed("CommandGetCrossReference", text(3, "s"), text(4, "shop"), text(5, "public"), text(6, "n")),
    packed("CommandStatementUpdate", text(1, "DELETE FROM s")),
    packed("CommandStatementSubstraitPlan", nested(1, nested(1, *PLAN), text(2, "0.85.0"))),
    packed(
        "CommandStatementIngest", nested(1, integer(1, 1), integer(2, 1)), text(2, "x"), text(3, "public")
    ),
)
# Of these actions the body is JSON, or a message of Flight.proto without its Any.
ACTIONS: Mapping[str, tuple[Fields | bytes, ...]] = {
    "CreatePreparedStatement": tuple(
        packed("ActionCreatePreparedStatementRequest", text(1, sql), text(2, ""))
        for sql in (*STATEMENTS, *BOUND)
    ),
    "ClosePreparedStatement": (packed("ActionClosePreparedStatementRequest", text(1, b"handle")),),
    "BeginTransaction": (packed("ActionBeginTransactionRequest"),),
    "EndTransaction": (
        packed("ActionEndTransactionRequest", text(1, "rail-forge: read committed"), integer(2, 1)),
    ),
    "BeginSavepoint": (packed("ActionBeginSavepointRequest", text(1, b"id"), text(2, "name")),),
    "EndSavepoint": (packed("ActionEndSavepointRequest", text(1, b"id"), integer(2, 1)),),
    "CreatePreparedSubstraitPlan": (
        packed("ActionCreatePreparedSubstraitPlanRequest", nested(1, nested(1, *PLAN))),
    ),
    "CancelQuery": (packed("ActionCancelQueryRequest", text(1, b"info")),),
    "CancelFlightInfo": ((nested(1, nested(3, nested(1, text(1, b"ticket")))),),),
    "RenewFlightEndpoint": ((nested(1, nested(1, text(1, b"ticket")), text(4, b"")),),),
    "SetSessionOptions": (
        (
            nested(1, text(1, "schema"), nested(2, text(1, "public"))),
            nested(1, text(1, "timezone"), nested(2, text(1, "Europe/Berlin"))),
            nested(1, text(1, "catalog"), nested(2, nested(5, text(1, "shop")))),
        ),
    ),
    "GetSessionOptions": ((),),
    "CloseSession": ((),),
    "rail_forge.status": (b"",),
    "rail_forge.queries": (b"",),
    "rail_forge.refresh": (b'{"tables": ["shop.public.nothing"]}', b'{"tables": ["s"]}'),
    "make_coffee": (b"",),
}
RPCS = (
    *(
        "GetFlightInfo",
        "GetSchema",
        "PollFlightInfo",
        "DoGet",
        "DoPut",
        "DoAction",
        "ListFlights",
        "ListActions",
    ),
    *("DoExchange", "Handshake"),
)


@dataclass(frozen=True)
class Handles:
    """What the server has signed: tickets, open statements and those with parameters, by whose they are."""

    tickets: tuple[bytes, ...]
    prepared: tuple[bytes, ...]
    foreign: tuple[bytes, ...]


def descriptor(command: Fields | bytes) -> bytes:
    """A FlightDescriptor with a command."""
    content = command if isinstance(command, bytes) else encode(command)
    return encode((integer(1, COMMAND), text(2, content)))


def path(*names: str) -> bytes:
    """A FlightDescriptor of a table."""
    return encode((integer(1, PATH), *(text(3, name) for name in names)))


def ticket(command: Fields | bytes) -> bytes:
    """A Ticket."""
    return encode((text(1, command if isinstance(command, bytes) else encode(command)),))


def action(name: str, body: Fields | bytes) -> bytes:
    """An Action."""
    return encode((text(1, name), text(2, body if isinstance(body, bytes) else encode(body))))


def of_ticket(handle: bytes) -> Fields:
    """The command of a ticket."""
    return packed("TicketStatementQuery", text(1, handle))


def of_prepared(handle: bytes) -> Fields:
    """The command of an open statement."""
    return packed("CommandPreparedStatementQuery", text(1, handle))


def flight_data(header: bytes, body: bytes, command: Fields | None = None) -> bytes:
    """A FlightData; the first of a DoPut has a command."""
    asked: tuple[Field, ...] = () if command is None else (text(1, descriptor(command)),)
    return encode((*asked, text(2, header), text(1000, body)))


def handshake(user: str, password: str) -> bytes:
    """A HandshakeRequest of the older way."""
    return encode((text(2, encode((text(2, user), text(3, password)))),))
