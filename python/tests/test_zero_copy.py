"""Frames share the memory that a result arrived in: the addresses of their buffers are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import rail_forge

if TYPE_CHECKING:
    import pyarrow as pa
    from conftest import Served

FIXED_WIDTH = {
    "smallint": "nullif(g, 5)::int2",
    "integer": "g::int4",
    "bigint": "g::int8",
    "real": "g::float4",
    "double": "g::float8",
    "numeric": "g::numeric(12, 2)",
    "date": "date '2024-01-01' + g::int4",
    "timestamp": "timestamp '2024-01-01' + g * interval '1 s'",
    "timestamptz": "timestamptz '2024-01-01' + g * interval '1 s'",
}


def addresses(chunks: list[pa.Array]) -> list[int]:
    """Where the values of each chunk begin."""
    places = []
    for chunk in chunks:
        values = chunk.buffers()[1]
        assert values is not None
        places.append(values.address + chunk.offset * chunk.type.bit_width // 8)
    return places


@pytest.mark.parametrize("name", FIXED_WIDTH)
def test_columns_of_fixed_width_are_not_copied(shop: Served, name: str) -> None:
    with rail_forge.connect(shop.server.flight) as client:
        result = client.sql(f"SELECT {FIXED_WIDTH[name]} AS c FROM generate_series(1, 20000) AS g")
        [arrow] = result.arrow().columns
        arrived = addresses(arrow.chunks)
        assert len(arrived) > 1  # or the chunks would not have to be kept apart
        assert addresses([series.to_arrow() for series in result.polars()["c"].get_chunks()]) == arrived
        kept = result.pandas()["c"].array.__arrow_array__()
        assert addresses(kept.chunks) == arrived
