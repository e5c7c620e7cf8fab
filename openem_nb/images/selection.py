"""What a person thinks of micrographs: good, bad, a note; as CSV and as STAR.

CSV is for spreadsheets and people, STAR for RELION: there the block ``micrographs`` holds the kept
micrographs with the columns that RELION has names for, and ``optics`` what micrographs of one
microscope have in common (since version 3.1; Zivanov et al. 2020, IUCrJ 7, 253).
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from openem_nb._folders import write_whole
from openem_nb.errors import DamagedFile, InvalidInput
from openem_nb.images._star import content_of, numbers, read_star, texts, writable, write_star
from openem_nb.images.reliability import doubtful
from openem_nb.values import counted, for_spreadsheets

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MARKS", "missing_optics", "read_selection", "write_selection"]

Keep = Literal["all", "good", "not bad"]

MARKS: Final = ("good", "bad", "")
"""What a micrograph can be; the last is that nobody has said it."""
_RELION: Final = {
    "defocus_u": "rlnDefocusU",
    "defocus_v": "rlnDefocusV",
    "angle": "rlnDefocusAngle",
    "phase_shift": "rlnPhaseShift",
    "score": "rlnCtfFigureOfMerit",
    "resolution": "rlnCtfMaxResolution",
    "total": "rlnAccumMotionTotal",
    "early": "rlnAccumMotionEarly",
    "late": "rlnAccumMotionLate",
}
"""Measurements that RELION has a name for; theirs and its units are the same (Å, kV, mm, °)."""
_OPTICS: Final = {
    "pixel_size": ("rlnMicrographOriginalPixelSize", "pixel size"),
    "voltage": ("rlnVoltage", "voltage"),
    "ctf_cs": ("rlnSphericalAberration", "spherical aberration"),
    "ctf_amplitude_contrast": ("rlnAmplitudeContrast", "amplitude contrast"),
}
"""What RELION wants to know of a group of optics: columns of a table, and what they are called."""
_GROUPS: Final = ("ctf_", "motion_")
"""What a table of many measurements writes before their names."""
_BY_DOSE: Final = ("motion_early", "motion_late")
"""Columns that mean what RELION means by them only where ``motion_dose`` tells the dose: its early
motion is that of the first 4 e⁻/Å²."""
_HIDDEN: Final = re.compile(r"'+[=+\-@\t\r\n]")
"""A text that spreadsheets would calculate, with apostrophes before it: one more is put there, and
one is taken away on reading, so that every text comes back as it was."""
_NAMES: Final = ("micrograph", "name", "path")
_BYTES: Final = 256 << 20


def write_selection(
    path: Path | str,
    frame: pd.DataFrame,
    *,
    name: str = "name",
    keep: Keep = "all",
    folder: Path | str | None = None,
) -> Path:
    """Write marks and notes; return the path.

    Parameters
    ----------
    path :
        Ends in ``.csv`` or ``.star``.
    frame :
        One row for each micrograph, with the columns ``mark`` (good, bad or empty) and ``note``;
        whatever else it holds is written too, to STAR only what RELION has a name for and every
        kept micrograph a value, because RELION takes a missing number for zero.
    name :
        Column with the names.
    keep :
        ``"good"`` writes those that are marked good, ``"not bad"`` all that are not marked bad.
    folder :
        Where the micrographs lie. In a STAR file their names then begin with it, so that RELION
        finds them from any project. Without it the column ``path`` is written as their names,
        where it has the whole path of each.

    Notes
    -----
    A STAR file has groups of optics, which RELION asks for, where the table knows the pixel size,
    voltage, spherical aberration and amplitude contrast; :func:`missing_optics` says what it lacks.
    Where the column ``format`` says that a micrograph is TIFF, its ``rlnDefocusAngle`` is negated:
    RELION reads the rows of TIFF files from the last to the first.
    A CTF that is not reliable is written like others: mark such micrographs bad. A motion that is
    not reliable is no value: where a kept micrograph has one, RELION is told no motion at all.

    Raises
    ------
    InvalidInput
        If the name of the file ends otherwise, a column is missing, or no micrograph is kept.
    """
    path = Path(path)
    for column in (name, "mark", "note"):
        if column not in frame:
            raise InvalidInput(
                f"The table has no column {column!r}.", hint="Give what Gallery.marks returns."
            )
    chosen = frame
    if keep == "good":
        chosen = frame[frame["mark"] == "good"]
    elif keep == "not bad":
        chosen = frame[frame["mark"] != "bad"]
    elif keep != "all":
        raise InvalidInput(f"{keep!r} is no choice.", hint="Choose all, good or not bad.")
    if len(frame) and chosen.empty:
        raise InvalidInput(
            f"Of {counted(len(frame), 'micrograph')} none is {keep}, so nothing was written.",
            hint="Mark some as good, or keep all.",
        )
    suffix = path.suffix.lower()
    if suffix == ".csv":
        written = for_spreadsheets(chosen.astype(object).map(_told_apart))
        written[name] = [writable(str(one)) for one in written[name]]
        write_whole(path, written.to_csv(index=False))
    elif suffix == ".star":
        _write_star(path, chosen, name, None if folder is None else Path(folder).absolute())
    else:
        raise InvalidInput(
            f"{path.name} is neither CSV nor STAR.", hint="Let it end in .csv or .star."
        )
    return path


def missing_optics(frame: pd.DataFrame) -> list[str]:
    """Return in words which of the values are not known that RELION asks for in ``optics``."""
    known = _optics(frame)
    return [words for column, (_, words) in _OPTICS.items() if column not in known]


def _optics(frame: pd.DataFrame) -> dict[str, list[float]]:
    """Return the values of each row that are known; one that is all there is holds for all rows."""
    found = {}
    for column in _OPTICS:
        if column not in frame:
            continue
        values = frame[column].astype(float)
        known = values.dropna().unique()
        if len(known) == 1 or (len(known) and not values.isna().any()):
            found[column] = values.fillna(known[0]).tolist()
    return found


def _write_star(path: Path, frame: pd.DataFrame, name: str, folder: Path | None) -> None:
    columns, without = _columns(frame, name, folder)
    remarks = []
    if without:
        remarks.append(
            f"Without {', '.join(without)}: not every micrograph has a value that holds."
        )
    tables = {"micrographs": columns}
    missing = missing_optics(frame)
    if missing and len(frame):
        remarks.append(f"Without optics: not known are {', '.join(missing)}.")
    elif len(frame):
        rows = list(zip(*_optics(frame).values(), strict=True))
        groups = {row: place for place, row in enumerate(dict.fromkeys(rows), 1)}
        shared: dict[str, list[Any]] = {
            "rlnOpticsGroupName": [f"opticsGroup{place}" for place in groups.values()],
            "rlnOpticsGroup": list(groups.values()),
        }
        for place, (label, _) in enumerate(_OPTICS.values()):
            shared[label] = [row[place] for row in groups]
        shared["rlnMicrographPixelSize"] = shared["rlnMicrographOriginalPixelSize"]
        columns["rlnOpticsGroup"] = [groups[row] for row in rows]
        tables = {"optics": shared, **tables}
    write_star(path, tables, remarks=remarks)


def _columns(
    frame: pd.DataFrame, name: str, folder: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the columns of the micrographs, and the labels that some have no value for."""
    names = [str(one) for one in frame[name]]
    for one in names:
        if one != " ".join(one.split()):
            raise InvalidInput(
                f"A STAR file cannot hold the name {one!r} with its spaces.",
                hint="Rename the file, or write CSV.",
            )
    if folder is not None:
        names = [str(folder / one) for one in names]
    elif "path" in frame:
        paths = [str(one) for one in frame["path"]]
        names = paths if all(Path(one).is_absolute() for one in paths) else names
    columns: dict[str, Any] = {"rlnMicrographName": names}
    without = []
    for column in frame:
        short = str(column)
        for group in _GROUPS:
            short = short.removeprefix(group)
        label = _RELION.get(short)
        if not label or label in columns or frame[column].dtype.kind not in "fiu":
            continue
        if column in _BY_DOSE and not (
            "motion_dose" in frame and frame["motion_dose"].notna().all()
        ):
            continue
        values = frame[column]
        if str(column).startswith("motion_"):  # RELION has no column that could say it is noise
            values = values.mask(doubtful(frame, str(column)))
        if label == "rlnDefocusAngle" and "format" in frame:
            # RELION reads the last row of a TIFF first, which mirrors all directions
            values = values.where(frame["format"] != "tiff", 0 - values)
        if values.notna().all():
            columns[label] = values.tolist()
        elif frame[column].notna().any():
            without.append(label)
    columns["openemMark"] = [one or None for one in frame["mark"]]
    if frame["note"].astype(bool).any():
        # None would be a note that is missing
        columns["openemNote"] = ["none" if one == "None" else one or None for one in frame["note"]]
    return columns, without


def read_selection(path: Path | str) -> pd.DataFrame:
    """Read marks and notes from CSV or STAR: columns ``name``, ``mark``, ``note``.

    Of a STAR file without marks, what ``rlnSelected`` says counts, and without that all
    micrographs that it lists are good.

    Raises
    ------
    NotFound
        If there is no such file.
    DamagedFile
        If it is no table with names of micrographs.
    """
    path = Path(path)
    if path.suffix.lower() == ".star":
        return _read_star(path)
    return _read_csv(path)


def _read_star(path: Path) -> pd.DataFrame:
    import pandas as pd

    for block in read_star(path):
        key = ("_rlnMicrographName", "_rlnMicrographMovieName")
        names = texts(block, *key)
        if names is None:
            continue
        marks = texts(block, "_openemMark", beside=key)
        selected = numbers(block, "_rlnSelected", beside=key)
        if marks is None and selected is not None:
            marks = ["good" if one else "bad" for one in selected]
        notes = texts(block, "_openemNote", beside=key)
        return _checked(
            path,
            pd.DataFrame(
                {
                    "name": names,
                    "mark": ["good"] * len(names) if marks is None else map(_said, marks),
                    "note": [""] * len(names) if notes is None else map(_said, notes),
                }
            ),
        )
    raise DamagedFile(f"{path.name} lists no micrographs.", hint="It has no rlnMicrographName.")


def _said(text: str) -> str:
    return "" if text == "None" else text


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    content = content_of(path, _BYTES)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:  # as spreadsheets save it again in much of Europe
        text = content.decode("cp1252", "replace")
    first = text.partition("\n")[0]
    columns = {mark: [one.strip(' "\r') for one in first.split(mark)] for mark in ",;\t"}
    between = next((mark for mark, names in columns.items() if "mark" in names), ",")
    try:
        table = pd.read_csv(io.StringIO(text), sep=between, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise DamagedFile(
            f"{path.name} is not a CSV file: {error}.", hint="Save it again."
        ) from error
    name = next((one for one in _NAMES if one in table), None)
    if name is None or "mark" not in table:
        raise DamagedFile(
            f"{path.name} has no columns name and mark.", hint="Give a file that was saved here."
        )
    found = pd.DataFrame({"name": table[name], "mark": table["mark"].str.strip()})
    found["note"] = table.get("note", "")
    return _checked(path, found.map(_as_it_was))


def _as_it_was(text: str) -> str:
    """Return a text without the apostrophe that keeps spreadsheets from calculating it."""
    return text[1:] if _HIDDEN.match(text) else text


def _told_apart(value: Any) -> Any:
    """Return a text that is like one with that apostrophe with another one."""
    return f"'{value}" if isinstance(value, str) and _HIDDEN.match(value) else value


def _checked(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    wrong = sorted(set(frame["mark"]) - set(MARKS))
    if wrong:
        raise DamagedFile(
            f"{path.name} marks a micrograph as {wrong[0]!r}.",
            hint="A mark is good, bad or empty.",
        )
    return frame
