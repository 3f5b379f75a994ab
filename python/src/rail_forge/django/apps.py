"""The app: put `rail_forge.django` into `INSTALLED_APPS` for the commands of `manage.py`."""

from django.apps import AppConfig
from django.core import checks


class RailForgeConfig(AppConfig):
    """RailForge's app, which has commands and no models."""

    name = "rail_forge.django"
    label = "rail_forge"
    verbose_name = "RailForge"

    def ready(self) -> None:
        """Have `manage.py check` look at the settings too."""
        from .routing import check_routing  # noqa: PLC0415 - connections are there once Django is set up

        checks.register(check_routing)
