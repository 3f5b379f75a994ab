"""Arrow's values as PostgreSQL prints them: what `SELECT column::text` gives, computed without PostgreSQL.

The time zone is UTC, and intervals have PostgreSQL's own style. Values are read as Arrow stores them, since
Python's datetime has neither years before 1 nor after 9999.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Render = Callable[[Any], str]

SECOND_MICROS = 1_000_000
DAY_MICROS = 86_400 * SECOND_MICROS
# Days of 400 years, after which the calendar repeats, and from 0000-03-01 to 1970-01-01.
ERA_DAYS = 146_097
EPOCH_DAYS = 719_468
# Digits that always survive, from where PostgreSQL writes exponents: FLT_DIG and DBL_DIG of C.
FLOAT_DIGITS = {32: 6, 64: 15}

# What array_out puts in quotes; its blanks are those of ASCII.
QUOTED = re.compile(r'["\\{}, \t\n\r\v\f]|^null$|^$', re.IGNORECASE)


def texts(column: pa.ChunkedArray) -> list[str | None]:
    """A column's cells; NULL stays None."""
    render = _top_level(column.type)
    return [None if cell is None else render(cell) for cell in cells(column)]


def cells(column: pa.ChunkedArray) -> list[Any]:
    """A column's cells with moments as the numbers that Arrow stores."""
    stored = _stored(column.type)
    values: list[Any] = (column if stored == column.type else column.cast(stored)).to_pylist()
    return values


def array_text(elements: Sequence[str | None]) -> str:
    """An array of one dimension of elements that are printed already."""
    return "{" + ",".join("NULL" if element is None else _quoted(element) for element in elements) + "}"


def _stored(data_type: pa.DataType) -> pa.DataType:
    if pa.types.is_list(data_type):
        element = _stored(data_type.value_type)
        return data_type if element == data_type.value_type else pa.list_(element)
    if pa.types.is_date32(data_type):
        return pa.int32()
    if pa.types.is_timestamp(data_type) or pa.types.is_time64(data_type):
        return pa.int64()
    return data_type


def _top_level(data_type: pa.DataType) -> Render:
    if pa.types.is_boolean(data_type):
        return lambda value: "true" if value else "false"  # a cast's words; boolout has t and f
    if pa.types.is_list(data_type):
        element = _renderer(data_type.value_type)
        return lambda values: array_text([None if value is None else element(value) for value in values])
    return _renderer(data_type)


def _renderer(data_type: pa.DataType) -> Render:  # noqa: PLR0911 - one for each type
    if pa.types.is_boolean(data_type):
        return lambda value: "t" if value else "f"
    if pa.types.is_floating(data_type):
        return lambda value: _floating(value, data_type.bit_width)
    if pa.types.is_decimal(data_type):
        return lambda value: format(value, "f")
    if pa.types.is_binary(data_type):
        return lambda value: "\\x" + value.hex()
    if pa.types.is_date32(data_type):
        return lambda days: "{}{}".format(*_date(days))
    if data_type == pa.time64("us"):
        return _time
    if pa.types.is_timestamp(data_type) and data_type.unit == "us":
        offset = "" if data_type.tz is None else {"UTC": "+00"}[data_type.tz]
        return lambda micros: _timestamp(micros, offset)
    if data_type == pa.month_day_nano_interval():
        return _interval
    if pa.types.is_integer(data_type) or pa.types.is_string(data_type):
        return str
    raise TypeError(f"no column comes as {data_type}")


def _quoted(element: str) -> str:
    if not QUOTED.search(element):
        return element
    escaped = element.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _date(days: int) -> tuple[str, str]:
    """Year, month and day, and what follows the time of day; algorithm: Howard Hinnant's civil_from_days."""
    era, day_of_era = divmod(days + EPOCH_DAYS, ERA_DAYS)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = (month_from_march + 2) % 12 + 1
    year = year_of_era + era * 400 + (month <= 2)
    shown, ending = (year, "") if year > 0 else (1 - year, " BC")
    return f"{shown:04}-{month:02}-{day:02}", ending


def _time(micros: int) -> str:
    seconds, fraction = divmod(micros, SECOND_MICROS)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}{_fraction(fraction)}"


def _fraction(micros: int) -> str:
    return f".{micros:06}".rstrip("0") if micros else ""


def _timestamp(micros: int, offset: str) -> str:
    days, time = divmod(micros, DAY_MICROS)
    date, ending = _date(days)
    return f"{date} {_time(time)}{offset}{ending}"


def _interval(value: pa.MonthDayNano) -> str:
    """As EncodeInterval does: a sign is written out when the field before was negative."""
    micros, rest = divmod(abs(value.nanoseconds), 1000)
    assert rest == 0, "PostgreSQL's intervals have microseconds"
    years, months = divmod(abs(value.months), 12)
    sign = -1 if value.months < 0 else 1
    parts: list[str] = []
    before_negative = False
    for number, unit in ((sign * years, "year"), (sign * months, "mon"), (value.days, "day")):
        if number:
            plus = "+" if before_negative and number > 0 else ""
            parts.append(f"{plus}{number} {unit}{'' if number == 1 else 's'}")
            before_negative = number < 0
    if micros or not parts:
        time_sign = "-" if value.nanoseconds < 0 else "+" if before_negative else ""
        parts.append(time_sign + _time(micros))
    return " ".join(parts)


def _floating(value: float, bits: int) -> str:
    if math.isnan(value):
        return "NaN"
    sign = "-" if math.copysign(1, value) < 0 else ""
    magnitude = abs(value)
    if math.isinf(magnitude):
        return f"{sign}Infinity"
    if magnitude == 0:
        return f"{sign}0"
    mantissa, exponent_text = _shortest(magnitude, bits).split("e")
    digits, exponent = mantissa.replace(".", "").rstrip("0") or "0", int(exponent_text)
    if not -4 <= exponent < FLOAT_DIGITS[bits]:
        point = "." if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{point}{digits[1:]}e{exponent:+03}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole, fraction = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
    return f"{sign}{whole}{'.' if fraction else ''}{fraction}"


def _shortest(value: float, bits: int) -> str:
    """The fewest digits that only this number is nearest to, in scientific notation.

    numpy also takes digits halfway between two numbers; PostgreSQL does not (`acceptBounds` in d2s.c).
    """
    own = np.float32 if bits == 32 else np.float64
    number = own(value)
    with np.errstate(over="ignore"):
        above, below = (float(np.nextafter(number, own(end))) for end in (math.inf, -math.inf))
    exact = Fraction(value)
    low = (exact + Fraction(below)) / 2
    high = exact + (exact - Fraction(below) if math.isinf(above) else Fraction(above) - exact) / 2
    text = np.format_float_scientific(number, unique=True, trim="-")
    digits = sum(character.isdigit() for character in text.split("e")[0])
    while not low < Fraction(text) < high:
        text = f"{value:.{digits}e}"
        digits += 1
    return text
