"""RailForge's Python client: SQL in, Arrow frames out, over Arrow Flight SQL."""

from ._actions import (
    CacheStatus,
    FallbackStatus,
    RefreshedTable,
    ResultsStatus,
    ServerStatus,
    SourceStatus,
    TableStatus,
)
from ._as_of import AsOf
from ._async import AsyncClient, AsyncResult, aconnect
from ._catalogue import ForeignKey, Table
from ._client import Client, connect
from ._errors import (
    AuthenticationError,
    Error,
    NotFoundError,
    QueryCancelled,
    QueryError,
    QueryTimeout,
    RefreshError,
    ServerError,
    ServerUnavailable,
    UnsupportedError,
)
from ._result import Result

__all__ = [
    "AsOf",
    "AsyncClient",
    "AsyncResult",
    "AuthenticationError",
    "CacheStatus",
    "Client",
    "Error",
    "FallbackStatus",
    "ForeignKey",
    "NotFoundError",
    "QueryCancelled",
    "QueryError",
    "QueryTimeout",
    "RefreshError",
    "RefreshedTable",
    "Result",
    "ResultsStatus",
    "ServerError",
    "ServerStatus",
    "ServerUnavailable",
    "SourceStatus",
    "Table",
    "TableStatus",
    "UnsupportedError",
    "aconnect",
    "connect",
]
