"""What a template says: the types of its arguments and of its result, and what its arguments must be like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    """A template with `{}` for each argument, or `{0}` where the only one stands several times."""

    result: str
    template: str
    arguments: tuple[str, ...]
    # Whether some values make it fail.
    may_fail: bool = False
    # Whether its arguments are columns and constants alone, and no extremes: what it computes has limits here
    # that PostgreSQL has not.
    is_limited: bool = False


def lines(text: str, *, may_fail: bool = False, is_limited: bool = False) -> list[Signature]:
    """Signatures, one a line: result | template | types of arguments; || is a vertical bar."""
    signatures = []
    for line in text.strip().splitlines():
        result, _, rest = line.partition("|")
        template, _, arguments = rest.rpartition("|")
        signatures.append(
            Signature(result.strip(), template.strip(), tuple(arguments.split()), may_fail, is_limited)
        )
    return signatures
