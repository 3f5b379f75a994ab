"""The shop as a service of Django-Bolt."""
