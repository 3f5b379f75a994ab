"""Write into docs/compatibility.md what is known to differ from PostgreSQL.

    python tests/compatibility_page.py

The statements of `slt/*.slt` that differ are told by their causes (`slt/causes.toml`), those that the fuzzer
leaves out one by one, and what a comparison sets aside as `answers.py` has it. They stand between two
comments of the page; the rest of it is written by hand.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from slt_file import Severity, read_all, read_causes

from rail_forge_testbed import answers
from rail_forge_testbed.fuzz.open_differences import OPEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
BEGIN = "<!-- From the tests, by `make compatibility`; not to be changed by hand. -->\n"
END = "<!-- The end of what is from the tests. -->\n"

# Up to this many characters of statements are shown for a cause, and one statement at least.
EXAMPLES = 100

SECTIONS: dict[Severity, str] = {
    "wrong": """\
### Wrong answers

Statements that are answered, and not as PostgreSQL answers them. They are defects.
""",
    "refused": """\
### Refused

RailForge says that it cannot, and names what it does not know.
""",
    "accepted": """\
### Answered where PostgreSQL refuses
""",
    "form": """\
### The same in another form
""",
}
FUZZED = """\
### Found by random statements

`make fuzz` asks both engines random statements, and leaves out what leads to these wrong answers and
refusals. Some need certain rows or plans. `rail_forge_testbed/fuzz/open_differences.py` has the table `t`.

| what | for example |
|---|---|
"""
COMPARED = """\
### What counts as the same

{}

| PostgreSQL | Arrow |
|---|---|
"""


def page(text: str) -> str:
    """The page with what the tests say now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    statements = defaultdict(list)
    for file in read_all():
        for case in file.cases:
            statements[case.cause].append(case.sql)
    sections = [_section(severity, head, statements) for severity, head in SECTIONS.items()]
    parts = [*sections, *([_fuzzed()] if OPEN else []), _compared()]
    return "".join((before, BEGIN, *(f"\n{part}" for part in parts), "\n", END, after))


def _section(severity: Severity, head: str, statements: Mapping[str, Sequence[str]]) -> str:
    return f"{head}\n| what | PostgreSQL | RailForge | statements |\n|---|---|---|---|\n" + "".join(
        _row(cause.what, cause.postgresql, cause.rail_forge, _counted(statements[name]))
        for name, cause in read_causes().items()
        if cause.severity == severity
    )


def _counted(statements: Sequence[str]) -> str:
    examples: list[str] = []
    for statement in sorted(set(statements), key=lambda sql: (len(sql), sql)):
        if examples and len("".join([*examples, statement])) > EXAMPLES:
            break
        examples.append(statement)
    rest = ", ..." if len(examples) < len(statements) else ""
    return f"{len(statements)}: {', '.join(map(_code, examples))}{rest}"


def _fuzzed() -> str:
    return FUZZED + "".join(_row(_code(feature), _code(statement)) for feature, statement in OPEN.items())


def _compared() -> str:
    _, set_aside = (answers.__doc__ or "").strip().split("\n\n")
    arrow = {name: data_type for data_type, name in answers.ARROW_TYPES.items()}
    return COMPARED.format(set_aside) + "".join(
        _row(_code(name), _code(str(arrow.get(name, "decimal")))) for name in answers.POSTGRES_TYPES.values()
    )


def _code(text: str) -> str:
    return f"`{text}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
