"""PEP 249's exceptions, and the one place where the client's become them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rail_forge._errors import (
    AuthenticationError,
    QueryCancelled,
    QueryError,
    QueryTimeout,
    RefreshError,
    ServerUnavailable,
    UnsupportedError,
)
from rail_forge._errors import Error as ClientError
from rail_forge._values import UnreadableColumn

if TYPE_CHECKING:
    from collections.abc import Iterator


class Warning(Exception):  # noqa: A001 - PEP 249's name
    """Never raised; PEP 249 asks for it."""


class Error(Exception):
    """Base of all that this module raises about a database.

    `reason` and `sqlstate` say for programs what the text says for people, where the server has told it:
    RailForge's own word, such as SYNTAX_ERROR, and PostgreSQL's code of five characters, such as 22012.
    """

    reason: str | None = None
    sqlstate: str | None = None


class InterfaceError(Error):
    """The connection or the cursor is used as it cannot be, such as after it was closed."""


class DatabaseError(Error):
    """Base of all that the server says."""


class DataError(DatabaseError):
    """A value makes the statement fail, such as a division by zero, or is none that Python can hold."""


class OperationalError(DatabaseError):
    """The server cannot be reached, is busy, or ended the statement; trying again may help."""


class IntegrityError(DatabaseError):
    """Never raised, since nothing is written; PEP 249 asks for it."""


class InternalError(DatabaseError):
    """The server failed."""


class ProgrammingError(DatabaseError):
    """The statement cannot be answered as it is written, or with the values that it is given."""


class NotSupportedError(DatabaseError):
    """The server understood the statement and does not support it, or would have to change something."""


# The first match counts. What is not listed is an InternalError.
_BY_CLIENTS: tuple[tuple[type[ClientError], type[Error]], ...] = (
    (UnsupportedError, NotSupportedError),
    (QueryError, ProgrammingError),
    (QueryTimeout, OperationalError),
    (QueryCancelled, OperationalError),
    (ServerUnavailable, OperationalError),
    (AuthenticationError, OperationalError),
    (RefreshError, OperationalError),
)

# What the server's reasons say beyond the class of the client's error.
_BY_REASON: dict[str, type[Error]] = {
    "INVALID_VALUE": DataError,
    "INVALID_PARAMETER": DataError,
    "READ_ONLY": NotSupportedError,
    "TOO_LARGE": OperationalError,
    "DISK_FULL": OperationalError,
    "SNAPSHOT_GONE": OperationalError,
    "SOURCE_CONFIGURATION": OperationalError,
    "TABLE_REFUSED": OperationalError,
    "REFUSED_BY_POSTGRES": OperationalError,
}


def from_client(error: ClientError) -> Error:
    """Return the exception of PEP 249 that says what the client's `error` does."""
    by_class = next((ours for clients, ours in _BY_CLIENTS if isinstance(error, clients)), InternalError)
    ours = _BY_REASON.get(error.reason or "", by_class)(str(error))
    ours.reason, ours.sqlstate = error.reason, error.sqlstate
    return ours


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn the client's errors, and those of its values, into those of PEP 249."""
    try:
        yield
    except ClientError as error:
        raise from_client(error) from error
    except UnreadableColumn as error:
        raise DataError(str(error)) from error
