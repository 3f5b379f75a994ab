"""Make a statement smaller while it still fails in the same way.

Clauses and items of lists are left out; an expression becomes one of those within it that has its type, or a
constant; a query becomes one of those within it. What a try means only the engines can say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tables import PLAIN
from .tree import NOTHING, QUERY, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_TRIES = 600


def shrink(tree: Node, fails: Callable[[Node], bool], most_tries: int = MOST_TRIES) -> Node:
    """The smallest tree that was found to fail, after so many tries at most."""
    tries = 0
    tried: set[str] = {str(tree)}
    smaller = True
    while smaller:
        smaller = False
        for candidate in sorted(_smaller(tree), key=lambda each: len(str(each))):
            text = str(candidate)
            if text in tried or len(text) >= len(str(tree)):
                continue
            tried.add(text)
            tries += 1
            if tries > most_tries:
                return tree
            if fails(candidate):
                tree = candidate
                smaller = True
                break
    return tree


def _smaller(tree: Node) -> Iterator[Node]:
    yield from _instead_of(tree)
    for place, child in tree.children():
        if child.optional:
            yield tree.with_part(place, NOTHING)
        for candidate in _smaller(child):
            yield tree.with_part(place, candidate)


def _instead_of(tree: Node) -> Iterator[Node]:
    if tree.separator is not None and len(tree.parts) > tree.least:
        for place in range(len(tree.parts)):
            yield Node(
                tree.parts[:place] + tree.parts[place + 1 :],
                tree.kind,
                separator=tree.separator,
                least=tree.least,
            )
    if tree.kind is None:
        return
    if tree.kind == QUERY:
        yield from (each for each in tree.within() if each.kind == QUERY)
        return
    yield from (each for each in tree.within() if each.kind == tree.kind)
    if plain := PLAIN.get(tree.kind):
        yield Node((plain,), tree.kind)
    else:
        yield Node((f"NULL::{tree.kind}",), tree.kind)
