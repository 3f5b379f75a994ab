"""`manage.py dbshell`: statements typed at a prompt of RailForge's."""

from __future__ import annotations

import sys
from typing import Any

from django.db.backends.base.client import BaseDatabaseClient

from rail_forge.__main__ import ARGUMENTS

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
        given = {**arguments, "timezone": settings_dict.get("TIME_ZONE")}
        words = []
        for name in ARGUMENTS:
            value = given.get(name)
            if value and not isinstance(value, bytes):  # what is in a file is no word of a command
                words += [f"--{name.replace('_', '-')}", str(value)]
        environment = {"RAIL_FORGE_URL": arguments["url"]}
        if arguments.get("token"):
            environment["RAIL_FORGE_TOKEN"] = arguments["token"]
            # As the backend does, whose token is given to it as well.
            words.append("--plain-token")
        return [cls.executable_name, "-m", "rail_forge", *words, *parameters], environment
