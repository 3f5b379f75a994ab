"""The tour's chart: revenue by month, the regions stacked, one hue for each continent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from matplotlib.colors import to_rgb
from matplotlib.dates import ConciseDateFormatter, MonthLocator
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from rail_forge import AsOf

SIZE_INCHES = (12.0, 6.0)
DOTS_PER_INCH = 100
MILLION = 1e6
LABEL_GAP = 0.038  # between two labels, as a share of the axis
LIGHTEST = 0.55  # how far towards white the smallest region of a continent goes
QUARTERS = (1, 4, 7, 10)  # the months that begin one
INK, FAINT = "#222222", "#8a8a8a"

# From the bottom of the stack to its top.
CONTINENTS = {
    "Europe": ("#1f5a93", ("DACH", "UK & Ireland", "Eastern Europe", "Nordics")),
    "America": ("#c9622b", ("North America", "Latin America")),
    "Asia": ("#2f8457", ("India", "Japan", "Middle East", "Korea")),
    "Oceania": ("#7b5aa6", ("Oceania",)),
    "Africa": ("#b3902a", ("Africa",)),
}


def draw(revenue: pl.DataFrame, as_of: AsOf, path: Path) -> None:
    """Draw a frame with the columns month, region and revenue, and write the picture to `path`."""
    regions = [region for _, members in CONTINENTS.values() for region in members]
    # A picture needs no cents: here, and only here, decimals become floats.
    wide = (
        revenue.select("month", "region", pl.col("revenue").cast(pl.Float64) / MILLION)
        .pivot("region", index="month", values="revenue")
        .sort("month")
        .fill_null(0.0)
    )
    columns = [
        wide[region].to_list() if region in wide.columns else [0.0] * wide.height for region in regions
    ]
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH)
    axes = figure.add_axes((0.06, 0.1, 0.79, 0.74))
    axes.stackplot(
        wide["month"].to_list(), columns, colors=_colours(), edgecolor="white", linewidth=0.6, zorder=2
    )
    _label_regions(axes, regions, [column[-1] for column in columns])
    _furnish(axes)
    figure.text(0.06, 0.93, "The shop's revenue by month", fontsize=17, fontweight="bold", color=INK)
    figure.text(0.06, 0.885, "million EUR, by region, without cancelled orders", fontsize=11, color=FAINT)
    moment = f"{as_of.time:%Y-%m-%d %H:%M:%S} UTC"
    figure.text(0.06, 0.02, f"Answered by RailForge as of {moment}, LSN {as_of.lsn}", fontsize=9, color=FAINT)
    figure.savefig(path)


def _colours() -> list[tuple[float, float, float]]:
    """A shade of the continent's hue for each region, lighter from one to the next."""
    shades = []
    for hue, members in CONTINENTS.values():
        for place in range(len(members)):
            white = LIGHTEST * place / max(len(members) - 1, 1)
            red, green, blue = (part + (1 - part) * white for part in to_rgb(hue))
            shades.append((red, green, blue))
    return shades


def _label_regions(axes: Axes, regions: Sequence[str], last: Sequence[float]) -> None:
    """Name each region at the right end of its band, moved up where two names would touch."""
    top = axes.get_ylim()[1]
    hues = [hue for hue, members in CONTINENTS.values() for _ in members]
    base, lowest = 0.0, 0.0
    for region, value, hue in zip(regions, last, hues, strict=True):
        place = max((base + value / 2) / top, lowest)
        axes.annotate(
            region,
            (1.01, place),
            xycoords="axes fraction",
            va="center",
            fontsize=10,
            color=hue,
            annotation_clip=False,
        )
        base, lowest = base + value, place + LABEL_GAP


def _furnish(axes: Axes) -> None:
    axes.margins(x=0)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    locator = MonthLocator(bymonth=QUARTERS)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.tick_params(length=0, labelsize=10, labelcolor=INK, pad=7)
    for spine in axes.spines.values():
        spine.set_visible(False)
