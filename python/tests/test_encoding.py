"""Batches as JSON, Arrow IPC and Parquet, chunk by chunk."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rail_forge.encoding import FORMATS, format_for, ipc_chunks, json_chunks, parquet_chunks

if TYPE_CHECKING:
    from collections.abc import Callable

    import rail_forge

VALUES = """
SELECT NULL AS nothing, true AS b, 7 AS i, 1.5::float8 AS f, 'NaN'::float8 AS nan, 12.50::numeric(10, 2) AS n,
       'ä "quoted"' AS t, '\\x00ff'::bytea AS bytes, date '2024-02-29' AS d, time '12:30:00.5' AS at,
       timestamp '2024-02-29 12:00' AS naive, timestamptz '2024-02-29 12:00+00' AS moment,
       interval '1 month 2 days 3.5 seconds' AS span, ARRAY[0.50, NULL] AS numbers, '{"a": 1}'::jsonb AS j,
       0.1::float4 AS short, ARRAY[0.1, 'NaN', NULL]::float4[] AS shorts,
       ARRAY[1.5, 'Infinity']::float8[] AS fs
"""


def test_json_has_a_form_for_every_type(client: rail_forge.Client) -> None:
    result = client.sql(VALUES)
    [row] = json.loads(b"".join(json_chunks(result.schema, result.batches())))
    assert row == {
        "nothing": None,
        "b": True,
        "i": 7,
        "f": 1.5,
        "nan": None,
        "n": "12.50",
        "t": 'ä "quoted"',
        "bytes": "00ff",
        "d": "2024-02-29",
        "at": "12:30:00.500000",
        "naive": "2024-02-29T12:00:00",
        "moment": "2024-02-29T12:00:00+00:00",
        "span": "P1M2DT3.5S",
        "numbers": ["0.50", None],
        "j": '{"a": 1}',
        "short": 0.1,
        "shorts": [0.1, None, None],
        "fs": [1.5, None],
    }


def test_chunks_are_of_batches(client: rail_forge.Client) -> None:
    sql = "SELECT id, unit_price FROM order_line ORDER BY id"
    wanted = client.sql(sql).arrow()
    read = {
        "json": lambda body: pa.Table.from_pylist(json.loads(body)).select(["id"]),
        "arrow": lambda body: pa.ipc.open_stream(body).read_all().select(["id"]),
        "parquet": lambda body: pq.read_table(io.BytesIO(body)).select(["id"]),
    }
    for one in FORMATS:
        result = client.sql(sql)
        chunks = list(one.chunks(result.schema, result.batches()))
        assert len(chunks) > 2, one.name
        assert read[one.name](b"".join(chunks))["id"].to_pylist() == wanted["id"].to_pylist()
    result = client.sql(sql)
    body = b"".join(parquet_chunks(result.schema, result.batches()))
    assert pq.read_table(io.BytesIO(body)).equals(wanted)


@pytest.mark.parametrize("wrap", [pa.list_, pa.large_list, lambda kind: pa.list_(kind, 2)])
def test_floats_in_each_kind_of_list_are_shortest_decimals(
    wrap: Callable[[pa.DataType], pa.DataType],
) -> None:
    batch = pa.record_batch({"f": pa.array([[0.1, 0.5], None, [None, float("nan")]], wrap(pa.float32()))})
    rows = json.loads(b"".join(json_chunks(batch.schema, [batch])))
    assert [row["f"] for row in rows] == [[0.1, 0.5], None, [None, None]]


def test_parquet_refuses_intervals_before_its_first_chunk() -> None:
    interval = pa.month_day_nano_interval()
    schema = pa.schema({"id": pa.int64(), "took": interval, "all": pa.list_(interval)})
    with pytest.raises(ValueError, match="no type for intervals, and so none for 'took', 'all'"):
        parquet_chunks(schema, [])


def test_no_rows(client: rail_forge.Client) -> None:
    for chunks, read in (
        (json_chunks, lambda body: len(json.loads(body))),
        (ipc_chunks, lambda body: pa.ipc.open_stream(body).read_all().num_rows),
        (parquet_chunks, lambda body: pq.read_table(io.BytesIO(body)).num_rows),
    ):
        result = client.sql("SELECT id, name FROM region WHERE false")
        assert read(b"".join(chunks(result.schema, result.batches()))) == 0


def test_a_format_is_that_of_its_name_or_of_the_header() -> None:
    assert format_for().name == "json"
    assert format_for("text/html, */*").name == "json"
    assert format_for("text/html, application/vnd.apache.arrow.stream;q=0.9").name == "arrow"
    assert format_for("application/json", "parquet").name == "parquet"
    with pytest.raises(ValueError, match="no format 'csv'; there are json, arrow, parquet"):
        format_for(name="csv")
