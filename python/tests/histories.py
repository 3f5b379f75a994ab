"""Histories of tables: statements, a refresh after each, and what was read and is served then.

All histories of a file run side by side on one server, each in a schema of its own: a step of each, one
refresh, the next step. That is many times faster than a server for each, and a refresh of many tables in all
kinds of states is what servers do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from configuration import configuration, source
from conftest import NO_REFRESH
from mirror import Mirror, Refreshed, files, mirror

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# So many histories are refreshed together: few enough that no message about progress is left out.
TOGETHER = 8

Step = tuple[str | list[str], dict[str, int] | None]


@dataclass(frozen=True)
class History:
    """How tables are refreshed and begin, then steps: statements and what is read of each table after them.

    None stands for rows that are read in a number that does not matter.
    """

    refresh: str
    begin: Sequence[str]
    steps: Sequence[Step]


@dataclass
class _Running:
    schema: str
    history: History
    problems: list[str] = field(default_factory=list)

    def step(self, number: int) -> Step:
        """The statements of a step, of which the first are those of the beginning."""
        return self.history.steps[number - 1] if number else (list(self.history.begin), None)


def problems(
    histories: Mapping[str, History], url: str, folder: Path, *, must_stay: bool, sort_by: str | None = None
) -> dict[str, list[str]]:
    """What has gone wrong in each history, in words.

    `must_stay`: at the end, a refresh without a change may not touch version and files of a table.
    `sort_by`: the columns that all tables are sorted by, as the configuration has them.
    """
    running = {
        name: _Running(f"h{number}", history) for number, (name, history) in enumerate(histories.items())
    }
    schemas = ", ".join(f'"{each.schema}"' for each in running.values())
    settings = {f"{each.schema}.*": each.history.refresh for each in running.values()}
    lines = [] if sort_by is None else [f"sort_by = {sort_by}"]
    tables = source(url, None, f"schemas = [{schemas}]", tables=settings, of_each_table=lines)
    file = configuration(folder, tables)
    with RailForgeServer({}, arguments=[*file, *NO_REFRESH]) as server:
        play = _Play(server, url, list(running.values()))
        play.all_steps()
        if must_stay:
            play.one_more_refresh()
    return {name: each.problems for name, each in running.items()}


@dataclass
class _Play:
    server: RailForgeServer
    url: str
    running: Sequence[_Running]

    def all_steps(self) -> None:
        with mirror(self.server, self.url) as both:
            both.run(*(f"CREATE SCHEMA {each.schema}" for each in self.running))
        for number in range(1 + max(len(each.history.steps) for each in self.running)):
            going_on = iter(
                [each for each in self.running if number <= len(each.history.steps) and not each.problems]
            )
            while some := list(islice(going_on, TOGETHER)):
                with mirror(self.server, self.url) as both:
                    for each in some:
                        statements, _ = each.step(number)
                        texts = [statements] if isinstance(statements, str) else statements
                        both.run(f"SET search_path = {each.schema}", *texts)
                    both.run("RESET search_path")
                    refreshed = self._refresh(both, some)
                with mirror(self.server, self.url) as both:
                    for each in some:
                        if not each.problems:
                            _check(both, each, number, refreshed)

    def _refresh(self, both: Mirror, some: Sequence[_Running]) -> Refreshed | None:
        tables = [table for each in some for table in both.tables(each.schema)]
        try:
            return both.try_refresh(*tables)
        except rail_forge.Error as error:
            failure = repr(error)
        # Whose fault it is; a server that has failed is not asked again.
        self.server.kill()
        self.server.start()
        if len(some) == 1:
            some[0].problems.append(failure)
            return None
        for each in some:
            with mirror(self.server, self.url) as again:
                self._refresh(again, [each])
        return None

    def one_more_refresh(self) -> None:
        """Nothing has changed since the last."""
        good = iter([each for each in self.running if not each.problems])
        while some := list(islice(good, TOGETHER)):
            with mirror(self.server, self.url) as both:
                tables = {table: each for each in some for table in both.tables(each.schema)}
                before = both.entries()
                both.refresh(*tables)
                after = both.entries()
            for table, each in tables.items():
                old, new = before[table], after[table]
                if (old["version"], files(old)) != (new["version"], files(new)):
                    each.problems.append(f"{table}: written again, though nothing has changed")


def _check(both: Mirror, each: _Running, number: int, refreshed: Refreshed | None) -> None:
    statements, read = each.step(number)
    step = f"step {number}, {statements!r}"
    if refreshed is not None:
        of_it = f"{each.schema}."
        each.problems += [
            f"{step}: {error}" for table, error in refreshed.errors.items() if table.startswith(of_it)
        ]
        got = {
            table.removeprefix(of_it): rows
            for table, rows in refreshed.read.items()
            if table.startswith(of_it)
        }
        if read is not None and got != read:
            each.problems.append(f"{step}: read {got} instead of {read}")
    tables = both.tables(each.schema)
    if number and tables:
        is_last = number == len(each.history.steps)
        found = both.differences(*tables) if is_last else both.different_rows(*tables)
        each.problems += [f"{step}: {words}" for words in found]
