"""The shop's project."""
