"""The stored queries of a server, as functions to import and to await.

    from rail_forge.queries import sales_by_region

    frame = await (await sales_by_region(since="2026-01-01")).polars()

The server is that of the environment variables RAIL_FORGE_URL and RAIL_FORGE_TOKEN, or of the client that
`configure` was given. What else the module has begins with an underscore, which no stored query does.
"""

from __future__ import annotations as _annotations

import os as _os
from typing import TYPE_CHECKING as _TYPE_CHECKING

from ._async import aconnect as _aconnect
from ._stored_queries import StoredFunction as _StoredFunction
from ._stored_queries import names_of as _names_of

if _TYPE_CHECKING:
    from collections.abc import Awaitable as _Awaitable
    from collections.abc import Sequence as _Sequence

    from ._async import AsyncClient as _AsyncClient
    from ._async import AsyncResult as _AsyncResult
    from ._stored_queries import StoredQuery as _StoredQuery

_URL_VARIABLE = "RAIL_FORGE_URL"

_client: _AsyncClient | None = None


def configure(client: _AsyncClient | None) -> None:
    """Have all functions of this module ask `client`; with None, the server of the environment."""
    global _client  # noqa: PLW0603 - functions are imported by name, and no argument can carry it
    _client = client


def __getattr__(name: str) -> _StoredFunction[_Awaitable[_AsyncResult]]:
    if name.startswith("_"):
        raise AttributeError(name)
    return _StoredFunction(name, _ask, _known)


def __dir__() -> list[str]:
    return ["configure", *_names_of(_known)]


def _ask(sql: str, params: _Sequence[object], /) -> _Awaitable[_AsyncResult]:
    return _default_client().sql(sql, params)


def _known() -> list[_StoredQuery]:
    return _default_client().blocking.stored_queries()


def _default_client() -> _AsyncClient:
    if _client is not None:
        return _client
    url = _os.environ.get(_URL_VARIABLE)
    if not url:
        raise ValueError(
            f"no server to ask: set {_URL_VARIABLE}, or call rail_forge.queries.configure(client)"
        )
    client = _aconnect(url)
    configure(client)
    return client
