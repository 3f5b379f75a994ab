"""A differential fuzzer: random statements that RailForge must answer exactly as PostgreSQL does.

`tables.py` makes small tables; `types.py` (expressions), `signatures/` (functions and operators) and
`queries.py` the statements, as trees (`tree.py`); `compare.py` asks both engines; `shrink.py` makes what
differs small; `open_differences.py` lists what is left out until it is mended.
"""
