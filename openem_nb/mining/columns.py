"""The columns of the table of measurements: one row for each file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

__all__ = ["COLUMNS", "LASTING", "Column", "as_text", "chosen", "table", "tidy"]

LASTING: Final = ("DamagedFile", "InvalidInput", "InvalidMetadata", "NotFound")
"""Problems of the file itself, which another try finds again; all others are worth one."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds."""

    type: str
    """Type in DuckDB: ``VARCHAR``, ``DOUBLE``, ``BIGINT`` or ``BOOLEAN``."""
    unit: str
    """Empty for numbers without one."""
    text: str
    """What it says, in words."""
    measure: str = ""
    """The measurement that fills it; empty for what is known of every file."""


def _number(unit: str, text: str, measure: str = "") -> Column:
    return Column("DOUBLE", unit, text, measure)


COLUMNS: Final = {
    "path": Column("VARCHAR", "", "absolute path of the file, or where it was far away"),
    "name": Column("VARCHAR", "", "path in the folder, data set or entry that was mined"),
    "source": Column("VARCHAR", "", "the data set or entry; empty for files of a folder"),
    "bytes": Column("BIGINT", "bytes", "size of the file"),
    "mtime": Column("BIGINT", "ns", "when the file was changed, since 1970"),
    "parameters": Column("VARCHAR", "", "which parameters it was measured with"),
    "measured": _number("s", "when it was measured, since 1970"),
    "seconds": _number("s", "how long that took"),
    "fetched": Column("BIGINT", "bytes", "what came over the network for it"),
    "problem": Column("VARCHAR", "", "why the file could not be measured; empty if it could"),
    "problem_kind": Column("VARCHAR", "", "kind of the problem, a name"),
    "left_out": Column("VARCHAR", "", "which measurements are not there, and why"),
    "notes": Column("VARCHAR", "", "what is odd about the file"),
    "format": Column("VARCHAR", "", "format of the file, by its content"),
    "height": Column("BIGINT", "pixels", "rows of a frame"),
    "width": Column("BIGINT", "pixels", "columns of a frame"),
    "frames": Column("BIGINT", "", "frames, sections or tilts"),
    "pixel_size": _number("Å", "size of a pixel"),
    "voltage": _number("kV", "acceleration voltage"),
    "thumbnail": Column(
        "VARCHAR", "", "path of the JPEG in the folder of the results", "thumbnail"
    ),
    "spectrum": Column(
        "VARCHAR", "", "path of the spectrum's JPEG in the folder of the results", "spectrum"
    ),
    "mean": _number("", "mean of the pixels", "statistics"),
    "std": _number("", "standard deviation of the pixels", "statistics"),
    "min": _number("", "smallest pixel", "statistics"),
    "median": _number("", "median of the pixels", "statistics"),
    "max": _number("", "largest pixel", "statistics"),
    "skewness": _number("", "negative where a part of the frame is dark", "statistics"),
    "hot_pixels": Column("BIGINT", "", "pixels that stand far above all others", "statistics"),
    "not_finite": Column("BIGINT", "", "pixels that hold no number", "statistics"),
    "gradient": _number(
        "",
        "change of the mean over the frame, relative to it; empty where it is near 0",
        "statistics",
    ),
    "unevenness": _number("", "deviation of patches from that slope, relative too", "statistics"),
    "dark": _number("", "part of the frame that is dark", "statistics"),
    "empty": Column("BOOLEAN", "", "whether there is nothing to see", "statistics"),
    "ctf_defocus_u": _number(
        "Å", "defocus along the axis of astigmatism; underfocus is positive", "ctf"
    ),
    "ctf_defocus_v": _number("Å", "defocus across it", "ctf"),
    "ctf_defocus": _number("Å", "mean of the two", "ctf"),
    "ctf_astigmatism": _number("Å", "difference of the two", "ctf"),
    "ctf_angle": _number("°", "axis of astigmatism, from x towards higher rows of the file", "ctf"),
    "ctf_phase_shift": _number("°", "phase shift of a phase plate", "ctf"),
    "ctf_score": _number("", "correlation of the spectrum with the fit", "ctf"),
    "ctf_resolution": _number("Å", "how far the fit holds", "ctf"),
    "ctf_deviation": _number("Å", "standard deviation of the defocus, from noise", "ctf"),
    "ctf_deviation_u": _number("Å", "the same of the defocus along the axis", "ctf"),
    "ctf_deviation_v": _number("Å", "the same of the defocus across it", "ctf"),
    "ctf_deviation_angle": _number("°", "the same of the axis; 52 where it is not known", "ctf"),
    "ctf_reliable": Column("BOOLEAN", "", "whether the fit is to be trusted", "ctf"),
    "ctf_cs": _number("mm", "spherical aberration that the fit was given", "ctf"),
    "ctf_amplitude_contrast": _number("", "amplitude contrast that the fit was given", "ctf"),
    "ice_ring": _number("", "power in the ring of ice over that around it", "ice"),
    "ice_distance": _number("Å", "where the ring is strongest", "ice"),
    "ice_crystalline": Column("BOOLEAN", "", "whether there are crystals of ice", "ice"),
    "dose_counted": _number("e⁻/Å²", "electrons that the pixels hold", "dose"),
    "dose_ratio": _number("", "counted over expected dose", "dose"),
    "motion_total": _number("Å", "length of the specimen's way over all frames", "motion"),
    "motion_early": _number("Å", "up to 4 e⁻/Å², or in the first quarter", "motion"),
    "motion_late": _number("Å", "in the rest", "motion"),
    "motion_reliable": Column(
        "BOOLEAN", "", "whether the specimen was followed; else its way is that of noise", "motion"
    ),
    "motion_dose": _number(
        "e⁻/Å²", "dose of a frame that tells what is early; empty for the first quarter", "motion"
    ),
}
"""All columns, in their order. A value that could not be measured is empty."""


def chosen(measures: Iterable[str]) -> list[str]:
    """Return the columns that these measurements fill, and those of every file."""
    known = {"", *measures}
    return [name for name, column in COLUMNS.items() if column.measure in known]


def as_text(path: str) -> str:
    r"""Return a text without halves of characters, which no table and no file takes.

    Python keeps a byte of a path that is no UTF-8 as one; it is written as ``\xfc`` here.
    """
    if path.isascii():
        return path
    try:
        found = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # halves that stand for no byte
        found = path.encode("utf-8", "backslashreplace")
    return found.decode("utf-8", "backslashreplace")


def tidy(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as plain data of the columns' types; what is no number is left out."""
    found: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        value = row.get(name)
        if value is None:
            continue
        if column.type == "VARCHAR":
            if value:
                found[name] = as_text(str(value))
        elif column.type == "BOOLEAN":
            found[name] = bool(value)
        elif math.isfinite(float(value)):
            found[name] = int(value) if column.type == "BIGINT" else float(value)
    return found


def table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table with all columns, each of one type whatever the rows hold."""
    import pandas as pd

    kinds = {"VARCHAR": "object", "DOUBLE": "float64", "BIGINT": "Int64", "BOOLEAN": "boolean"}
    listed = list(rows)
    return pd.DataFrame(
        {
            name: pd.Series([row.get(name) for row in listed], dtype=kinds[column.type])
            for name, column in COLUMNS.items()
        }
    )
