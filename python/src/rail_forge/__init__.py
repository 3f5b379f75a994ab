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
from ._stored_queries import StoredParameter, StoredQuery

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
    "StoredParameter",
    "StoredQuery",
    "Table",
    "TableStatus",
    "UnsupportedError",
    "aconnect",
    "connect",
]
