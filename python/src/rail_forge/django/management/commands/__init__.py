"""Commands of `manage.py`, one in a file."""
