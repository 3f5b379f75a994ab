"""What RailForge's tests, demo and benchmarks stand on: PostgreSQL servers, data sets, RailForge servers.

For development only: no user of `rail_forge` installs or imports it, and nothing in `rail_forge` may depend
on it. Each concept is a module of its own, imported by name:

- `rail_forge_testbed.postgres`: a private PostgreSQL, from nothing
- `rail_forge_testbed.shop`: the web shop of the demo and the tests
- `rail_forge_testbed.tpch`: the eight tables of TPC-H
- `rail_forge_testbed.server`: a `rail-forge serve` process
"""
