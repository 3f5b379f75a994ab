"""What stands in `settings.DATABASES` of a RailForge database, and whether it can be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .block import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 32010

# Options that are arguments of `rail_forge.connect` by the same name.
_ARGUMENTS = frozenset({"token", "schema", "timeout", "priority", "tls_roots", "tls_certificate", "tls_key"})
# Those that the backend itself reads.
_OWN = frozenset({"tls", "primary", "writes", "max_staleness"})
WRITES = ("refuse", "primary")


@dataclass(frozen=True)
class ReadOptions:
    """The arguments of `rail_forge.dbapi.connect`, and what cannot be used of the settings, in words."""

    arguments: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def read_options(database: Mapping[str, Any]) -> ReadOptions:
    """Read one entry of `settings.DATABASES`."""
    options = database["OPTIONS"]
    errors = []
    unknown = sorted(set(options) - _ARGUMENTS - _OWN)
    if unknown:
        known = ", ".join(sorted(_ARGUMENTS | _OWN))
        errors.append(f"OPTIONS has no {', '.join(map(repr, unknown))}; it has {known}")
    if database.get("USER") or database.get("PASSWORD"):
        errors.append('USER and PASSWORD are not used; put an API token into OPTIONS["token"]')
    if options.get("max_staleness") is not None:
        try:
            seconds(options["max_staleness"])
        except (TypeError, ValueError) as error:
            errors.append(f'OPTIONS["max_staleness"]: {error}')
    writes = options.get("writes", "refuse")
    if writes not in WRITES:
        errors.append(f'OPTIONS["writes"] is one of {", ".join(WRITES)}, not {writes!r}')
    elif writes == "primary" and not options.get("primary"):
        errors.append('OPTIONS["writes"] = "primary" needs OPTIONS["primary"], the alias of a database')
    arguments = {name: options[name] for name in _ARGUMENTS if name in options}
    return ReadOptions({"url": _url(database), "catalog": database.get("NAME") or None, **arguments}, errors)


def _url(database: Mapping[str, Any]) -> str:
    host = database.get("HOST") or "127.0.0.1"
    if host.startswith("/"):
        return f"grpc+unix://{host}"
    scheme = "grpc+tls" if database["OPTIONS"].get("tls") else "grpc"
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{database.get('PORT') or DEFAULT_PORT}"
