"""How far a long call has come: tqdm's line in a terminal, and its widget in a notebook that has ipywidgets.

Nothing is shown of a call that is over within a second, and nothing stays once one is over.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa

# Before anything is shown.
_DELAY_SECONDS = 1.0


def require_tqdm() -> None:
    """Raise ModuleNotFoundError, which says what to install, when there is no tqdm."""
    try:
        import tqdm  # noqa: F401, PLC0415 - an optional dependency
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "progress=True needs tqdm: pip install rail-forge[progress]", name="tqdm"
        ) from error


class _Progress:
    """A bar of rows, which goes when the call is over. There is none unless it is `on`."""

    def __init__(self, *, on: bool) -> None:
        self._on = on
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.total = None  # a notebook would keep one that has not come to its end
            self._bar.close()

    def _begin(self, title: str, total: int | None = None) -> None:
        from tqdm.auto import tqdm  # noqa: PLC0415 - an optional dependency

        self._bar = tqdm(
            desc=title, total=total, unit=" rows", unit_scale=True, delay=_DELAY_SECONDS, leave=False
        )


class ResultProgress(_Progress):
    """The rows and bytes of a result that have come; nobody knows how many there will be."""

    def __init__(self, *, on: bool) -> None:
        super().__init__(on=on)
        self._bytes = 0
        if on:
            self._begin("result")

    def read(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Count a batch, and return it."""
        if self._bar is not None:
            self._bytes += batch.nbytes
            self._bar.set_postfix_str(f"{self._bytes / 1e6:.0f} MB", refresh=False)
            self._bar.update(batch.num_rows)
        return batch


class RefreshProgress(_Progress):
    """The rows that a refresh has read, of as many as PostgreSQL estimates for its tables."""

    def __init__(self, *, on: bool) -> None:
        super().__init__(on=on)
        self._estimated: dict[tuple[str, ...], int] = {}
        self._read: dict[tuple[str, ...], int] = {}

    def heard(self, message: bytes) -> None:
        """Count what a message of the refresh says; others complain about one that cannot be read."""
        if not self._on:
            return
        try:
            event = json.loads(message)
            table = (event["catalog"], event["schema"], event["table"])
            kind, rows = event["event"], int(event.get("rows") or event.get("estimated_rows") or 0)
        except (LookupError, TypeError, ValueError):
            return
        match kind:
            # All tables are told of before the first row of one.
            case "started":
                self._estimated[table] = rows
            case "progress":
                self._read[table] = self._read.get(table, 0) + rows
                self._show(table[-1])
            # What was read of it is all: only some rows of it may have changed.
            case "table":
                self._estimated[table] = self._read.get(table, 0)
                self._show()

    def _show(self, table: str | None = None) -> None:
        total = max(sum(self._estimated.values()), sum(self._read.values())) or None
        if self._bar is None:
            self._begin("refresh", total)
        if table is not None:
            # A name may hold what a terminal would obey.
            shown = "".join(letter if letter.isprintable() else "?" for letter in table)
            self._bar.set_description(f"refresh {shown}", refresh=False)
        self._bar.total = total
        self._bar.update(sum(self._read.values()) - self._bar.n)
