"""`manage.py dbshell`: statements typed at a prompt of RailForge's."""

from __future__ import annotations

import sys
from typing import Any

from django.db.backends.base.client import BaseDatabaseClient

from .options import read_options


class DatabaseClient(BaseDatabaseClient):
    """Runs `python -m rail_forge`."""

    executable_name = sys.executable

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: list[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return the command and what it finds in its environment; the token is not on the command line."""
        arguments = read_options(settings_dict).arguments
        named = ((f"--{name}", arguments.get(name)) for name in ("catalog", "schema"))
        words = [word for name, value in named if value for word in (name, value)]
        environment = {"RAIL_FORGE_URL": arguments["url"]}
        if arguments.get("token"):
            environment["RAIL_FORGE_TOKEN"] = arguments["token"]
        return [cls.executable_name, "-m", "rail_forge", *words, *parameters], environment
