"""The app: put `rail_forge.django` into `INSTALLED_APPS` for the commands of `manage.py`."""

from django.apps import AppConfig


class RailForgeConfig(AppConfig):
    """RailForge's app, which has commands and no models."""

    name = "rail_forge.django"
    label = "rail_forge"
    verbose_name = "RailForge"
