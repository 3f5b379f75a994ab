"""Statements typed at a prompt, or given: `python -m rail_forge [--url URL] [SQL]`.

A statement ends with a semicolon at the end of a line. The token is that of the environment variable
RAIL_FORGE_TOKEN.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from rail_forge import Client, Error, Result, connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DEFAULT_URL = "grpc://127.0.0.1:32010"
# Options that are arguments of `connect` by the same name.
ARGUMENTS = ("catalog", "schema", "timezone", "timeout", "tls_roots", "tls_certificate", "tls_key")
# More rows than this are counted and not shown.
_SHOWN_ROWS = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code: 1 when a statement that was given failed."""
    parser = argparse.ArgumentParser(prog="python -m rail_forge", description=__doc__)
    parser.add_argument("--url", default=os.environ.get("RAIL_FORGE_URL") or _DEFAULT_URL)
    parser.add_argument("--schema", help="where names without a schema are looked up")
    parser.add_argument("--catalog", help="where names without a catalogue are looked up")
    parser.add_argument("--timezone", help="the time zone of the session")
    parser.add_argument("--timeout", type=float, help="how long a call may take, in seconds")
    parser.add_argument("--tls-roots", help="a file of the authorities that the server's certificate is from")
    parser.add_argument("--tls-certificate", help="a file of the client's certificate")
    parser.add_argument("--tls-key", help="a file of its key")
    parser.add_argument(
        "--plain-token", action="store_true", help="send the token to another host without TLS too"
    )
    parser.add_argument("sql", nargs="?", help="a statement; without it, statements are read from the input")
    options = parser.parse_args(arguments)
    given = vars(options)
    token = os.environ.get("RAIL_FORGE_TOKEN") if options.plain_token else None
    try:
        connected = connect(options.url, token, **{name: given[name] for name in ARGUMENTS})
    except (OSError, ValueError) as error:
        parser.error(str(error))
    with connected as client:
        if options.sql is not None:
            return 0 if _answer(client, options.sql) else 1
        done = [_answer(client, statement) for statement in _statements()]
    return 0 if sys.stdin.isatty() or all(done) else 1


def _statements() -> Iterator[str]:
    """Read statements until the input ends."""
    if sys.stdin.isatty():
        import readline  # noqa: F401, PLC0415 - lines can be edited once it is there
    lines: list[str] = []
    while True:
        prompt = ("   ... " if lines else "rail-forge> ") if sys.stdin.isatty() else ""
        try:
            lines.append(input(prompt))
        except EOFError:
            if "\n".join(lines).strip():
                yield "\n".join(lines)
            return
        except KeyboardInterrupt:  # the statement is given up, as in psql
            lines.clear()
            sys.stdout.write("\n")
            continue
        if lines[-1].rstrip().endswith(";"):
            yield "\n".join(lines)
            lines.clear()


def _answer(client: Client, statement: str) -> bool:
    """Print a statement's rows, or its error; return whether it was answered."""
    try:
        sys.stdout.write(_text(client.sql(statement.rstrip().removesuffix(";"))))
    except Error as error:
        sys.stderr.write(f"error: {error}\n")
        return False
    except KeyboardInterrupt:
        sys.stderr.write("cancelled\n")
        return False
    return True


def _text(result: Result) -> str:
    """Return a result as aligned columns."""
    rows: list[tuple[object, ...]] = []
    count = 0
    for batch in result.batches():
        count += batch.num_rows
        shown = batch.slice(0, max(0, _SHOWN_ROWS - len(rows)))
        rows += zip(*(column.to_pylist() for column in shown.columns), strict=True)
    names = tuple(result.schema.names)
    cells = [names, *(tuple("" if cell is None else str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    as_of = result.as_of
    moment = "" if as_of is None else f", as of {as_of.time.isoformat(sep=' ', timespec='milliseconds')}"
    more = f", of which {len(rows)} are shown" if count > len(rows) else ""
    return "\n".join(lines) + f"\n({count} {'row' if count == 1 else 'rows'}{more}{moment})\n"


if __name__ == "__main__":
    sys.exit(main())
