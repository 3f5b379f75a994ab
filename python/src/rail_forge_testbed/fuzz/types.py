"""Random expressions by the type of their result, over the columns that a scope offers.

Expressions of any type are columns, literals, calls and operators (`signatures/`), CASE, COALESCE and their
like, casts of NULL, and subqueries; conditions also compare two values of one type, or of two
kinds of number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from .open_differences import is_open
from .signatures import AGGREGATES, FAILING, SIGNATURES, WINDOWS, Signature
from .tables import TYPES, VALUES, Column, literal
from .tree import Node, clause, listed, node

if TYPE_CHECKING:
    import random

NUMBERS = ("int2", "int4", "int8", "numeric", "float8", "float4")
COMPARED = TYPES
# What sorts and groups in one way only: equal values are printed alike wherever they come from.
DETERMINED = tuple(name for name in TYPES if name not in ("float4", "float8", "interval", "bpchar"))
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
MOST_CASES = 2
# Types that have offsets for RANGE, with a small one and a larger one.
RANGES = {
    "int2": ("1", "2"),
    "int4": ("1", "5"),
    "numeric": ("0.5", "2"),
    "float8": ("0.5", "4"),
    "date": ("interval '1 day'", "interval '1 month'"),
    "timestamp": ("interval '1 hour'", "interval '1 year'"),
}


@dataclass(frozen=True)
class Scope:
    """What an expression can name."""

    columns: tuple[Column, ...]
    # Columns of the queries around this one.
    outer: tuple[Column, ...] = ()
    # Columns that tell the rows apart; none when nothing does.
    keys: tuple[Column, ...] = ()
    # What aggregates are over, in a query that groups.
    grouped: Scope | None = None
    # Whether a subquery may stand here.
    subqueries: bool = True


class Subqueries(Protocol):
    """Whoever makes queries."""

    def scalar(self, type_name: str, scope: Scope, depth: int) -> Node:
        """One value, in parentheses."""

    def condition(self, scope: Scope, depth: int) -> Node:
        """EXISTS, IN, ANY or ALL."""


def _by_result(signatures: list[Signature]) -> dict[str, list[Signature]]:
    found: dict[str, list[Signature]] = {}
    for signature in signatures:
        if not (
            is_open(signature.template) or is_open(f"{signature.template} {' '.join(signature.arguments)}")
        ):
            found.setdefault(signature.result, []).append(signature)
    return found


class Expressions:
    """Makes expressions."""

    _calls = _by_result(SIGNATURES)
    _failing = _by_result(FAILING)
    _aggregates = _by_result(AGGREGATES)
    _windows = _by_result(WINDOWS)

    def __init__(self, chance: random.Random, subqueries: Subqueries) -> None:
        self._chance = chance
        self._subqueries = subqueries
        # Whether an expression is computed for every row whatever the plan, and so may fail.
        self.is_plain = False
        self._is_tame = False
        self._may_fail = True

    def any_type(self) -> str:
        """A type, the common ones more often."""
        return self._chance.choice((*TYPES, "int4", "int4", "text", "text", "bool", "numeric", "date"))

    def make(self, type_name: str, scope: Scope, depth: int) -> Node:  # noqa: PLR0911 - a form each
        """An expression of this type."""
        luck = self._chance.random()
        if depth <= 0 or luck < 0.25:
            return self._leaf(type_name, scope)
        if self.is_plain:
            return self._call(type_name, scope, depth)
        if luck < 0.70:
            return (
                self._compared(scope, depth)
                if self._is_comparison(type_name)
                else self._call(type_name, scope, depth)
            )
        if luck < 0.88:
            return self._chosen(type_name, scope, depth)
        if luck < 0.95 and scope.subqueries:
            if type_name == "bool":
                return self._subqueries.condition(scope, depth - 1)
            return self._subqueries.scalar(type_name, scope, depth - 1)
        return self._leaf(type_name, scope)

    def condition(self, scope: Scope, depth: int) -> Node:
        """A condition that is true of some rows and not of others, more often than not."""
        if depth > 1 and self._chance.random() < 0.3:
            word = self._chance.choice(("AND", "OR"))
            parts = [self.condition(scope, depth - 1), self.condition(scope, depth - 1)]
            return node(f"({{}} {word} {{}})", *parts, kind="bool")
        return (
            self._compared(scope, depth) if self._chance.random() < 0.6 else self.make("bool", scope, depth)
        )

    def window(self, type_name: str, scope: Scope) -> Node | None:
        """A function over a window; none when nothing tells the rows apart, or none gives this type."""
        signatures = self._windows.get(type_name, []) + [
            each for each in self._aggregates.get(type_name, []) if _is_for_windows(each)
        ]
        if not scope.keys or not signatures:
            return None
        signature = self._chance.choice(signatures)
        call = self._filled(signature, scope, 1)
        is_aggregate = signature in self._aggregates.get(type_name, [])
        if is_aggregate and self._chance.random() < 0.2:
            call = node("{}{}", call, self._filter(replace(scope, subqueries=False)))
        if is_aggregate and self._chance.random() < 0.2 and (ranged := self._ranged(call, type_name, scope)):
            return ranged
        partition = [self._chance.choice(scope.columns)] if self._chance.random() < 0.6 else []
        by = [node(column.sql) for column in partition if column.type in DETERMINED or column.stored]
        words = clause("PARTITION BY {}", listed(by)) if by else ""
        order = self._chance.sample(scope.columns, k=min(len(scope.columns), self._chance.randint(0, 1)))
        keys = [node(f"{column.sql}{self.direction()}") for column in (*order, *scope.keys)]
        return node("{} OVER ({} ORDER BY {} {})", call, words, listed(keys), self._frame(), kind=type_name)

    def _ranged(self, call: Node, type_name: str, scope: Scope) -> Node | None:
        """An aggregate over the rows whose key is near; rows with the same key are in the same frames."""
        keys = [column for column in scope.columns if column.type in RANGES and not column.is_extreme]
        if not keys:
            return None
        key = self._chance.choice(keys)
        near, far = RANGES[key.type]
        frame = self._chance.choice(
            (
                f"{near} PRECEDING AND {far} FOLLOWING",
                f"{far} PRECEDING AND CURRENT ROW",
                f"UNBOUNDED PRECEDING AND {near} FOLLOWING",
                f"{near} FOLLOWING AND {far} FOLLOWING",
                f"{far} PRECEDING AND {near} PRECEDING",
            )
        )
        over = f"{{}} OVER (ORDER BY {key.sql}{self.direction()} RANGE BETWEEN {frame})"
        return node(over, call, kind=type_name)

    def direction(self) -> str:
        """How a column is sorted."""
        return self._chance.choice(("", "", " DESC", " ASC")) + self._chance.choice(
            ("", "", " NULLS FIRST", " NULLS LAST")
        )

    def _frame(self) -> Node | str:
        unit = self._chance.choice(("ROWS", "ROWS", "RANGE", "GROUPS"))
        starts = ["UNBOUNDED PRECEDING", "CURRENT ROW"]
        ends = ["CURRENT ROW", "UNBOUNDED FOLLOWING"]
        if unit != "RANGE":
            starts += ["1 PRECEDING", "2 PRECEDING"]
            ends += ["1 FOLLOWING", "2 FOLLOWING"]
            if self._chance.random() < 0.2:
                starts, ends = ["1 FOLLOWING", "0 FOLLOWING"], ["2 FOLLOWING", "UNBOUNDED FOLLOWING"]
            elif self._chance.random() < 0.2:
                starts, ends = ["2 PRECEDING", "UNBOUNDED PRECEDING"], ["1 PRECEDING", "0 PRECEDING"]
            elif self._chance.random() < 0.1:
                return clause(f"{unit} {self._chance.choice(starts)}")
        frame = f"{unit} BETWEEN {self._chance.choice(starts)} AND {self._chance.choice(ends)}"
        return clause(frame) if self._chance.random() < 0.6 else ""

    def _is_comparison(self, type_name: str) -> bool:
        return type_name == "bool" and self._chance.random() < 0.5

    def _leaf(self, type_name: str, scope: Scope) -> Node:
        if scope.grouped is not None and self._chance.random() < 0.6 and type_name in self._aggregates:
            return self.aggregate(type_name, scope.grouped)

        # What is computed of numerics has fewer digits here than PostgreSQL has.
        is_tame = self._is_tame or (self.is_plain and type_name == "numeric")

        def usable(columns: tuple[Column, ...]) -> list[Column]:
            return [
                column
                for column in columns
                if column.type == type_name and not (is_tame and column.is_extreme)
            ]

        luck = self._chance.random()
        if luck < 0.15 and (outer := usable(scope.outer)):
            return node("{}", self._chance.choice(outer).sql, kind=type_name)
        if luck < 0.75 and (columns := usable(scope.columns)):
            return node("{}", self._chance.choice(columns).sql, kind=type_name)
        if self._chance.random() < 0.1:
            return node(f"NULL::{type_name}", kind=type_name)
        values = VALUES[type_name]
        texts = values.ordinary + (values.extreme if not is_tame else ())
        text = self._chance.choice(texts)
        if type_name == "text" and self._chance.random() < 0.5:
            return node(f"'{text}'", kind=type_name)
        return node("{}", literal(type_name, text), kind=type_name)

    def has_aggregate(self, type_name: str) -> bool:
        """Whether there is an aggregate of this type."""
        return type_name in self._aggregates

    def aggregate(self, type_name: str, scope: Scope) -> Node:
        """An aggregate over what the scope offers."""
        call = self._filled(self._chance.choice(self._aggregates[type_name]), scope, 1)
        if self._chance.random() < 0.25:
            return node("{}{}", call, self._filter(scope), kind=type_name)
        return call

    def _filter(self, scope: Scope) -> Node:
        return clause(" FILTER (WHERE {})", self._compared(scope, self._chance.choice((1, 1, 2))))

    def call(self, type_name: str, scope: Scope) -> Node:
        """A function or an operator of columns and constants."""
        return self._call(type_name, replace(scope, subqueries=False), 1)

    def _call(self, type_name: str, scope: Scope, depth: int) -> Node:
        signatures = self._calls.get(type_name, [])
        if self.is_plain:
            signatures = signatures + self._failing.get(type_name, [])
        elif not self._may_fail:
            signatures = [each for each in signatures if not each.may_fail]
        if not signatures:
            return self._leaf(type_name, scope)
        return self._filled(self._chance.choice(signatures), scope, depth)

    def _filled(self, signature: Signature, scope: Scope, depth: int) -> Node:
        was_tame, was_plain, might_fail = self._is_tame, self.is_plain, self._may_fail
        if not self.is_plain:
            self._is_tame = self._is_tame or signature.may_fail or signature.template.startswith("sum")
        if signature.is_limited:
            self._is_tame = True
        # What AND, OR and CASE leave out is up to the plan.
        if signature.result == "bool":
            self._may_fail = self._may_fail and not self.is_plain
            self.is_plain = False
            self._is_tame = True
        below = depth - 2 if signature.may_fail and not self.is_plain else depth - 1
        if signature.is_limited:
            below = 0
        children = [self.make(each, scope, below) for each in signature.arguments]
        self._is_tame, self.is_plain, self._may_fail = was_tame, was_plain, might_fail
        if "{0}" in signature.template:
            times = signature.template.count("{0}")
            return node(signature.template.replace("{0}", "{}"), *children * times, kind=signature.result)
        return node(signature.template, *children, kind=signature.result)

    def _compared(self, scope: Scope, depth: int) -> Node:
        columns = [column for column in scope.columns if column.type in COMPARED]
        type_name = self._chance.choice(columns).type if columns else self._chance.choice(COMPARED)
        left = self.make(type_name, scope, depth - 1)
        form = self._chance.randrange(8)
        if form == 0:
            return node(f"({{}} IS {self._chance.choice(('', 'NOT '))}NULL)", left, kind="bool")
        if form == 1:
            items = [self.make(type_name, scope, depth - 2) for _ in range(self._chance.randint(1, 3))]
            word = self._chance.choice(("IN", "NOT IN"))
            return node(f"({{}} {word} ({{}}))", left, listed(items), kind="bool")
        other = type_name
        if type_name in NUMBERS and self._chance.random() < 0.4:
            other = self._chance.choice(NUMBERS)
        if type_name in ("date", "timestamp", "timestamptz") and self._chance.random() < 0.3:
            other = self._chance.choice(("date", "timestamp", "timestamptz"))
        if type_name in ("text", "varchar") and self._chance.random() < 0.3:
            other = self._chance.choice(("text", "varchar"))
        right = self.make(other, scope, depth - 1)
        if form == 2:
            high = self.make(type_name, scope, depth - 2)
            word = self._chance.choice(("BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC"))
            return node(f"({{}} {word} {{}} AND {{}})", left, right, high, kind="bool")
        if form == 3:
            word = self._chance.choice(("IS DISTINCT FROM", "IS NOT DISTINCT FROM"))
            return node(f"({{}} {word} {{}})", left, right, kind="bool")
        word = self._chance.choice(COMPARISONS)
        return node(f"({{}} {word} {{}})", left, right, kind="bool")

    def _chosen(self, type_name: str, scope: Scope, depth: int) -> Node:
        def value() -> Node:
            return self.make(type_name, scope, depth - 1)

        form = self._chance.randrange(6)
        if form == 0:
            return node("coalesce({})", listed([value(), value()]), kind=type_name)
        if form == 1 and type_name in COMPARED:
            return node("nullif({}, {})", value(), value(), kind=type_name)
        if form == 2 and type_name in DETERMINED:
            word = self._chance.choice(("greatest", "least"))
            return node(f"{word}({{}})", listed([value(), value(), value()]), kind=type_name)
        if form == 3:
            compared = self._chance.choice(DETERMINED)
            whens = [
                node("WHEN {} THEN {}", self.make(compared, scope, depth - 2), value())
                for _ in range(self._chance.randint(1, MOST_CASES))
            ]
            subject = self.make(compared, scope, depth - 2)
            return node("CASE {} {} ELSE {} END", subject, listed(whens, " "), value(), kind=type_name)
        whens = [
            node("WHEN {} THEN {}", self.condition(scope, depth - 1), value())
            for _ in range(self._chance.randint(1, MOST_CASES))
        ]
        otherwise = clause(" ELSE {}", value()) if self._chance.random() < 0.7 else ""
        return node("CASE {}{} END", listed(whens, " "), otherwise, kind=type_name)


def _is_for_windows(signature: Signature) -> bool:
    if is_open(f"window {signature.template} {' '.join(signature.arguments)}"):
        return False
    return not any(word in signature.template for word in ("DISTINCT", "ORDER BY"))
