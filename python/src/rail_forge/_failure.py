"""What ended the reading of a result: a later read says it again, instead of that nothing is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors import Error

if TYPE_CHECKING:
    from types import TracebackType


class Failure:
    """The failure of one reading, none at first; as a context, what is raised within is it."""

    def __init__(self) -> None:
        self._error: Exception | None = None

    def check(self) -> None:
        """Raise the failure if there was one."""
        if self._error is not None:
            raise _without_traceback(self._error)

    def remember(self, error: Exception) -> None:
        """Have later reads raise an error."""
        self._error = _without_traceback(error)

    def __enter__(self) -> None:
        """Raise the failure if there was one, and remember what is raised within as one."""
        self.check()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self.remember(error)
        elif error is not None:
            # Who presses Ctrl-C once is not to be interrupted again.
            self.remember(Error("the reading of this result was interrupted; run the query again"))


def _without_traceback(error: Exception) -> Exception:
    """Return the same error anew: a traceback keeps what was read with, and grows when it is raised again."""
    kind = type(error)
    same: Exception = kind.__new__(kind, *error.args)
    vars(same).update(vars(error))
    return same
