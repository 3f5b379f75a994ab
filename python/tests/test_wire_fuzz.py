"""Random messages of a fixed seed (`rail_forge_testbed.wire_fuzz`): each has an answer, and so have others.

`make fuzz-wire` sends others, for as long as one wants. What it has found stays here, as calls of their own.
"""

from __future__ import annotations

import os
import struct
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from waiting import Late, unless_late

from rail_forge_testbed.wire_fuzz import arrow, corpus
from rail_forge_testbed.wire_fuzz.calls import Calls
from rail_forge_testbed.wire_fuzz.message import Call
from rail_forge_testbed.wire_fuzz.protobuf import encode, packed, text
from rail_forge_testbed.wire_fuzz.rounds import Count, play
from rail_forge_testbed.wire_fuzz.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import NewDatabase

SEED = 5
SECONDS = float(os.environ.get("WIRE_FUZZ_SECONDS", "120"))
# Far fewer than there are on a busy machine.
LEAST_CALLS_A_SECOND = 5
MIB = 1 << 20


@pytest.fixture(scope="module")
def target(new_database: NewDatabase) -> Iterator[Target]:
    with Target(new_database(), SEED) as started:
        yield started


def is_withstood(target: Target, call: Call) -> None:
    """Nothing is wrong with what comes of a call; slow is what is so on a server that does nothing else."""

    def checked() -> None:
        found = target.check(call, patient=True)
        if found is not None and found.kind == "slow":
            raise Late(found.words)
        assert found is None

    unless_late(checked, before_another=target.restart)


def bound(target: Target, parts: list[arrow.Part], sql: str = corpus.BOUND[0]) -> Call:
    """Parameters for a statement."""
    handle = target.handles.prepared[corpus.BOUND.index(sql)]
    command = corpus.of_prepared(handle)
    payloads = [corpus.flight_data(*part, None if index else command) for index, part in enumerate(parts)]
    return Call("DoPut", tuple(payloads), is_bind=True)


def with_number(content: bytes, before: int, after: int) -> bytes:
    """Metadata in which a number of eight bytes is another where it stands first."""
    old, new = (number.to_bytes(8, "little", signed=True) for number in (before, after))
    assert old in content
    return content.replace(old, new, 1)


def parameters(**columns: pa.Array) -> list[arrow.Part]:
    return arrow.stream(list(columns.values()))


def beyond_the_body() -> list[arrow.Part]:
    [schema, (header, body)] = parameters(a=pa.array(["x" * 1000]))
    return [schema, (with_number(header, 1000, 1 << 40), body)]


def before_the_body() -> list[arrow.Part]:
    [schema, (header, body)] = parameters(a=pa.array(["x" * 1000]))
    return [schema, (with_number(header, 1000, -8), body)]


def the_same_bytes_in_every_column() -> list[arrow.Part]:
    """Each column says that it is the whole body, from its second byte on, so that it has to be copied."""
    [schema, (header, _)] = arrow.stream([pa.array([number + (1 << 40)]) for number in range(2000)])
    numbers = list(struct.unpack(f"<{len(header) // 8}q", header))
    changed = 0
    for place in range(len(numbers) - 1):
        if numbers[place : place + 2] == [8 * changed, 8]:
            numbers[place : place + 2] = [1, 3 * MIB]
            changed += 1
    assert changed == 2000
    header = struct.pack(f"<{len(numbers)}q", *numbers)
    return [schema, (header, bytes(3 * MIB + 8))]


FOUND: dict[str, Callable[[], list[arrow.Part]]] = {
    "a buffer that ends beyond the body": beyond_the_body,
    "a buffer of a negative length": before_the_body,
    "a schema of a hundred million fields in a few kilobytes": lambda: [
        (arrow.shared_fields(100, 4, 100), b""),
        *parameters(a=pa.array([1]))[1:],
    ],
    "a schema of gigabytes of names": lambda: [(arrow.shared_fields(10_000, 1, 200_000), b"")],
    "the same bytes in every column": the_same_bytes_in_every_column,
    "types within types": lambda: [(arrow.shared_fields(1, 1_000, 1), b"")],
    "no schema": lambda: parameters(a=pa.array([1]))[1:],
}


@pytest.mark.parametrize("what", FOUND)
def test_parameters_that_were_found_to_do_harm(what: str, target: Target) -> None:
    call = bound(target, FOUND[what]())
    is_withstood(target, call)
    assert target.answer(call).code == "INVALID_ARGUMENT"


def test_lists_of_any_form_are_parameters(target: Target) -> None:
    """An element of a list of views was an error of the server."""
    for kind in (pa.list_(pa.string()), pa.large_list(pa.string_view()), pa.list_(pa.large_string(), 1)):
        parts = parameters(a=pa.array([["x"]], kind), b=pa.array(["x"]))
        call = bound(target, parts, "SELECT ($1::text[])[1], $2 = ANY($1)")
        assert target.answer(call).code == "OK", kind
        is_withstood(target, call)


def test_messages_without_an_end_are_refused(target: Target) -> None:
    [first, batch] = parameters(a=pa.array([1]))
    for payload in (
        corpus.flight_data(b"", b""),
        corpus.flight_data(b"", b"") + text_of_metadata(MIB),
    ):
        call = bound(target, [first, batch])
        endless = Call("DoPut", (*call.payloads, *[payload] * 30_000), seconds=20.0)
        answer = target.answer(endless)
        assert answer.code == "RESOURCE_EXHAUSTED", answer
        is_withstood(target, call)


def text_of_metadata(size: int) -> bytes:
    """FlightData's app_metadata."""
    return encode((text(3, b"x" * size),))


WRONG = {
    "a command that is none": corpus.descriptor(packed("CommandGetTables", text(2, b"\xff"))),
    "a pattern that is too long": corpus.ticket(packed("CommandGetTables", text(3, "_" * 300_000))),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_a_client_did_wrong_is_no_error_of_the_server(what: str, target: Target) -> None:
    rpc = "DoGet" if "pattern" in what else "GetFlightInfo"
    assert target.answer(Call(rpc, (WRONG[what],))).code == "INVALID_ARGUMENT"


def test_random_messages_are_answered(target: Target) -> None:
    count = Count()
    found = next(play(target, SEED, count, end=time.monotonic() + SECONDS), None)
    assert found is None, str(found)
    assert count.sent > SECONDS * LEAST_CALLS_A_SECOND
    assert target.canary() is None


def test_a_call_is_made_of_its_seed_and_number_and_can_be_written_down(target: Target) -> None:
    for number in range(300):
        call = Calls(SEED, target.handles).make(number)
        assert Calls(SEED, target.handles).make(number) == call == Call.from_json(call.to_json())
