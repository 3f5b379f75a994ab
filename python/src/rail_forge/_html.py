"""A result as a table of HTML, which notebooks show."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from ._as_of import AsOf

SHOWN_ROWS, _SHOWN_CHARACTERS = 20, 200


def as_html(table: pa.Table, count: int | None, as_of: AsOf | None, engine: str) -> str:
    """Return the first rows of a result, what they are true for, and how many there are if that is known."""
    columns = "".join(
        f"<th>{escape(field.name)}<br><small>{escape(str(field.type))}</small></th>" for field in table.schema
    )
    shown = table.slice(0, SHOWN_ROWS)
    rows = zip(*(column.to_pylist() for column in shown.columns), strict=True)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    moment = "" if as_of is None else f", as of {as_of.time.isoformat(sep=' ', timespec='milliseconds')}"
    rows_told = "the first rows" if count is None else f"{count:,} {'row' if count == 1 else 'rows'}"
    more = f", of which {shown.num_rows} are shown" if count is not None and count > shown.num_rows else ""
    return (
        f"<table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"
        f"<small>{rows_told}{more}{moment}, computed by {escape(engine)}</small>"
    )


def _cell(value: object) -> str:
    if value is None:
        return "<i>NULL</i>"
    text = str(value)
    return escape(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…")
