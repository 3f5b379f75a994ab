"""Measurements of RailForge beside what a user would pick instead; `python -m benchmarks` runs them."""
