"""`manage.py check`: whether the settings of a RailForge database can be used."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.validation import BaseDatabaseValidation

from .options import read_options


class DatabaseValidation(BaseDatabaseValidation):
    """Checks one entry of `settings.DATABASES`."""

    def check(self, **_named: Any) -> list[checks.CheckMessage]:
        """Return an error for each setting that cannot be used, and for a primary that is none."""
        alias = self.connection.alias
        where = f'settings.DATABASES["{alias}"]'
        errors = read_options(self.connection.settings_dict).errors
        found = [checks.Error(f"{where}: {error}", id="rail_forge.E001") for error in errors]
        if not errors:
            try:  # nothing is sent
                self.connection.get_new_connection(self.connection.get_connection_params()).close()
            except ImproperlyConfigured as error:
                found.append(checks.Error(str(error), id="rail_forge.E001"))
        primary = self.connection.primary
        if primary is not None and primary not in connections:
            found.append(
                checks.Error(f'{where}: the primary "{primary}" is no database', id="rail_forge.E002")
            )
        elif primary is not None and connections[primary].vendor != "postgresql":
            hint = "RailForge reads from PostgreSQL, and the primary is the database that it reads from."
            found.append(
                checks.Error(
                    f'{where}: the primary "{primary}" is not PostgreSQL', hint=hint, id="rail_forge.E003"
                )
            )
        return found
