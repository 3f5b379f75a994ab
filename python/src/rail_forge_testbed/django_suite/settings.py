"""Settings of the suite; its runner adds the rest."""

import os
from urllib.parse import urlsplit

_SERVER = urlsplit(os.environ["RAIL_FORGE_TEST_PG_URL"])


def _database(name: str) -> dict[str, object]:
    return {
        "ENGINE": "rail_forge_testbed.django_suite",
        "NAME": name,
        "USER": _SERVER.username,
        "HOST": _SERVER.hostname,
        "PORT": _SERVER.port,
    }


# Of runs at the same time, each has databases of its own.
_NAME = os.environ.get("RAIL_FORGE_SUITE_NAME", "suite")
DATABASES = {"default": _database(_NAME), "other": _database(f"{_NAME}_other")}
SECRET_KEY = "of tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
RAIL_FORGE_FALLBACK = os.environ.get("RAIL_FORGE_SUITE_FALLBACK") == "1"
TEST_RUNNER = "rail_forge_testbed.django_suite.runner.Runner"
