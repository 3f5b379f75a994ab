"""docs/security.md names the test that shows each thing it says, and these tests are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
PYTHON_TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
RUST_TEST = re.compile(r"`((?:server|planner|connectors)/src/[\w/]+\.rs)::(\w+)`")


def test_every_test_that_is_named_exists() -> None:
    python, rust = PYTHON_TEST.findall(PAGE), RUST_TEST.findall(PAGE)
    assert len(python) > 20
    for file, name in python:
        assert f"def {name}(" in (ROOT / "python" / "tests" / file).read_text(), f"{file}::{name}"
    for file, name in rust:
        assert f"fn {name}(" in (ROOT / file).read_text(), f"{file}::{name}"
    # What looks like a test and was not found by the patterns would be checked by nobody.
    assert len(re.findall(r"`[^`\s]+::[a-z]\w+`", PAGE)) == len(python) + len(rust)


def test_every_attack_has_a_test() -> None:
    [table] = re.findall(r"^\| attack \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    rows = table.splitlines()
    assert len(rows) > 10
    for row in rows:
        assert PYTHON_TEST.search(row) or RUST_TEST.search(row), row
