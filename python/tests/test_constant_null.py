"""What stands beside a constant NULL is computed where PostgreSQL computes it, and has its error there.

PostgreSQL computes constants while it plans, but not those that settings have a say in (`STABLE` functions);
beside a NULL that it knows by then, no other argument of a function is computed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rail_forge_testbed.fuzz.compare import Engines
from rail_forge_testbed.fuzz.signatures import FAILING, SIGNATURES, Signature
from rail_forge_testbed.fuzz.tables import VALUES, Column, Table, literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conftest import NewDatabase

WORDS = Table(
    "words",
    (Column("word", "text"),),
    2,
    ("CREATE TABLE words (word text)", "INSERT INTO words VALUES ('one'), ('two')"),
)
# Of each kind of function there are some.
LEAST_KNOWN = 300
LEAST_STABLE = 60


@pytest.fixture(scope="module")
def engines(new_database: NewDatabase) -> Iterator[Engines]:
    with Engines(new_database()) as both:
        both.create([WORDS])
        yield both


def asked(engines: Engines, statements: Iterable[tuple[str, bool]]) -> Counter[bool]:
    """How many statements PostgreSQL answers, and how many it refuses; RailForge does the same with each.

    With each comes whether an error of a value counts that one of the two alone has.
    """
    count: Counter[bool] = Counter()
    differences = []
    for sql, errors_count in statements:
        is_answered, found = engines.compare(sql, in_order=False, errors_count=errors_count)
        count[is_answered] += 1
        if found is not None:
            differences.append(f"{sql}\n  {found.words}")
    assert not differences, "\n".join(differences)
    return count


def of_constants(signature: Signature, place: int) -> str:
    """The call with an ordinary value for each argument."""
    values = [VALUES[each].ordinary for each in signature.arguments]
    arguments = [
        literal(each, texts[(place + number) % len(texts)])
        for number, (each, texts) in enumerate(zip(signature.arguments, values, strict=True))
    ]
    template = signature.template
    if "{0}" in template:
        return template.replace("{0}", arguments[0])
    for argument in arguments:
        template = template.replace("{}", argument, 1)
    return template


def test_errors_beside_a_null_of_constants_are_those_of_postgresql(engines: Engines) -> None:
    calls = (of_constants(signature, place) for place in range(2) for signature in (*SIGNATURES, *FAILING))
    # Where the call is computed while planning, so is the whole operand, and it is NULL.
    count = asked(
        engines,
        ((f"SELECT CASE WHEN ({call}) IS NULL THEN 1 END + word::int4 FROM words", True) for call in calls),
    )
    assert count[True] > LEAST_KNOWN
    assert count[False] > LEAST_STABLE


def word_as(type_name: str) -> str:
    """The word as a value of this type, which it is not unless that is a text."""
    element = type_name.removesuffix("[]")
    return f"word::{element}" if element == type_name else f"ARRAY[word::{element}]"


def beside_null(signature: Signature) -> Iterator[str]:
    """The calls with NULL for an argument and words for the others."""
    for null in range(len(signature.arguments)):
        call = signature.template
        for number, each in enumerate(signature.arguments):
            call = call.replace("{}", f"NULL::{each}" if number == null else word_as(each), 1)
        yield call


def test_strict_functions_of_a_constant_null_compute_nothing_else(engines: Engines) -> None:
    several = [each for each in (*SIGNATURES, *FAILING) if len(each.arguments) > 1]
    # What AND and OR leave out is up to the plan.
    count = asked(
        engines,
        (
            (f"SELECT {call} FROM words", signature.result != "bool")
            for signature in several
            for call in beside_null(signature)
        ),
    )
    assert count[True] > LEAST_KNOWN
    assert count[False] > LEAST_STABLE
