"""When the shop sells: its three years, and what day, week, season and sale do to the demand."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np

from rail_forge_testbed._shop import _words as words
from rail_forge_testbed._shop._columns import DAY_US, Floats, Ints, Mask

FIRST_DAY = date(2023, 1, 1)
DAYS = (date(2026, 1, 1) - FIRST_DAY).days
MONTHS = 36
START = int(datetime(2023, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
END = START + DAYS * DAY_US

# First and last day, as month and day; and how much more is ordered then.
SALE, SALE_FACTOR = ((11, 22), (11, 30)), 2.2
BEFORE_CHRISTMAS, CHRISTMAS_FACTOR = ((12, 1), (12, 20)), 1.5
WEEKEND_FACTOR = 1.3
YEAR_PEAK_MONTH, YEAR_SEASON_STRENGTH = 12, 0.15

# How likely an order is in each hour of the customer's day.
HOUR_WEIGHTS = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 11, 10, 9, 9, 10, 11, 13, 16, 18, 16, 10, 5)


def months() -> Ints:
    """The month of each day, counted from the first."""
    return np.array([(day.year - FIRST_DAY.year) * 12 + day.month - 1 for day in _calendar()], dtype=np.int64)


def sale_days() -> Mask:
    """Whether each day is in a sale."""
    return np.array([_is_sale(day) for day in _calendar()])


def day_weights(region: words.Region) -> Floats:
    """How much is ordered in a region on each day."""
    return np.array([_day_weight(region, number, day) for number, day in enumerate(_calendar())])


def department_seasons(region: words.Region, month: int) -> Floats:
    """How well each department sells in a month."""
    seasons = []
    for department in words.DEPARTMENTS:
        peak = department.peak_month + (6 if region.southern and department.follows_weather else 0)
        seasons.append(_season(month, peak, department.season_strength))
    return np.array(seasons)


def _calendar() -> list[date]:
    return [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]


def _day_weight(region: words.Region, number: int, day: date) -> float:
    growth: float = region.yearly_growth ** (number / 365)
    weight = growth * _season(day.month, YEAR_PEAK_MONTH, YEAR_SEASON_STRENGTH)
    if day.weekday() in region.weekend:
        weight *= WEEKEND_FACTOR
    if _is_sale(day):
        weight *= SALE_FACTOR
    elif BEFORE_CHRISTMAS[0] <= (day.month, day.day) <= BEFORE_CHRISTMAS[1]:
        weight *= CHRISTMAS_FACTOR
    return weight


def _is_sale(day: date) -> bool:
    return SALE[0] <= (day.month, day.day) <= SALE[1]


def _season(month: float, peak: float, strength: float) -> float:
    return 1 + strength * math.cos(2 * math.pi * (month - peak) / 12)
