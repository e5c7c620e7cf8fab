"""The coverage table as a picture: parameters down, formats across, readable in grey as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from openem_nb.mmcif._requirements import FORMATS

if TYPE_CHECKING:
    from openem_nb.mmcif._coverage import Coverage, Covered

__all__ = ["draw"]

# Of Okabe and Ito: told apart with any colour vision, and by lightness in grey.
_THERE: Final = "#0072B2"
_ABLE: Final = "#56B4E9"
_NOT: Final = "#F2F2F2"
_OPEN: Final = "#E69F00"
_ROW: Final = 0.19  # inches
_LONGEST: Final = 48


def draw(coverage: Coverage) -> Figure:
    """Return the picture; a filled cell has a mark too, so that no meaning is in colour alone."""
    session = any(one.there is not None for one in coverage.rows)
    columns = (["this session" if coverage.name else "this document"] if session else []) + [
        *FORMATS.values()
    ]
    count = len(coverage.rows)
    figure = Figure(figsize=(4.6 + 0.42 * len(columns), 1.9 + _ROW * count), layout="constrained")
    axes = figure.subplots()
    for place, one in enumerate(coverage.rows):
        cells = ([_session_cell(one)] if session else []) + [
            (_ABLE, "●") if name in one.formats else (_NOT, "") for name in FORMATS
        ]
        for column, (colour, mark) in enumerate(cells):
            axes.add_patch(
                Rectangle((column, place), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8)
            )
            axes.text(
                column + 0.5,
                place + 0.52,
                mark,
                ha="center",
                va="center",
                fontsize=7,
                color="white" if colour == _THERE else "black",
            )
    axes.set_xlim(0, len(columns))
    axes.set_ylim(count, 0)
    axes.set_yticks([place + 0.5 for place in range(count)], [_name(o) for o in coverage.rows])
    axes.set_xticks(
        [column + 0.5 for column in range(len(columns))], columns, rotation=50, ha="left"
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=7)
    for label, one in zip(axes.get_yticklabels(), coverage.rows, strict=True):
        needed = "mandatory" in (one.parameter.emdb, one.parameter.empiar)
        label.set_fontweight("bold" if needed else "normal")
    for side in axes.spines.values():
        side.set_visible(False)
    title = f"What EMDB (OneDep) and EMPIAR ask for: {coverage.technique}"
    axes.set_title(title, fontsize=9, fontweight="bold", loc="left", pad=12)
    legend = [("●", _ABLE, "a reader of the format can supply it")]
    if session:
        legend += [("✓", _THERE, "it is there"), ("○", _OPEN, "mandatory and open")]
    axes.legend(
        handles=[Rectangle((0, 0), 1, 1, facecolor=c, label=f"{m}  {t}") for m, c, t in legend],
        loc="upper left",
        bbox_to_anchor=(0, 0),
        fontsize=7,
        frameon=False,
        title="bold: mandatory",
        title_fontsize=7,
        alignment="left",
    )
    return figure


def _session_cell(one: Covered) -> tuple[str, str]:
    if one.there:
        return _THERE, "✓"
    if "mandatory" in (one.parameter.emdb, one.parameter.empiar):
        return _OPEN, "○"
    return _NOT, ""


def _name(one: Covered) -> str:
    name = one.parameter.name
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
