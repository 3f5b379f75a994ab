"""How to reach the tour's servers from other programs: the text that `--stay` prints."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

TEXT = Template("""\
rail_forge (from $package, or installed):
    import rail_forge
    with rail_forge.connect("$flight") as client:
        print(client.sql("SELECT name, currency FROM region ORDER BY name").polars())

pyarrow.flight, with nothing of RailForge's:
    from pyarrow import flight
    with flight.connect("$flight") as client:
        info = client.get_flight_info(flight.FlightDescriptor.for_command(b"SELECT count(*) FROM orders"))
        print(client.do_get(info.endpoints[0].ticket).read_all())

Polars over ADBC:
    import adbc_driver_flightsql.dbapi, polars as pl
    with adbc_driver_flightsql.dbapi.connect("$flight", autocommit=True) as connection:
        print(pl.read_database("SELECT * FROM product ORDER BY id LIMIT 5", connection))

JDBC (driver org.apache.arrow:flight-sql-jdbc-driver):
    jdbc:arrow-flight-sql://$address?useEncryption=false

The command line:
    $binary status --url $flight
    $binary sql --url $flight 'SELECT count(*) FROM orders'
    $binary refresh --url $flight orders

PostgreSQL itself; what you change there shows in RailForge after the next refresh:
    psql $postgres
""")


def ways_in(flight: str, postgres: str, binary: Path, package: Path) -> str:
    """The text, for a RailForge and a PostgreSQL at these URLs."""
    return TEXT.substitute(
        flight=flight, address=urlsplit(flight).netloc, postgres=postgres, binary=binary, package=package
    )
