"""A statement as a tree: words, and nodes that know how they may be made smaller.

The generator builds it, `shrink.py` takes it apart. A smaller tree need not be a valid statement: whoever
shrinks asks PostgreSQL.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY = "query"


@dataclass(frozen=True)
class Node:
    """Words and nodes, one after the other.

    `kind` is the type of an expression, or `QUERY`: a node can stand where another of its kind stands.
    """

    parts: tuple[str | Node, ...]
    kind: str | None = None
    # A clause that may be left out.
    optional: bool = False
    # A list: parts are its items, with `separator` between them, of which `least` must stay.
    separator: str | None = None
    least: int = 1

    def __str__(self) -> str:
        return (self.separator or "").join(map(str, self.parts))

    def children(self) -> Iterator[tuple[int, Node]]:
        """The nodes among the parts, with their places."""
        for place, part in enumerate(self.parts):
            if isinstance(part, Node):
                yield place, part

    def within(self) -> Iterator[Node]:
        """All nodes below, the nearest first."""
        level = [child for _, child in self.children()]
        while level:
            yield from level
            level = [child for node in level for _, child in node.children()]

    def with_part(self, place: int, part: Node) -> Node:
        """The same with another part."""
        return replace(self, parts=(*self.parts[:place], part, *self.parts[place + 1 :]))


NOTHING = Node(())


def node(template: str, *children: Node | str, kind: str | None = None) -> Node:
    """A template with `{}` for each child."""
    words = template.split("{}")
    assert len(words) == len(children) + 1, template
    parts: list[str | Node] = [words[0]]
    for child, following in zip(children, words[1:], strict=True):
        parts += [child, following]
    return Node(tuple(part for part in parts if part != ""), kind)


def clause(template: str, *children: Node | str) -> Node:
    """One that may be left out."""
    return replace(node(template, *children), optional=True)


def listed(items: list[Node], separator: str = ", ", least: int = 1) -> Node:
    """A list whose items may be left out."""
    return Node(tuple(items), separator=separator, least=least)
