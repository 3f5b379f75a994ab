"""The shop's tables as models."""
