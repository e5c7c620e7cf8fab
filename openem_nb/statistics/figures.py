"""The figures of the report: yearly bars with the ratio as a line, cumulative, delay, methods.

Colours are those of Okabe and Ito, told apart by people with any colour vision, and also by
lightness or by hatching in print. Figures are :class:`matplotlib.figure.Figure` objects without
pyplot, which keeps global state and breaks in threads; the same result gives the same bytes.
"""

from __future__ import annotations

import io
import textwrap
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator, PercentFormatter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from openem_nb.statistics.countries import CountryStatistics

__all__ = ["Figure", "figures"]

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
GREY: Final = "#8C8C8C"

_STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "openem_nb",
}
# Matplotlib reads its style from one global table; figures are drawn one at a time.
_LOCK: Final = threading.RLock()


@dataclass(frozen=True, slots=True)
class Figure:
    """One drawn figure, as bytes, with what a person who cannot see it needs."""

    name: str
    """File name without its ending."""
    title: str
    alt: str
    """What the figure shows, in words with numbers."""
    caption: str
    svg: bytes
    png: bytes

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Show the PNG with its alternative text in a notebook."""
        return {"image/png": self.png, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def figures(result: CountryStatistics) -> tuple[Figure, ...]:
    """Return the four figures of a result."""
    return tuple(_draw(result, *recipe) for recipe in _RECIPES)


def _draw(
    result: CountryStatistics,
    name: str,
    title: str,
    paint: Callable[[CountryStatistics, Axes], tuple[str, str]],
) -> Figure:
    with _LOCK, mpl.rc_context(_STYLE):
        # 180 mm: two columns of a journal page
        canvas = Canvas(figsize=(7.09, 3.5), dpi=300, layout="constrained", facecolor="white")
        axes = canvas.add_subplot()
        alt, caption = paint(result, axes)
        if result.notice:
            canvas.text(
                0.5,
                0.5,
                "PRACTICE DATA",
                rotation=20,
                ha="center",
                va="center",
                fontsize=38,
                color=GREY,
                alpha=0.22,
                weight="bold",
                zorder=10,
            )
            canvas.supxlabel(textwrap.fill(result.notice, 130), fontsize=6.5, color="#595959")
            alt = f"Practice data, not real. {alt}"
        if result.years != result.all_years and name != "delay":
            caption += f" Only the years {result.years[0]} to {result.years[1]} are shown."
        svg, png = (_bytes(canvas, kind, alt) for kind in ("svg", "png"))
    return Figure(name, title, alt, caption, svg, png)


def _bytes(canvas: Canvas, kind: Literal["svg", "png"], alt: str) -> bytes:
    stream = io.BytesIO()
    # without these the file would hold a date (SVG) and the version of matplotlib (PNG)
    metadata: dict[str, str | None]
    if kind == "svg":
        metadata = {"Date": None, "Creator": None, "Description": alt}
    else:
        metadata = {"Software": None, "Description": alt}
    canvas.savefig(stream, format=kind, metadata=metadata)
    return stream.getvalue()


def _years(axes: Axes, years: Sequence[int]) -> None:
    axes.set_xlim(years[0] - 0.7, years[-1] + 0.7)
    axes.set_xticks(list(years))
    if len(years) > 14:
        axes.set_xticks(axes.get_xticks(), minor=True)
        axes.set_xticks([year for year in years if (years[-1] - year) % 2 == 0])
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(axis="y", visible=True)


def _legend(axes: Axes, handles: list[Any], labels: list[str], *, columns: int = 3) -> None:
    """Put the legend above the axes, where it covers nothing."""
    axes.figure.legend(handles, labels, loc="outside upper left", ncols=columns)


def _from_first(result: CountryStatistics, table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the years before the country's first entry; the tables have them."""
    annual = result.tables["annual"]
    used = annual["year"][annual["entries"] > 0]
    return table[table["year"] >= (used.min() if len(used) else result.years[0])]


def _thousands(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


_FEWEST: Final = 5
"""Maps of a year from which on the figure shows its share with raw data."""


def _annual(result: CountryStatistics, axes: Axes) -> tuple[str, str]:
    table = _from_first(result, result.tables["annual"])
    years = [int(year) for year in table["year"]]
    open_years = table["right_censored"].to_numpy(dtype=bool)
    width = 0.4
    for offset, column, colour, label in (
        (-width / 2, "entries", SKY, "EMDB entries"),
        (width / 2, "empiar_entries", BLUE, "EMPIAR entries"),
    ):
        bars = axes.bar(
            np.array(years) + offset, table[column], width, color=colour, label=label, linewidth=0.5
        )
        for bar, incomplete in zip(bars, open_years, strict=True):
            if incomplete:
                bar.set(hatch="////", edgecolor="white", linewidth=0)
    axes.set(xlabel="Year of deposition in EMDB", ylabel=f"Entries, {result.country}")
    _years(axes, years)
    _thousands(axes)
    shares = axes.twinx()
    shares.spines["right"].set_visible(True)
    shares.plot(
        table["year"],
        _telling(table["share"], table["entries"]),
        "o-",
        color=VERMILION,
        markersize=3.5,
        linewidth=1.3,
        label=f"Share with raw data, {result.country}",
    )
    shares.plot(
        table["year"],
        _telling(table["world_share"], table["world_entries"]),
        "s--",
        color="#4D4D4D",
        markersize=2.5,
        linewidth=1,
        label="Share with raw data, world",
    )
    shares.set_ylim(0, max(0.05, *_finite(shares)) * 1.1)
    shares.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    shares.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    shares.set_ylabel("EMDB entries with raw data")
    axes.set_ylim(0, max(1, table[["entries", "empiar_entries"]].to_numpy().max()) * 1.1)
    if open_years.any():
        axes.bar(
            [years[0]],
            [0],
            color=GREY,
            hatch="////",
            edgecolor="white",
            label="Year still incomplete",
        )
    handles, labels = axes.get_legend_handles_labels()
    more, names = shares.get_legend_handles_labels()
    _legend(axes, handles + more, labels + names)
    last = table.iloc[-1]
    best = table.iloc[int(table["entries"].to_numpy().argmax())]
    alt = (
        f"Bars: EMDB and EMPIAR entries of {result.country} by EMDB deposition year, {years[0]} "
        f"to {years[-1]}; most EMDB entries in {best['year']:.0f} ({best['entries']:,.0f}), "
        f"{last['entries']:,.0f} in {last['year']:.0f}. Lines: share with raw data for "
        f"{result.country} and the world; over all years {result.with_raw_data:,} of "
        f"{result.entries:,} against {result.world_with_raw_data:,} of {result.world_entries:,}."
    )
    caption = (
        "An EMPIAR entry counts once, in the year of its earliest deposited map. The figure begins "
        "with the first map of the country; hatched years are incomplete. The lines break at "
        "years with fewer than five EMDB entries."
    )
    return alt, caption


def _telling(share: pd.Series[Any], entries: pd.Series[Any]) -> pd.Series[Any]:
    """Return the share without the years whose few entries say nothing: there the line breaks."""
    return share.astype(float).where(entries >= _FEWEST)


def _finite(axes: Axes) -> list[float]:
    values = [
        float(value) for line in axes.lines for value in np.asarray(line.get_ydata(), dtype=float)
    ]
    return [value for value in values if np.isfinite(value)] or [0.0]


_GROWING: Final = {
    "entries": ("EMDB entries", "-", BLUE),
    "with_raw_data": ("EMDB entries with raw data", "--", VERMILION),
    "empiar_entries": ("EMPIAR entries", ":", BLACK),
}


def _cumulative(result: CountryStatistics, axes: Axes) -> tuple[str, str]:
    table = _from_first(result, result.tables["cumulative"])
    years = [int(year) for year in table["year"]]
    for column, (label, dash, colour) in _GROWING.items():
        axes.plot(table["year"], table[column], dash, color=colour, linewidth=1.8, label=label)
    top = float(max(1, table["entries"].max()))
    ends = sorted((float(table[column].iloc[-1]), column) for column in _GROWING)
    place = -top
    for value, column in ends:
        place = max(value, place + 0.06 * top)  # numbers that would cover each other move up
        axes.annotate(
            f"{value:,.0f}",
            (years[-1], place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=_GROWING[column][2],
        )
    axes.fill_between(table["year"], table["entries"], color=SKY, alpha=0.18, linewidth=0)
    axes.set(
        xlabel="Year of deposition in EMDB", ylabel=f"Entries up to the year, {result.country}"
    )
    _years(axes, years)
    _thousands(axes)
    axes.set_xlim(years[0] - 0.5, years[-1] + 0.03 * len(years) + 0.7)
    axes.set_ylim(0, top * 1.05)
    _legend(axes, *axes.get_legend_handles_labels())
    last = table.iloc[-1]
    alt = (
        f"Lines rising from {years[0]} to {years[-1]}: {last['entries']:,.0f} EMDB entries of "
        f"{result.country}, {last['with_raw_data']:,.0f} of them with raw data, and "
        f"{last['empiar_entries']:,.0f} EMPIAR entries."
    )
    return alt, "Sums over deposition years, from the first year of the archive on."


def _delay(result: CountryStatistics, axes: Axes) -> tuple[str, str]:
    days = result.tables["delays"]["days"].to_numpy(dtype=float)
    axes.set(xlabel="Months from map release to raw data", ylabel=f"Maps, {result.country}")
    if not len(days):
        axes.text(
            0.5, 0.5, "No map has raw data", ha="center", va="center", transform=axes.transAxes
        )
        axes.set(xticks=[], yticks=[])
        return f"No map of {result.country} has raw data.", "Nothing to show."
    month = 365.25 / 12
    months = days / month
    step = 3.0
    edges = np.arange(np.floor(months.min() / step), np.floor(months.max() / step) + 2) * step
    heights, _ = np.histogram(months, edges)
    colours = [ORANGE if left < 0 else BLUE for left in edges[:-1]]
    axes.bar(
        edges[:-1], heights, step, align="edge", color=colours, edgecolor="white", linewidth=0.5
    )
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 3, 6, 10], nbins=12))
    axes.grid(axis="y", visible=True)
    low, middle, high = np.percentile(days, [25, 50, 75])
    axes.axvline(middle / month, color=BLACK, linewidth=1.2)
    axes.axvspan(low / month, high / month, color=GREY, alpha=0.15, linewidth=0, zorder=0)
    axes.set_ylim(0, heights.max() * 1.08)
    early = int((days < 0).sum())
    handles = [
        mpl.patches.Patch(
            color=BLUE, label=f"raw data on the same day or later ({len(days) - early:,})"
        ),
        mpl.patches.Patch(color=ORANGE, label=f"raw data before the map ({early:,})"),
        mpl.lines.Line2D([], [], color=BLACK, linewidth=1.2, label=f"median {middle:,.0f} days"),
        mpl.patches.Patch(
            color=GREY, alpha=0.3, label=f"half of the maps: {low:,.0f} to {high:,.0f} days"
        ),
    ]
    _legend(axes, handles, [str(handle.get_label()) for handle in handles], columns=2)
    alt = (
        f"Histogram of the delay for {len(days):,} maps of {result.country}: median "
        f"{middle:,.0f} days, quartiles {low:,.0f} and {high:,.0f}; {early:,} maps had their "
        "raw data before the map was released."
    )
    return alt, "Each bar is three months wide; each map counts once, with its first raw data."


_METHODS: Final = {
    "singleParticle": ("single particle", BLUE),
    "subtomogramAveraging": ("subtomogram averaging", ORANGE),
    "helical": ("helical", GREEN),
    "tomography": ("tomography", PURPLE),
    "electronCrystallography": ("electron crystallography", YELLOW),
}


def _methods(result: CountryStatistics, axes: Axes) -> tuple[str, str]:
    table = result.tables["methods_by_year"]
    years = [int(year) for year in _from_first(result, result.tables["annual"])["year"]]
    wide = (
        table.pivot_table(index="year", columns="method", values="entries", aggfunc="sum")
        .reindex(index=years)
        .fillna(0.0)
    )
    names = [name for name in _METHODS if name in wide]
    names += sorted(str(name) for name in wide if name not in _METHODS)
    below = np.zeros(len(years))
    for name in names:
        label, colour = _METHODS.get(name, (name, GREY))
        heights = wide[name].to_numpy()
        axes.bar(
            years,
            heights,
            0.8,
            bottom=below,
            color=colour,
            label=label,
            edgecolor="white",
            linewidth=0.4,
        )
        below = below + heights
    axes.set(xlabel="Year of deposition in EMDB", ylabel=f"EMDB entries, {result.country}")
    _years(axes, years)
    _thousands(axes)
    axes.set_ylim(0, max(1.0, below.max() if len(below) else 0.0) * 1.08)
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        _legend(axes, handles, labels, columns=5)
    sums = result.tables["methods"].set_index("method")["entries"]
    words = ", ".join(
        f"{_METHODS.get(str(name), (name, ''))[0]} {number:,}" for name, number in sums.items()
    )
    alt = (
        f"Stacked bars of EMDB entries of {result.country} by method and deposition year, "
        f"{years[0]} to {years[-1]}. Over all years: {words}."
    )
    return alt, "An entry with two methods counts in both."


_RECIPES: Final = (
    ("annual", "EMDB and EMPIAR entries by year", _annual),
    ("cumulative", "Growth", _cumulative),
    ("delay", "From the map to the raw data", _delay),
    ("methods", "Methods", _methods),
)
