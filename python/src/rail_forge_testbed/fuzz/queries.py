"""Random queries: joins, groups, windows, set operations, common tables, subqueries.

Every choice that SQL leaves to the engine is avoided: LIMIT stands only below an order that leaves nothing
open; windows and ordered aggregates have such an order too, and what is grouped, made distinct or
put together by a set operation has types whose equal values are printed alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .tables import VALUES, Column, Table
from .tree import QUERY, Node, clause, listed, node
from .types import COMPARED, DETERMINED, Expressions, Scope

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

NAME = re.compile(r"[\w.]+")
CONSTANT_TRUTH = re.compile(r"\b(true|false)\b")
MOST_ITEMS = 4
DEPTH = 3
# Functions that return several rows, by the type of their values, with the type of their argument.
ROWS_OF = {
    "int4": (
        ("unnest({})", "int4[]"),
        ("generate_series(1, {} % 4)", "int4"),
        ("generate_subscripts({}, 1)", "text[]"),
    ),
    "text": (
        ("unnest({})", "text[]"),
        ("regexp_split_to_table({}, ',| ')", "text"),
        ("string_to_table({}, 'b')", "text"),
        ("jsonb_array_elements_text(jsonb_build_array({}, 1, NULL))", "text"),
        ("jsonb_object_keys(jsonb_build_object('k', {}, 'a', 1))", "date"),
        ("json_array_elements_text(json_build_array({}, true))", "int4"),
        ("json_object_keys(json_build_object('k', {}, 'k', 1))", "text"),
    ),
    "text[]": (("regexp_matches({}, '([a-z])', 'g')", "text"),),
    "jsonb": (
        ("jsonb_path_query({}, '$.b[*]')", "jsonb"),
        ("jsonb_path_query({}, '$[*]')", "jsonb"),
        ("jsonb_array_elements(jsonb_build_array({}, 'x'))", "jsonb"),
    ),
    "json": (("json_array_elements(json_build_array({}, 'x'))", "timestamp"),),
}


@dataclass(frozen=True)
class Statement:
    """A query, whether its order leaves nothing open, and whether an error on one side counts."""

    tree: Node
    is_ordered: bool
    errors_count: bool


@dataclass(frozen=True)
class _Source:
    """An item of FROM: how it is written, its columns, and those that tell its rows apart."""

    sql: Node
    columns: tuple[Column, ...]
    keys: tuple[Column, ...] = ()


class Queries:
    """Makes statements over some tables."""

    def __init__(self, chance: random.Random, tables: Sequence[Table]) -> None:
        self._chance = chance
        self._tables = tables
        self._expressions = Expressions(chance, self)
        self._names = 0
        self._common: list[tuple[str, tuple[Column, ...]]] = []

    def statement(self) -> Statement:
        """A statement."""
        self._names = 0
        self._common = []
        luck = self._chance.random()
        return self._plain() if luck < 0.25 else self._sorted() if luck < 0.35 else self._query()

    def scalar(self, type_name: str, scope: Scope, depth: int) -> Node:
        """A subquery that gives one value or none."""
        form = self._chance.random()
        if form < 0.12 and depth > 0 and self._expressions.has_aggregate(type_name):
            return self._scalar_of_query(type_name, scope, depth)
        source = self._table()
        inner = Scope(source.columns, outer=_around(scope))
        where = self._correlated(inner, depth)
        if self._chance.random() < 0.6 and self._expressions.has_aggregate(type_name):
            value = self._expressions.make(type_name, Scope((), grouped=inner), 1)
            return node("(SELECT {} FROM {}{})", value, source.sql, where, kind=type_name)
        value = self._expressions.make(type_name, inner, depth)
        key = source.keys[0].sql
        if element := {"int4[]": "int4", "text[]": "text"}.get(type_name):
            value = self._expressions.make(element, inner, depth)
            elements = f"ARRAY(SELECT ({{}})::{element} FROM {{}}{{}} ORDER BY {{}})"
            return node(elements, value, source.sql, where, key, kind=type_name)
        limit = f" ORDER BY {key}{self._chance.choice((' LIMIT 1', ' DESC LIMIT 1', ' LIMIT 1 OFFSET 1'))}"
        return node("(SELECT {} FROM {}{}{})", value, source.sql, where, limit, kind=type_name)

    def _scalar_of_query(self, type_name: str, scope: Scope, depth: int) -> Node:
        """An aggregate over a query that knows what is around it."""
        types = [self._expressions.any_type() for _ in range(self._chance.randint(1, 2))]
        around = Scope((), outer=_around(scope))
        query, columns = self._body([type_name, *types], around, min(depth, 2))
        name = self._name("q")
        inner = Scope(_named(name, columns), outer=_around(scope), subqueries=False)
        value = self._expressions.aggregate(type_name, inner)
        return node(f"(SELECT {{}} FROM ({{}}) AS {name})", value, query, kind=type_name)

    def condition(self, scope: Scope, depth: int) -> Node:
        """A subquery as a condition."""
        source = self._table()
        inner = Scope(source.columns, outer=_around(scope))
        where = self._correlated(inner, depth)
        if self._chance.random() < 0.45:
            word = self._chance.choice(("EXISTS", "NOT EXISTS"))
            return node(f"({word} (SELECT 1 FROM {{}}{{}}))", source.sql, where, kind="bool")
        if self._chance.random() < 0.15:
            return self._of_rows(source, scope, where, depth)
        column = self._chance.choice(source.columns)
        left = self._expressions.make(column.type, scope, depth - 1)
        right = self._expressions.make(column.type, inner, depth - 1)
        word = self._chance.choice(("IN", "NOT IN", "= ANY", "<> ALL", "> ALL", "< ANY", "<= ALL"))
        return node(f"({{}} {word} (SELECT {{}} FROM {{}}{{}}))", left, right, source.sql, where, kind="bool")

    def _of_rows(self, source: _Source, scope: Scope, where: Node | str, depth: int) -> Node:
        """Whether a row is among those of a subquery, or a value among some that are written out."""
        if self._chance.random() < 0.4:
            type_name = self._chance.choice(DETERMINED)
            rows = [
                node(f"(({{}})::{type_name})", self._expressions.make(type_name, Scope(()), 0))
                for _ in range(3)
            ]
            value = self._expressions.make(type_name, scope, depth - 1)
            return node("({} IN (VALUES {}))", value, listed(rows), kind="bool")
        columns = self._chance.sample(source.columns, k=min(2, len(source.columns)))
        left = [self._expressions.make(column.type, scope, depth - 2) for column in columns]
        word = self._chance.choice(("IN", "IN", "NOT IN"))
        right = ", ".join(column.sql for column in columns)
        return node(
            f"(({{}}) {word} (SELECT {right} FROM {{}}{{}}))",
            listed(left, least=99),
            source.sql,
            where,
            kind="bool",
        )

    def _correlated(self, inner: Scope, depth: int) -> Node | str:
        luck = self._chance.random()
        outer = {column.type for column in inner.outer}
        if luck < 0.55 and (pairs := [column for column in inner.columns if column.type in outer]):
            column = self._chance.choice(pairs)
            other = self._chance.choice([each for each in inner.outer if each.type == column.type])
            word = self._chance.choice(("=", "=", "=", "<", ">=", "<>", "IS NOT DISTINCT FROM"))
            return clause(" WHERE {}", node(f"({{}} {word} {{}})", column.sql, other.sql, kind="bool"))
        if luck < 0.8:
            return clause(" WHERE {}", self._expressions.condition(inner, depth))
        return ""

    def _plain(self) -> Statement:
        """Expressions for every row of a table: every one is computed, and so its errors count.

        PostgreSQL computes constants even for a table without rows.
        """
        source = self._table([table for table in self._tables if table.rows])
        # Whether a subquery is computed for a row is up to the plan.
        scope = Scope(source.columns, subqueries=False)
        self._expressions.is_plain = True
        items = [
            node(
                "{} AS {}",
                self._expressions.make(self._expressions.any_type(), scope, DEPTH),
                self._name("c"),
            )
            for _ in range(self._chance.randint(1, 2))
        ]
        self._expressions.is_plain = False
        key = source.keys[0].sql
        tree = node("SELECT {} FROM {} ORDER BY {}", listed(items), source.sql, key, kind=QUERY)
        return Statement(tree, is_ordered=True, errors_count=True)

    def _sorted(self) -> Statement:
        """Rows in the order of an expression."""
        source = self._table()
        scope = Scope(source.columns)
        items = [
            node("{} AS {}", self._expressions.make(self._expressions.any_type(), scope, 2), self._name("c"))
            for _ in range(self._chance.randint(1, 2))
        ]
        where = (
            clause(" WHERE {}", self._expressions.condition(scope, 2)) if self._chance.random() < 0.5 else ""
        )
        # In parentheses a constant is no place of a column.
        by = node(
            "coalesce({}, NULL){}",
            self._expressions.make(self._chance.choice(COMPARED), scope, 2),
            self._expressions.direction(),
        )
        key = node(f"{source.keys[0].sql}{self._expressions.direction()}")
        limit = self._chance.choice(("", "", f" LIMIT {self._chance.randint(1, 4)}", " OFFSET 2"))
        tree = node(
            "SELECT {} FROM {}{} ORDER BY {}, {}{}",
            listed(items),
            source.sql,
            where,
            clause("{}", by),
            key,
            limit,
            kind=QUERY,
        )
        return Statement(tree, is_ordered=True, errors_count=False)

    def _query(self) -> Statement:
        with_words: Node | str = ""
        if self._chance.random() < 0.25:
            with_words = self._with()
        types = [self._expressions.any_type() for _ in range(self._chance.randint(1, MOST_ITEMS))]
        query, columns = self._body(types, Scope(()), DEPTH)
        order: Node | str = ""
        if all(column.type in DETERMINED for column in columns) and self._chance.random() < 0.6:
            by = [node(f"{number}{self._expressions.direction()}") for number in range(1, len(columns) + 1)]
            self._chance.shuffle(by)
            limit: Node | str = ""
            if self._chance.random() < 0.5:
                limit = clause(f" LIMIT {self._chance.randint(0, 5)}")
            offset = (
                clause(f" OFFSET {self._chance.randint(0, 3)}")
                if limit and self._chance.random() < 0.3
                else ""
            )
            order = clause(" ORDER BY {}{}{}", listed(by, least=len(by)), limit, offset)
        tree = node("{}{}{}", with_words, query, order, kind=None)
        return Statement(tree, is_ordered=order != "", errors_count=False)

    def _with(self) -> Node:
        name = self._name("w")
        if self._chance.random() < 0.35:
            n, v = Column("n", "int4", stored=False), Column("v", "int4", stored=False)
            start = self._expressions.make("int4", Scope(()), 1)
            word = self._chance.choice(("UNION ALL", "UNION"))
            rows = self._chance.randint(1, 5)
            if self._chance.random() < 0.4:
                return self._walk(name, start, word, rows)
            step = self._expressions.make("int4", Scope((n, v)), 1)
            text = (
                f"WITH RECURSIVE {name}(n, v) AS (SELECT 1, {{}} {word}"
                f" SELECT n + 1, {{}} FROM {name} WHERE n < {rows}) "
            )
            tree = clause(text, start, step)
            self._common.append((name, (n, v)))
            return tree
        types = [self._expressions.any_type() for _ in range(self._chance.randint(1, 3))]
        query, columns = self._body(types, Scope(()), DEPTH - 1)
        materialized = self._chance.choice(("", "", "MATERIALIZED ", "NOT MATERIALIZED "))
        self._common.append((name, columns))
        return clause(f"WITH {name} AS {materialized}({{}}) ", query)

    def _walk(self, name: str, start: Node, word: str, rows: int) -> Node:
        """A common table whose steps are joined with a table."""
        source = self._table()
        step_of = Column("n", "int4", stored=False), Column("v", "int4", stored=False)
        step = self._expressions.make("int4", Scope((*step_of, *source.columns), subqueries=False), 1)
        on = self._chance.choice((f"{source.keys[0].sql} = n", f"{source.keys[0].sql} <= n", "true"))
        join = self._chance.choice(("JOIN", "JOIN", "LEFT JOIN"))
        text = (
            f"WITH RECURSIVE {name}(n, v) AS (SELECT 1, {{}} {word}"
            f" SELECT n + 1, {{}} FROM {name} {join} {{}} ON {on} WHERE n < {min(rows, 3)}) "
        )
        self._common.append((name, step_of))
        return clause(text, start, step, source.sql)

    def _body(self, types: list[str], scope: Scope, depth: int) -> tuple[Node, tuple[Column, ...]]:
        """A query with columns of these types; `scope` is what is around it."""
        columns = tuple(Column(self._name("c"), each, stored=False) for each in types)
        if depth > 1 and self._chance.random() < 0.2 and all(each in DETERMINED for each in types):
            left, _ = self._body(types, scope, depth - 1)
            right, _ = self._body(types, scope, depth - 1)
            names = ", ".join(column.sql for column in columns)
            word = self._chance.choice(
                ("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL")
            )
            inner = node(f"({{}}) {word} ({{}})", left, right, kind=QUERY)
            return node(f"SELECT * FROM ({{}}) AS {self._name('u')}({names})", inner, kind=QUERY), columns
        if self._chance.random() < 0.05:
            rows = [
                node("({})", listed([self._expressions.make(each, Scope(()), 1) for each in types], least=99))
                for _ in range(self._chance.randint(1, 3))
            ]
            names = ", ".join(column.sql for column in columns)
            return node(
                f"SELECT * FROM (VALUES {{}}) AS {self._name('v')}({names})", listed(rows), kind=QUERY
            ), columns
        return self._select(columns, scope, depth), columns

    def _select(self, columns: tuple[Column, ...], around: Scope, depth: int) -> Node:
        source = self._from(around, depth)
        scope = Scope(source.columns, outer=around.columns + around.outer, keys=source.keys)
        where: Node | str = ""
        if self._chance.random() < 0.5:
            where = clause(" WHERE {}", self._expressions.condition(scope, depth))
        if self._chance.random() < 0.3:
            return self._grouped(columns, scope, source, where, depth)
        items = [node("{} AS {}", self._item(column.type, scope, depth), column.sql) for column in columns]
        distinct: Node | str = ""
        order = ""
        if all(column.type in DETERMINED for column in columns) and self._chance.random() < 0.15:
            distinct = clause("DISTINCT ")
            if self._chance.random() < 0.4:
                # All columns are sorted by: which row stands for those that are alike in the first is told.
                distinct = f"DISTINCT ON ({columns[0].sql}) "
                inner = node("SELECT {} FROM {}{}", listed(items, least=99), source.sql, where, kind=QUERY)
                names = ", ".join(column.sql for column in columns)
                order = f" ORDER BY {names}"
                return node(
                    f"SELECT {distinct}{names} FROM ({{}}) AS {self._name('d')}{order}", inner, kind=QUERY
                )
        return node("SELECT {}{} FROM {}{}", distinct, listed(items), source.sql, where, kind=QUERY)

    def _item(self, type_name: str, scope: Scope, depth: int) -> Node:
        if self._chance.random() < 0.2 and (window := self._expressions.window(type_name, scope)) is not None:
            return window
        if type_name in ROWS_OF and self._chance.random() < 0.05:
            template, argument = self._chance.choice(ROWS_OF[type_name])
            return node(template, self._expressions.make(argument, scope, depth - 2), kind=type_name)
        return self._expressions.make(type_name, scope, depth - 1)

    @staticmethod
    def _groupable(scope: Scope) -> list[Column]:
        return [
            column
            for column in scope.columns
            if column.type in DETERMINED or (column.stored and column.type in VALUES)
        ]

    def _grouped(
        self, columns: tuple[Column, ...], scope: Scope, source: _Source, where: Node | str, depth: int
    ) -> Node:
        groupable = self._groupable(scope)
        keys = self._chance.sample(groupable, k=min(len(groupable), self._chance.randint(0, 3)))
        if self._chance.random() < 0.25 and (key := self._computed_key(scope)):
            # One that is another key for PostgreSQL, once it is simplified, would be NULL with it.
            keys = [other for other in keys if other.sql not in key.sql] + [key]
        inner = replace(scope, keys=())
        grouped = Scope(tuple(keys), outer=scope.outer, grouped=inner)
        luck = self._chance.random()
        names = [key.sql for key in keys]
        items = [
            node(
                "{} AS {}",
                self._group_item(column.type, grouped, names if luck >= 0.7 else [], depth),
                column.sql,
            )
            for column in columns
        ]
        words: Node | str = ""
        if keys:
            # Outer columns below GROUPING SETS are refused (docs/compatibility.md).
            if luck < 0.7 or scope.outer:
                words = node(" GROUP BY {}", listed([node("{}", name) for name in names]))
            else:
                words = f" GROUP BY {self._grouping(names, luck)}"
        having: Node | str = ""
        if self._chance.random() < 0.25:
            having = clause(" HAVING {}", self._expressions.make("bool", grouped, 2))
        return node("SELECT {} FROM {}{}{}{}", listed(items), source.sql, where, words, having, kind=QUERY)

    def _group_item(self, type_name: str, grouped: Scope, sets_of: list[str], depth: int) -> Node:
        if type_name == "int4" and sets_of and not grouped.outer and self._chance.random() < 0.5:
            return node("grouping({})", ", ".join(sets_of), kind=type_name)
        return self._expressions.make(type_name, grouped, depth - 1)

    def _computed_key(self, scope: Scope) -> Column | None:
        """An expression to group by."""
        type_name = self._chance.choice(DETERMINED)
        made = str(self._expressions.call(type_name, Scope(scope.columns)))
        is_varied = any(column.sql in made for column in scope.columns)
        is_column = any(column.sql == made for column in scope.columns)
        # PostgreSQL makes a constant of `x OR true`. In a set without the key it shows NULL then, and says
        # that it is not NULL.
        is_constant = type_name == "bool" and CONSTANT_TRUTH.search(made) is not None
        is_key = is_varied and not is_column and not is_constant
        return Column(made, type_name, stored=False) if is_key else None

    @staticmethod
    def _grouping(names: list[str], luck: float) -> str:
        # In parentheses the parser takes any expression there.
        first, *others = names = [f"({name})" for name in names]
        if luck < 0.76:
            return f"ROLLUP ({', '.join(names)})"
        if luck < 0.82:
            return f"CUBE ({', '.join(names)})"
        if luck < 0.88:
            return f"{first}, ROLLUP ({', '.join(others or names)})"
        if luck < 0.94:
            return f"CUBE (({', '.join(names)}), {first})"
        return f"GROUPING SETS (({', '.join(names)}), ({names[-1]}), {first}, ())"

    def _from(self, around: Scope, depth: int) -> _Source:
        source = self._source(depth)
        while depth > 0 and self._chance.random() < 0.35:
            source = self._joined(source, around, depth)
            depth -= 1
        return source

    def _joined(self, left: _Source, around: Scope, depth: int) -> _Source:
        if self._chance.random() < 0.2:
            return self._lateral(left, around, depth)
        right = self._source(depth - 1)
        columns = left.columns + right.columns
        keys = left.keys + right.keys if left.keys and right.keys else ()
        word = self._chance.choice(
            ("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN")
        )
        if word == "CROSS JOIN":
            return _Source(node("{}{}", left.sql, clause(f" {word} {{}}", right.sql)), columns, keys)
        pairs = [
            (one, other)
            for one in left.columns
            for other in right.columns
            if one.type == other.type and one.type in VALUES
        ]
        # A subquery in the condition of an outer join is refused (docs/compatibility.md).
        scope = Scope(columns, subqueries=word == "JOIN")
        if pairs and (word == "FULL JOIN" or self._chance.random() < 0.75):
            one, other = self._chance.choice(pairs)
            condition = node(f"({one.sql} = {other.sql})", kind="bool")
            if word != "FULL JOIN" and self._chance.random() < 0.3:
                condition = node("({} AND {})", condition, self._expressions.condition(scope, 1), kind="bool")
        else:
            word = "JOIN" if word == "FULL JOIN" else word
            condition = self._expressions.condition(scope, self._chance.choice((1, 1, 2)))
        joined = clause(f" {word} {{}} ON {{}}", right.sql, condition)
        return _Source(node("{}{}", left.sql, joined), columns, keys)

    def _lateral(self, left: _Source, around: Scope, depth: int) -> _Source:
        inside = Scope(left.columns, outer=around.columns)
        if self._chance.random() < 0.35:
            return self._lateral_rows(left, inside)
        types = [self._expressions.any_type() for _ in range(self._chance.randint(1, 2))]
        query, columns = self._body(types, inside, min(depth - 1, 1))
        name = self._name("l")
        named = tuple(replace(column, sql=f"{name}.{column.sql}") for column in columns)
        text = self._chance.choice(
            (" CROSS JOIN LATERAL ({}) AS %s", " LEFT JOIN LATERAL ({}) AS %s ON true")
        )
        return _Source(node("{}{}", left.sql, clause(text % name, query)), left.columns + named)

    def _lateral_rows(self, left: _Source, inside: Scope) -> _Source:
        """A function of the row beside it."""
        type_name = self._chance.choice(tuple(ROWS_OF))
        template, argument = self._chance.choice(ROWS_OF[type_name])
        name = self._name("f")
        call = node(template, self._expressions.make(argument, replace(inside, subqueries=False), 1))
        columns = [Column(f"{name}.v", type_name, stored=False)]
        ordinality, names = "", "v"
        keys: tuple[Column, ...] = ()
        if self._chance.random() < 0.4:
            number = Column(f"{name}.o", "int8", stored=False)
            columns.append(number)
            ordinality, names = " WITH ORDINALITY", "v, o"
            keys = (*left.keys, number) if left.keys else ()
        text = self._chance.choice(
            (
                f" CROSS JOIN {{}}{ordinality} AS {name}({names})",
                f" LEFT JOIN {{}}{ordinality} AS {name}({names}) ON true",
            )
        )
        return _Source(node("{}{}", left.sql, clause(text, call)), (*left.columns, *columns), keys)

    def _source(self, depth: int) -> _Source:
        luck = self._chance.random()
        if luck < 0.6 or depth <= 0:
            return self._table()
        if luck < 0.7 and self._common:
            common, columns = self._chance.choice(self._common)
            name = self._name("r")
            return _Source(node(f"{common} AS {name}"), _named(name, columns))
        if luck < 0.82:
            types = [self._expressions.any_type() for _ in range(self._chance.randint(1, 3))]
            query, columns = self._body(types, Scope(()), depth - 1)
            name = self._name("s")
            return _Source(node(f"({{}}) AS {name}", query), _named(name, columns))
        return self._function(self._chance.choice)

    def _function(self, choice: Callable[[Sequence[str]], str]) -> _Source:
        name = self._name("g")
        text = choice(
            (
                "generate_series(1, 4)",
                "generate_series(5, 1, -2)",
                "generate_series(timestamp '2024-01-01', timestamp '2024-01-03', interval '1 day')",
                "unnest(ARRAY[1, NULL, 3, 3])",
                "unnest(ARRAY['a', NULL, 'b'])",
                "unnest(ARRAY['a', 'b', 'a']) WITH ORDINALITY",
                """jsonb_array_elements_text('["a", 1, null]') WITH ORDINALITY""",
                """jsonb_each_text('{"a": 1, "b": null, "c": [2]}')""",
                """json_each_text('{"b": true, "a": "x", "b": [1]}')""",
            )
        )
        type_name = "timestamp" if "timestamp" in text else "text" if "'" in text else "int4"
        value = Column(f"{name}.v", type_name, stored=False)
        if "each" in text:
            key = Column(f"{name}.k", "text", stored=False)
            return _Source(node(f"{{}} AS {name}(k, v)", text), (key, value))
        if "ORDINALITY" in text:
            number = Column(f"{name}.o", "int8", stored=False)
            return _Source(node(f"{text} AS {name}(v, o)"), (value, number), (number,))
        keys = (value,) if text.startswith("generate") else ()
        return _Source(node(f"{text} AS {name}(v)"), (value,), keys)

    def _table(self, tables: Sequence[Table] | None = None) -> _Source:
        table = self._chance.choice(tables or self._tables)
        name = self._name("a")
        columns = _named(name, table.columns)
        return _Source(node(f"{table.name} AS {name}"), columns, columns[:1])

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"


def _around(scope: Scope) -> tuple[Column, ...]:
    """The columns that a subquery sees: an expression that a query groups by is none."""
    return tuple(column for column in scope.columns if NAME.fullmatch(column.sql)) + scope.outer


def _named(name: str, columns: Sequence[Column]) -> tuple[Column, ...]:
    return tuple(replace(column, sql=f"{name}.{column.sql}") for column in columns)
