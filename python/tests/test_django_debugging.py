"""What tools for debugging show of queries on RailForge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conftest import refresh

if TYPE_CHECKING:
    from conftest import NewDatabase, Serve


def test_debug_toolbar_and_silk_show_queries(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(
        "CREATE TABLE region (id bigint PRIMARY KEY, name text)", "INSERT INTO region VALUES (1, 'region 1')"
    )
    server = serve({"shop": url})
    refresh(server)
    environment = {"SHOP_POSTGRES": url, "SHOP_RAIL_FORGE": server.flight}
    program = [sys.executable, str(Path(__file__).with_name("django_debugging.py"))]
    settings = {"DJANGO_SETTINGS_MODULE": "django_shop.settings"}
    ended = subprocess.run(
        program, env={**os.environ, **environment, **settings}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout)
    assert any("LIKE 'region%'" in query for query in seen["toolbar"])
    assert any('"region"."id"' in query for query in seen["toolbar"])
    # silk writes values without quotes, and knows queries of querysets alone: a frame's are a cursor's.
    assert any("LIKE region%" in query for query in seen["silk"])
