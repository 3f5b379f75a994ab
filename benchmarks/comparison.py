"""Measured numbers beside their references: medians, ratios, what is wanted of them, a table and JSON.

A number without a reference from the same run says more about the machine than about the program, so every
comparison that can have one has one. Nothing is averaged: one slow run of five moves no median.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Unit = Literal["s", "ms", "MB"]
HEADINGS = ("what", "measured", "reference", "measured", "ratio", "wanted", "holds")
# The columns of HEADINGS that hold text; the others hold numbers.
TEXT_COLUMNS = (0, 2, 6)
# Below that many seconds a third decimal says something.
THREE_DECIMALS_BELOW_S = 1.0


@dataclass(frozen=True)
class Series:
    """One quantity, measured once in every run."""

    name: str
    values: Sequence[float]
    unit: Unit = "s"

    @property
    def median(self) -> float:
        """The median of all runs."""
        return statistics.median(self.values)

    def printed(self) -> str:
        """The median with its unit."""
        if self.unit == "MB":
            return f"{self.median:,.0f} MB"
        if self.unit == "ms":
            return f"{self.median:.2f} ms"
        return f"{self.median:.{3 if self.median < THREE_DECIMALS_BELOW_S else 2}f} s"

    def as_json(self) -> dict[str, Any]:
        """The series for a machine."""
        return {"name": self.name, "unit": self.unit, "median": self.median, "runs": list(self.values)}


@dataclass(frozen=True)
class Wanted:
    """What the ratio to the reference should be, or, where `of` is `median`, the measured number itself."""

    operator: Literal["<", "<="]
    limit: float
    of: Literal["ratio", "median"] = "ratio"


@dataclass(frozen=True)
class Comparison:
    """One line of the table."""

    measured: Series
    reference: Series
    wanted: Wanted | None = None

    @property
    def ratio(self) -> float | None:
        """Median over median; None where the two are not of one kind, as a peak is not of its base.

        What is told in milliseconds is such a peak: it comes on top of its reference.
        """
        if self.measured.unit != "s" or self.reference.unit != "s":
            return None
        return self.measured.median / self.reference.median

    @property
    def holds(self) -> bool | None:
        """Whether it is as wanted; None when nothing is."""
        if self.wanted is None:
            return None
        number = self.ratio if self.wanted.of == "ratio" else self.measured.median
        if number is None:
            return None
        return number < self.wanted.limit or (self.wanted.operator == "<=" and number == self.wanted.limit)

    def cells(self) -> tuple[str, ...]:
        """The texts of the line, one for each of `HEADINGS`."""
        ratio = "" if self.ratio is None else f"{self.ratio:.3f}"
        reference = (self.reference.name, self.reference.printed())
        return (
            self.measured.name,
            self.measured.printed(),
            *reference,
            ratio,
            self._printed_wanted(),
            {None: "", True: "yes", False: "no"}[self.holds],
        )

    def as_json(self) -> dict[str, Any]:
        """The line for a machine, with every run."""
        return {
            "measured": self.measured.as_json(),
            "reference": self.reference.as_json(),
            "ratio": self.ratio,
            "wanted": self._printed_wanted() or None,
            "holds": self.holds,
        }

    def _printed_wanted(self) -> str:
        if self.wanted is None:
            return ""
        unit = f" {self.measured.unit}" if self.wanted.of == "median" else ""
        return f"{self.wanted.operator} {self.wanted.limit:g}{unit}"


def seconds_of(act: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def interleaved(runs: int, acts: Mapping[str, Callable[[], float]]) -> dict[str, Series]:
    """Do every act once, then every act again: what slows the machine for a while slows all of them.

    The order is turned round each time, because an act leaves something behind for the next one: bytes that
    the system has yet to write, caches that are warm or cold. An act gives the seconds that it took.
    """
    values: dict[str, list[float]] = {name: [] for name in acts}
    for run in range(runs):
        for name, act in list(acts.items())[:: -1 if run % 2 else 1]:
            gc.collect()
            values[name].append(act())
    return {name: Series(name, seconds) for name, seconds in values.items()}


def table(comparisons: Sequence[Comparison]) -> str:
    """The comparisons as text, a line for each."""
    rows = [HEADINGS, *(comparison.cells() for comparison in comparisons)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in TEXT_COLUMNS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
