"""Configuration files of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def source(
    url: str,
    refresh: str | None = None,
    *further: str,
    name: str = "shop",
    tables: Mapping[str, str] | None = None,
    of_each_table: Sequence[str] = (),
) -> str:
    """A `[[source]]`; `refresh` and those of `tables` are between the braces, the others are lines."""
    lines = ["[[source]]", f'name = "{name}"', f'url = "{url}"', *further]
    if refresh is not None:
        lines.append(f"refresh = {{ {refresh} }}")
    for pattern, own in (tables or {}).items():
        lines += [f"[source.tables.'{pattern}']", f"refresh = {{ {own} }}", *of_each_table]
    return "\n".join([*lines, ""])


def configuration(folder: Path, *sources: str) -> tuple[str, str]:
    """Writes a file of these sources; gives the arguments that name it."""
    path = folder / "rail-forge.toml"
    path.write_text("".join(sources))
    return "--config", str(path)
