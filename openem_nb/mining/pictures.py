"""Pictures of a table of measurements: how its values are distributed, and sheets of thumbnails."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput, NotFound
from openem_nb.images.reliability import doubtful
from openem_nb.mining.columns import COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from openem_nb.mining.mined import Mined

__all__ = ["ContactSheet", "contact_sheet", "histograms", "ranked"]

_SHOWN: Final = (
    *("ctf_resolution", "ctf_defocus", "ctf_astigmatism", "ctf_score", "ice_ring", "mean"),
    *("std", "gradient", "dark", "dose_counted", "motion_total", "motion_early"),
)
"""What is drawn, in this order, where it was measured."""
_COLUMNS: Final = 3
_BAR: Final = "#0072B2"
_MEDIAN: Final = "#D55E00"  # with the bars' blue told apart by any eye, and in grey
_GOOD: Final = ("ctf_resolution", "std")
"""What tells good from bad: the smaller resolution is better, else the larger deviation."""


def histograms(frame: pd.DataFrame) -> Figure:
    """Return the distributions of the measurements, with their medians.

    Values beyond the outer 1 % at each end are counted in the last bars, so that one strange file
    does not hide how the others are.

    Raises
    ------
    InvalidInput
        If the table has no measurement.
    """
    from matplotlib.figure import Figure

    names = [name for name in _SHOWN if name in frame and frame[name].notna().any()]
    if not names:
        raise InvalidInput("The table has no measurement to draw.", hint="Measure statistics.")
    rows = -(-len(names) // _COLUMNS)
    figure = Figure(figsize=(9, 2.3 * rows), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for name, axis in zip(names, axes, strict=False):
        values = frame[name].dropna().to_numpy(float)
        low, high = np.percentile(values, (1, 99))
        if not high > low:
            low, high = values.min() - 0.5, values.max() + 0.5
        bins = max(5, min(40, len(values) // 3))
        axis.hist(np.clip(values, low, high), bins=bins, range=(low, high), color=_BAR)
        middle = float(np.median(values))
        axis.axvline(middle, color=_MEDIAN, linestyle="--", linewidth=1.2)
        column = COLUMNS[name]
        unit = f" ({column.unit})" if column.unit else ""
        axis.set_xlabel(f"{_title(name)}{unit}", fontsize=8)
        text = f"{middle:,.0f}" if abs(middle) >= 1e4 else f"{middle:.4g}"
        axis.set_title(f"median {text}", fontsize=8, loc="right")
        axis.tick_params(labelsize=7)
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    axes[0].set_ylabel("files", fontsize=8)
    return figure


def _title(name: str) -> str:
    text = "standard deviation" if name == "std" else name.replace("ctf_", "CTF ")
    text = text.replace("_", " ")
    return text[0].upper() + text[1:]


def ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were measured, the best first.

    The best has the finest rings that follow a fit that can be relied on; without a CTF, the
    strongest contrast. What has no value to rank by comes last.
    """
    measured = frame[frame["problem"].isna()]
    for name in _GOOD:
        if name in measured and measured[name].notna().any():
            ordered = measured.sort_values(
                [name, "name"], ascending=[name == "ctf_resolution", True]
            )
            doubt = doubtful(ordered, name) | ordered[name].isna().to_numpy(bool)
            return ordered.iloc[np.argsort(doubt, kind="stable")]
    return measured


class ContactSheet:
    """Pictures in rows, with a caption each; shows itself in a notebook, without a kernel too.

    Parameters
    ----------
    cells :
        JPEG, or None where there is no picture, name, and what is said of it.
    title :
        What they are together.
    kind :
        What each is, for those who do not see it.
    width :
        Of each, as CSS has it.
    """

    def __init__(
        self,
        cells: list[tuple[bytes | None, str, str]],
        title: str,
        *,
        kind: str = "Micrograph",
        width: str = "11em",
    ) -> None:
        self._cells = cells
        self.title, self.kind, self.width = title, kind, width

    def __len__(self) -> int:
        return len(self._cells)

    def __repr__(self) -> str:
        return f"<ContactSheet {self.title}: {', '.join(name for _, name, _ in self._cells)}>"

    def _repr_html_(self) -> str:
        cells = []
        width = html.escape(self.width, quote=True)
        for content, name, said in self._cells:
            caption, words = html.escape(name), html.escape(said)
            if content is None:
                picture = '<div style="height:8em">no picture</div>'
            else:
                data = base64.b64encode(content).decode("ascii")
                alt = html.escape(f"{self.kind} {name}: {said}", quote=True)
                picture = (
                    f'<img alt="{alt}" src="data:image/jpeg;base64,{data}" style="width:100%">'
                )
            cells.append(
                f'<figure style="margin:0;width:{width}">{picture}<figcaption style="font-size:80%;'
                f'overflow-wrap:anywhere">{caption}<br>{words}</figcaption></figure>'
            )
        label = html.escape(self.title, quote=True)
        return (
            f'<div role="group" aria-label="{label}" '
            f'style="display:flex;flex-wrap:wrap;gap:0.6em">{"".join(cells)}</div>'
        )


def contact_sheet(
    mined: Mined, rows: pd.DataFrame, *, title: str = "Micrographs", picture: str = "thumbnail"
) -> ContactSheet:
    """Return the thumbnails of some rows.

    Parameters
    ----------
    rows :
        Rows of ``mined.frame``, in the order in which they are to be shown; what a column
        ``reasons`` says is the caption.
    picture :
        ``"thumbnail"`` or ``"spectrum"``.
    """
    cells = []
    for _, row in rows.iterrows():
        content = None
        name = row.get(picture)
        if isinstance(name, str):
            try:
                content = mined.picture(name)
            except NotFound:  # somebody has tidied up: the row is there all the same
                content = None
        cells.append((content, str(row["name"]), _said(row)))
    return ContactSheet(
        cells, title, kind="Micrograph" if picture == "thumbnail" else "Power spectrum of"
    )


def _said(row: Any) -> str:
    for name in ("reasons", "problem"):
        if isinstance(row.get(name), str) and row[name]:
            return str(row[name])
    import pandas as pd

    reliable = row.get("ctf_reliable")
    if pd.notna(reliable) and not reliable:
        return f"no defocus to rely on (score {row['ctf_score']:.2f})"
    words = []
    if pd.notna(row.get("ctf_resolution")):
        words.append(f"rings to {row['ctf_resolution']:.1f} Å")
    if pd.notna(row.get("ctf_defocus")):
        words.append(f"defocus {row['ctf_defocus'] / 1e4:.2f} µm")
    return ", ".join(words)
