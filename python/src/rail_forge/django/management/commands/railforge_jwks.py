"""`manage.py railforge_jwks`: the public half of the key that signs tokens, for the server."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from rail_forge.django.signed_tokens import Signer


class Command(BaseCommand):
    """Prints what the server's `jwks_file` holds."""

    help = (
        'Prints the public half of the key of RAIL_FORGE["SIGNED_TOKENS"], as the server\'s jwks_file has it.'
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's signature

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Print the key set."""
        try:
            signer = Signer.of_settings()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(signer.key_set, indent=2))
