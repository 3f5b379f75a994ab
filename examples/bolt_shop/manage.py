"""Django's command line: `python manage.py runbolt` serves the reports."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    # The models and reports are those of the other project.
    sys.path.append(str(Path(__file__).parents[1] / "django_shop"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bolt_shop.settings")
    execute_from_command_line(sys.argv)
