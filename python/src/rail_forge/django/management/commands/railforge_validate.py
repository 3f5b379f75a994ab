"""`manage.py railforge_validate`: whether querysets give what they give on PostgreSQL, and how fast."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, models
from django.utils.module_loading import import_string

from rail_forge.django.management.databases import add_database, railforge

if TYPE_CHECKING:
    from argparse import ArgumentParser

# Computed decimals have so many digits in common at least, and sums of floating-point numbers so exact a
# value.
_TOLERANCE = 1e-9
_SHOWN_CHARACTERS = 200


class Command(BaseCommand):
    """Runs querysets on both databases, compares every row, and prints a table of times."""

    help = (
        "Runs querysets on RailForge and on its primary, compares their rows and times them. Each name is the"
        " path of a queryset, of a list or mapping of querysets, or of a function that returns one of these."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("paths", nargs="+", help="such as shop.reports.REPORTS")
        parser.add_argument("--iterations", type=int, default=3, help="how often each is timed (3)")
        parser.add_argument("--warmup", type=int, default=1, help="how often each runs before (1)")
        add_database(parser)

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Run, print, and fail when a queryset differs."""
        if options["iterations"] < 1 or options["warmup"] < 0:
            raise CommandError("--iterations is 1 at least, and --warmup 0")
        connection = railforge(options["database"])
        aliases = (connection.primary or "default", connection.alias)
        querysets = {
            name: queryset for path in options["paths"] for name, queryset in _querysets(path).items()
        }
        width = max(map(len, querysets), default=0)
        failed = []
        for name, queryset in querysets.items():
            difference, times = compared(queryset, aliases, options["iterations"], options["warmup"])
            if difference is not None:
                failed.append(name)
                self.stdout.write(self.style.ERROR(f"{name:{width}}  {difference}"))
                continue
            primary, railforge_ = (median(some) * 1_000 for some in times)
            faster = primary / railforge_ if railforge_ else math.inf
            taken = f"{aliases[0]} {primary:8.1f} ms  {aliases[1]} {railforge_:8.1f} ms"
            self.stdout.write(f"{name:{width}}  {taken}  {faster:5.1f} times")
        if failed:
            raise CommandError(f"{len(failed)} of {len(querysets)} differ: {', '.join(failed)}")
        self.stdout.write(self.style.SUCCESS(f"all {len(querysets)} are the same"))


def _querysets(path: str) -> dict[str, models.QuerySet[Any]]:
    """Return what a path names, by names to print."""
    try:
        found = import_string(path)
    except ImportError as error:
        raise CommandError(f"{path}: {error}") from error
    return _named(path, found)


def _named(name: str, found: Any) -> dict[str, models.QuerySet[Any]]:
    if isinstance(found, models.QuerySet):
        return {name: found}
    if isinstance(found, models.Manager) or (callable(found) and not isinstance(found, type)):
        return _named(name, found.all() if isinstance(found, models.Manager) else found())
    if isinstance(found, Mapping):
        return {key: one for label, part in found.items() for key, one in _named(f"{label}", part).items()}
    if isinstance(found, Iterable) and not isinstance(found, (str, bytes)):
        numbered = enumerate(found, start=1)
        return {
            key: one for number, part in numbered for key, one in _named(f"{name}[{number}]", part).items()
        }
    raise CommandError(f"{name} is no queryset, and no list, mapping or function of querysets")


def compared(
    queryset: models.QuerySet[Any], aliases: tuple[str, str], iterations: int, warmup: int
) -> tuple[str | None, list[list[float]]]:
    """Return how the rows differ, None when they do not, and the times on each database, in seconds."""
    rows: list[list[Any]] = []
    times: list[list[float]] = []
    for alias in aliases:
        of_alias: list[float] = []
        evaluated: list[Any] = []
        try:
            for run in range(warmup + iterations):
                start = time.perf_counter()
                evaluated = list(queryset.using(alias))
                if run >= warmup:
                    of_alias.append(time.perf_counter() - start)
        except DatabaseError as error:
            return f"fails on {alias}: {error}", []
        rows.append([_plain(row) for row in evaluated])
        times.append(of_alias)
    return _difference(*rows, is_ordered=queryset.ordered), times


def _plain(value: Any) -> Any:
    """Return what of a row is compared: a model's fields, and a decimal's value without zeros at its end."""
    if isinstance(value, models.Model):
        value = {name: of_field for name, of_field in vars(value).items() if not name.startswith("_")}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.normalize() if isinstance(value, Decimal) else value


def _difference(wanted: list[Any], got: list[Any], *, is_ordered: bool) -> str | None:
    if len(wanted) != len(got):
        return f"{len(got)} rows instead of {len(wanted)}"
    if not is_ordered:
        wanted, got = sorted(wanted, key=repr), sorted(got, key=repr)
    for number, (one, other) in enumerate(zip(wanted, got, strict=True), start=1):
        if not _is_same(one, other):
            return f"row {number} is {_short(other)} instead of {_short(one)}"
    return None


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, (float, Decimal)) and isinstance(other, (float, Decimal)) and type(one) is type(other):
        both_nan = one != one and other != other  # noqa: PLR0124 - which is what NaN is
        return both_nan or one == other or math.isclose(one, other, rel_tol=_TOLERANCE)
    return type(one) is type(other) and bool(one == other)


def _short(row: Any) -> str:
    text = repr(row)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
