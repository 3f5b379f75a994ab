"""Which Arrow column a Python value becomes, and what is refused before it could change its meaning."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from rail_forge._parameters import parameter_batch

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 20, 12, 0, 0, 123456)  # noqa: DTZ001 - a naive datetime is what is tested
NOON_UTC = NOON.replace(tzinfo=UTC)
IDENTITY = UUID("12345678-1234-5678-1234-567812345678")


class Status(IntEnum):
    PAID = 7


def column(value: object) -> pa.Array:
    """Return the column that a single parameter is sent as."""
    batch = parameter_batch([value])
    assert batch.num_rows == 1
    return batch.column(0)


@pytest.mark.parametrize(
    ("value", "type_", "sent"),
    [
        (None, pa.null(), None),
        (True, pa.bool_(), True),
        (7, pa.int64(), 7),
        (Status.PAID, pa.int64(), 7),
        (2**63 - 1, pa.int64(), 2**63 - 1),
        (-(2**63), pa.int64(), -(2**63)),
        (1.5, pa.float64(), 1.5),
        (float("inf"), pa.float64(), float("inf")),
        (Decimal("-12.340"), pa.decimal128(5, 3), Decimal("-12.340")),
        (Decimal("9" * 38), pa.decimal128(38, 0), Decimal("9" * 38)),
        ("Grüße", pa.string(), "Grüße"),
        ("", pa.string(), ""),
        (b"\x00\xff", pa.binary(), b"\x00\xff"),
        (bytearray(b"\x00\xff"), pa.binary(), b"\x00\xff"),
        (date(2026, 11, 20), pa.date32(), date(2026, 11, 20)),
        (time(10, 17, 55, 1), pa.time64("us"), time(10, 17, 55, 1)),
        (NOON, pa.timestamp("us"), NOON),
        (NOON_UTC, pa.timestamp("us", "UTC"), NOON_UTC),
        (NOON.replace(tzinfo=BERLIN), pa.timestamp("us", "UTC"), NOON_UTC - timedelta(hours=1)),
        (
            NOON.replace(tzinfo=timezone(timedelta(hours=-5))),
            pa.timestamp("us", "UTC"),
            NOON_UTC + timedelta(hours=5),
        ),
        (IDENTITY, pa.string(), str(IDENTITY)),
        (timedelta(days=2, seconds=3, microseconds=4), pa.month_day_nano_interval(), (0, 2, 3_000_004_000)),
        (np.timedelta64(2 * 86_400 + 3, "s"), pa.month_day_nano_interval(), (0, 2, 3_000_000_000)),
        (np.timedelta64(5, "h"), pa.month_day_nano_interval(), (0, 0, 18_000_000_000_000)),
        (timedelta(seconds=-1), pa.month_day_nano_interval(), (0, -1, 86_399_000_000_000)),
        (pa.MonthDayNano([1, 2, 3]), pa.month_day_nano_interval(), (1, 2, 3)),
        (pd.NaT, pa.null(), None),
        (pd.NA, pa.null(), None),
        (pd.Timestamp(NOON), pa.timestamp("us"), NOON),
        (pd.Timestamp(NOON_UTC).tz_convert("Europe/Berlin"), pa.timestamp("us", "UTC"), NOON_UTC),
        (pd.Timedelta(days=2), pa.month_day_nano_interval(), (0, 2, 0)),
        (np.int64(7), pa.int64(), 7),
        (np.datetime64("NaT"), pa.null(), None),
        (np.datetime64("NaT", "ns"), pa.null(), None),
        (np.datetime64("2026"), pa.date32(), date(2026, 1, 1)),
        (np.datetime64("2026-11"), pa.date32(), date(2026, 11, 1)),
        (np.datetime64("2026-11-20"), pa.date32(), date(2026, 11, 20)),
        (np.datetime64("2026-11-20T12"), pa.timestamp("us"), NOON.replace(microsecond=0)),
        (np.datetime64("2026-11-20T12:00"), pa.timestamp("us"), NOON.replace(microsecond=0)),
        (np.datetime64("2026-11-20T12:00:00"), pa.timestamp("us"), NOON.replace(microsecond=0)),
        (np.datetime64("2026-11-20T12:00:00.123"), pa.timestamp("us"), NOON.replace(microsecond=123000)),
        (np.datetime64(NOON), pa.timestamp("us"), NOON),
        (np.datetime64(NOON, "ns"), pa.timestamp("us"), NOON),
        (np.datetime64("1970-01-02", "ps"), pa.timestamp("us"), datetime(1970, 1, 2)),  # noqa: DTZ001 - the same
    ],
)
def test_a_value_becomes_a_column_of_its_type(value: object, type_: pa.DataType, sent: object) -> None:
    sent_column = column(value)
    assert sent_column.type == type_
    assert sent_column.to_pylist() == [sent]


@pytest.mark.parametrize(
    ("value", "item_type", "sent"),
    [
        ([], pa.null(), []),
        ([1, None, 3], pa.int64(), [1, None, 3]),
        ((1, 2), pa.int64(), [1, 2]),
        ([1, Decimal("1.5")], pa.decimal128(2, 1), [Decimal("1.0"), Decimal("1.5")]),
        ([IDENTITY, None], pa.string(), [str(IDENTITY), None]),
        ([NOON.replace(tzinfo=BERLIN)], pa.timestamp("us", "UTC"), [NOON_UTC - timedelta(hours=1)]),
        ([timedelta(days=1)], pa.month_day_nano_interval(), [(0, 1, 0)]),
        ([[IDENTITY], []], pa.list_(pa.string()), [[str(IDENTITY)], []]),
        ([1, pd.NA], pa.int64(), [1, None]),
        ([NOON, pd.NaT, pd.Timestamp(NOON)], pa.timestamp("us"), [NOON, None, NOON]),
        (np.array([1, 2]), pa.int64(), [1, 2]),
        (np.array([[1, 2], [3, 4]]), pa.list_(pa.int64()), [[1, 2], [3, 4]]),
        (np.array(["2026-11-20", "NaT"], "datetime64[D]"), pa.date32(), [date(2026, 11, 20), None]),
        (pd.Series([1, 2]), pa.int64(), [1, 2]),
        (pd.Series([1.5, float("nan")]), pa.float64(), [1.5, None]),
        (pd.Series(["a", None]), pa.string(), ["a", None]),
        (pd.Series([1, None], dtype="Int64"), pa.int64(), [1, None]),
        (pd.Series([NOON, None], dtype="datetime64[ns]"), pa.timestamp("us"), [NOON, None]),
        (pd.Series([IDENTITY]), pa.string(), [str(IDENTITY)]),
        (pd.Index(["a", "b"]), pa.string(), ["a", "b"]),
        (pd.array([1, None], dtype="Int64"), pa.int64(), [1, None]),
        (pd.Categorical(["a", None]), pa.string(), ["a", None]),
        (pl.Series([1, None]), pa.int64(), [1, None]),
        (pl.Series([float("nan")]), pa.float64(), [pytest.approx(float("nan"), nan_ok=True)]),
        (pl.Series([["a"], []]), pa.list_(pa.string()), [["a"], []]),
        (pl.Series([NOON], dtype=pl.Datetime("ns")), pa.timestamp("us"), [NOON]),
        (pa.array([1, None]), pa.int64(), [1, None]),
        (pa.chunked_array([["a"], ["b"]]), pa.string(), ["a", "b"]),
    ],
)
def test_a_list_becomes_a_list_of_the_same_values(
    value: object, item_type: pa.DataType, sent: object
) -> None:
    sent_column = column(value)
    assert sent_column.type == pa.list_(item_type)
    assert sent_column.to_pylist() == [sent]


def test_pandas_and_numpy_stay_away() -> None:
    """Where they are not imported, parameters do not need them."""
    code = (
        "import sys; sys.modules.update(pandas=None, numpy=None, polars=None)\n"
        "from rail_forge._parameters import parameter_batch\n"
        "print(parameter_batch([1, None, [1, 2]]).to_pylist())"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed == "[{'$1': 1, '$2': None, '$3': [1, 2]}]\n"


def test_columns_are_named_after_the_placeholders() -> None:
    batch = parameter_batch(("a", None, 3))
    assert batch.schema == pa.schema([("$1", pa.string()), ("$2", pa.null()), ("$3", pa.int64())])
    assert batch.to_pylist() == [{"$1": "a", "$2": None, "$3": 3}]


def test_no_parameters_are_no_columns() -> None:
    assert parameter_batch([]).num_columns == 0


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ("abc", "str"),
        (b"abc", "bytes"),
        (bytearray(b"abc"), "bytearray"),
        ({"a": 1}, "dict"),
        ({1, 2}, "set"),
        (iter([1]), "list_iterator"),
        (7, "int"),
    ],
)
def test_params_must_be_a_sequence_of_values(params: object, name: str) -> None:
    with pytest.raises(TypeError, match=rf"params must be a list or tuple .*, not a {name}$"):
        parameter_batch(params)  # type: ignore[arg-type]  # the mistake that is tested


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**63, "an int beyond 64 bits; pass a Decimal"),
        (-(2**63) - 1, "an int beyond 64 bits; pass a Decimal"),
        ([1, [2**63]], "an int beyond 64 bits; pass a Decimal"),
        (Decimal("NaN"), "Arrow's decimals have no NaN; pass a float"),
        (Decimal("-Infinity"), "Arrow's decimals have no -Infinity; pass a float"),
        (time(10, 17, tzinfo=UTC), "a time with a time zone"),
        ({"a": 1}, "a dict; pass a list, or json.dumps"),
        ({1, 2}, "a set; pass a list"),
        ([date(2026, 11, 20), NOON], "a list that mixes dates"),
        ([NOON, NOON_UTC], "a list that mixes dates"),
        ([1, "a"], "Could not convert 'a' with type str"),
        (object(), "did not recognize Python value type"),
        ("\ud800", "surrogates not allowed"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))), "date value out of range"),
        (datetime.min.replace(tzinfo=BERLIN), "date value out of range"),
        (pd.Timestamp("2026-11-20T12:00:00.000000001"), "00000001 has nanoseconds"),
        ([pd.Timestamp("2026-11-20T12:00:00.000000001", tz=UTC)], "has nanoseconds"),
        (pd.Timedelta(1, "ns"), "has nanoseconds"),
        (pd.Series(["2026-11-20T12:00:00.000000001"], dtype="datetime64[ns]"), "has nanoseconds"),
        (pl.Series([1]).cast(pl.Datetime("ns")), "has nanoseconds"),
        (pa.array([1], pa.timestamp("ns")), "has nanoseconds"),
        (np.datetime64("2026-11-20T12:00:00.000000001"), "00000001 is no datetime of Python"),
        (np.datetime64("10000-01-01"), "10000-01-01 is no datetime of Python"),
        (np.timedelta64(1, "Y"), "1 years is no timedelta of Python"),
        (np.timedelta64(1, "ns"), "no timedelta of Python"),
        (np.array(1), "0-d array"),
        (pd.DataFrame({"a": [1]}), "Could not convert"),
        (pl.DataFrame({"a": [1]}), "a dict; pass a list"),
    ],
)
def test_a_value_that_would_change_is_refused_by_the_name_of_its_placeholder(
    value: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=rf"^cannot send parameter \$2: .*{reason}"):
        parameter_batch(["fine", value])
