"""Random statements of fixed seeds (`rail_forge_testbed.fuzz`), which RailForge answers as PostgreSQL does.

`make fuzz` asks others, for as long as one wants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rail_forge_testbed.fuzz.compare import Engines
from rail_forge_testbed.fuzz.rounds import Count, play

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase

# Some seconds each.
SEEDS = range(26)
STATEMENTS = 400
# What the grammar makes is seldom refused by PostgreSQL itself.
LEAST_ANSWERED = 0.8


@pytest.fixture(scope="module")
def engines(new_database: NewDatabase) -> Iterator[Engines]:
    with Engines(new_database()) as both:
        yield both


@pytest.mark.parametrize("seed", SEEDS)
def test_random_statements_are_answered_as_by_postgresql(seed: int, engines: Engines) -> None:
    count = Count()
    found = next(play(engines, str(seed), count, statements=STATEMENTS), None)
    assert found is None, str(found)
    assert count.asked == STATEMENTS
    assert count.answered >= LEAST_ANSWERED * STATEMENTS
