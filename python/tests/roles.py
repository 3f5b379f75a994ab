"""Servers with roles, and clients of their tokens."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from configuration import configuration
from conftest import NO_REFRESH
from tokens import create_token

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def grant(catalog: str = "shop", /, **keys: object) -> str:
    """One of the grants of a role. Texts and lists of texts are written in TOML as in JSON."""
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in {"catalog": catalog, **keys}.items())


def role(name: str, *grants: str, refresh: bool = False) -> str:
    """A `[[role]]`."""
    lines = ["[[role]]", f"name = {json.dumps(name)}", "grants = ["]
    lines += [f"  {{ {one} }}," for one in grants]
    return "\n".join([*lines, "]", *(["refresh = true"] if refresh else []), ""])


# Who may do everything that there are rights for.
ADMIN = role("admin", grant("*"), refresh=True)


@contextmanager
def server_with_roles(
    folder: Path, *blocks: str, arguments: tuple[str, ...] = ()
) -> Iterator[RailForgeServer]:
    """A server of these sources and roles, whose tables are refreshed."""
    config = configuration(folder, *blocks, ADMIN)
    with RailForgeServer({}, arguments=(*config, *NO_REFRESH, *arguments), authentication=True) as server:
        with client_of(server, "admin", "admin") as client:
            client.refresh()
        yield server


def token_with(server: RailForgeServer, name: str, *roles: str, **claims: str) -> str:
    """A token that has these roles and claims."""
    words = [word for one in roles for word in ("--role", one)]
    words += [word for claim, value in claims.items() for word in ("--claim", f"{claim}={value}")]
    return create_token(server, name, *words)


def client_of(server: RailForgeServer, name: str, *roles: str, **claims: str) -> rail_forge.Client:
    """A client with a new token that has these roles and claims."""
    return rail_forge.connect(server.flight, token_with(server, name, *roles, **claims))


def rows(client: rail_forge.Client, sql: str, params: list[object] | None = None) -> list[tuple[object, ...]]:
    return client.sql(sql, params).rows()
