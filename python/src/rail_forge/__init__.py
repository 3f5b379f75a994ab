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
    "AuthenticationError",
    "CacheStatus",
    "Client",
    "Error",
    "FallbackStatus",
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
    "TableStatus",
    "UnsupportedError",
    "connect",
]
