"""`manage.py dbshell`: statements typed at a prompt of RailForge's."""

from __future__ import annotations

import sys
from typing import Any

from django.db.backends.base.client import BaseDatabaseClient

from .options import read_options

_OPTIONS = ("catalog", "schema", "timezone", "timeout", "tls_roots", "tls_certificate", "tls_key")


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
        named = ((f"--{name.replace('_', '-')}", given.get(name)) for name in _OPTIONS)
        # What is in a file is no word of a command.
        told = ((name, value) for name, value in named if value and not isinstance(value, bytes))
        words = [word for name, value in told for word in (name, str(value))]
        environment = {"RAIL_FORGE_URL": arguments["url"]}
        if arguments.get("token"):
            environment["RAIL_FORGE_TOKEN"] = arguments["token"]
            # As the backend does, whose token is given to it as well.
            words.append("--plain-token")
        return [cls.executable_name, "-m", "rail_forge", *words, *parameters], environment
