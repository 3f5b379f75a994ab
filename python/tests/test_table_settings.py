"""What the configuration says of single tables: which are served, and what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from configuration import configuration, source
from waiting import until

import rail_forge

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase, Serve

TABLES = (
    'CREATE TABLE alpha (id int PRIMARY KEY, "Odd ü" text, money numeric)',
    "COMMENT ON COLUMN alpha.id IS 'of PostgreSQL'",
    "COMMENT ON COLUMN alpha.money IS 'of PostgreSQL'",
    "CREATE TABLE alpine (id int, money numeric)",
    "CREATE TABLE beta (id int)",
)
SETTINGS = """
[source.tables."public.alpha"]
comments = { "Odd ü" = "of the \\"settings\\"", money = "in EUR", gone = "of nothing" }

[source.tables."public.*"]
text_columns = ["money"]
comments = { id = "of the pattern" }
"""


def served(client: rail_forge.Client) -> dict[str, dict[str, tuple[str, str | None]]]:
    """The type and the comment of each column, table by table."""
    found: dict[str, dict[str, tuple[str, str | None]]] = {}
    for table in client.tables():
        comments = {field.name: (field.metadata or {}).get(b"comment") for field in table.columns}
        found[table.name] = {
            field.name: (str(field.type), None if (told := comments[field.name]) is None else told.decode())
            for field in table.columns
        }
    return found


def test_tables_are_served_and_described_as_the_settings_say(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(*TABLES)
    config = configuration(tmp_path, source(url, None, 'include = ["al*"]'), SETTINGS)
    server = serve({}, *config)
    with rail_forge.connect(server.flight) as client:
        client.refresh()
        client.refresh()
        assert served(client) == {
            "alpha": {
                "id": ("int32", "of PostgreSQL"),
                "Odd ü": ("string", 'of the "settings"'),
                # What the name leaves out is as the pattern says.
                "money": ("string", "in EUR"),
            },
            "alpine": {"id": ("int32", "of the pattern"), "money": ("string", None)},
        }
    until(lambda: "gone" in server.log, "the log names the column that there is not")
    assert server.log.count("comments of its settings name a column") == 1


def test_exclude_goes_before_include(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(*TABLES)
    lines = ('include = ["al*", "beta"]', 'exclude = ["alpha"]')
    server = serve({}, *configuration(tmp_path, source(url, None, *lines)))
    with rail_forge.connect(server.flight) as client:
        client.refresh()
        assert set(served(client)) == {"alpine", "beta"}
