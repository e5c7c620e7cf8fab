"""Particle picks: where particles lie in micrographs, as picking programs write it.

Read are STAR files of RELION and of the programs that write like it, CBOX of crYOLO, BOX of EMAN,
and plain coordinates. Places are pixels of the micrograph, x along the rows and y from the first
row of the file; in MRC files that row is the bottom of the picture. BOX and CBOX give the corner of
a box nearest to the first pixel (EMAN1 manual; crYOLO manual, "CBOX"), STAR gives the centre.
Refined particles lie where they were picked: the shifts that refinement found (``rlnOriginXAngst``,
``rlnOriginYAngst``) are not taken off.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import DamagedFile, InvalidInput
from openem_nb.images._star import content_of, numbers, read_star, texts, write_star
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gemmi import cif
    from numpy.typing import NDArray

__all__ = ["Picks", "read_picks", "write_picks"]

_SUFFIXES: Final = (".star", ".cbox", ".box", ".coords", ".txt")
_MOST_CLASSES: Final = 1 << 31
_LARGEST_TEXT: Final = 64 << 20
"""Bytes of a BOX file, which holds the picks of one micrograph."""


@dataclass(frozen=True, slots=True, eq=False)
class Picks:
    """Particles of one micrograph or of many."""

    x: NDArray[np.float64]
    """Columns of the centres, pixels of the micrograph."""
    y: NDArray[np.float64]
    """Rows of the centres, pixels, counted from the first row of the file."""
    diameter: float | None = None
    """Side of the boxes in pixels; None where the file does not say it."""
    score: NDArray[np.float64] | None = None
    """Figure of merit of each, higher is better; its scale is that of the program."""
    kind: NDArray[np.int64] | None = None
    """Class of each, None where they were not classified."""
    angle: NDArray[np.float64] | None = None
    """In-plane angle of each in degrees, as the program has written it."""
    micrographs: tuple[str, ...] | None = None
    """Micrograph of each, as the file names it; None where the file is of one micrograph."""
    pixel_size: float | None = None
    """Å of a pixel in which ``x`` and ``y`` count, where the file says it."""
    notes: tuple[str, ...] = ()
    """What is doubtful about them, in sentences."""

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        of = "" if self.micrographs is None else f" in {len(self.names):,} micrographs"
        doubts = "".join(f" {note}" for note in self.notes)
        return f"<{counted(len(self), 'pick')}{of}{doubts and ':'}{doubts}>"

    @property
    def names(self) -> tuple[str, ...]:
        """The micrographs that have picks, each once, in the order of the file."""
        return tuple(dict.fromkeys(self.micrographs or ()))

    def where(self, chosen: NDArray[Any]) -> Picks:
        """Return the chosen picks.

        Parameters
        ----------
        chosen :
            Truth value of each pick, or numbers of picks.
        """
        index = np.asarray(chosen)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        names = self.micrographs
        return replace(
            self,
            x=self.x[index],
            y=self.y[index],
            score=None if self.score is None else self.score[index],
            kind=None if self.kind is None else self.kind[index],
            angle=None if self.angle is None else self.angle[index],
            micrographs=None if names is None else tuple(names[place] for place in index),
        )

    def above(self, score: float) -> Picks:
        """Return those with at least this figure of merit.

        Raises
        ------
        InvalidInput
            If the picks have none.
        """
        if self.score is None:
            raise InvalidInput(
                "These picks have no figure of merit.", hint="Take all of them, or pick again."
            )
        return self.where(self.score >= score)

    def scaled(self, pixel_size: float | None) -> Picks:
        """Return the picks in pixels of another size, Å; as they are where one is not known.

        Picks of a movie in super-resolution are often counted in pixels of its binned sum.
        """
        if pixel_size is None or self.pixel_size is None or not pixel_size > 0:
            return self
        factor = self.pixel_size / pixel_size
        return replace(
            self,
            x=self.x * factor,
            y=self.y * factor,
            diameter=None if self.diameter is None else self.diameter * factor,
            pixel_size=pixel_size,
        )

    def of(self, micrograph: Path | str) -> Picks:
        """Return those of one micrograph, found by its file name without ending.

        Where micrographs in several folders are called so, it is that whose last folders agree
        best with those of ``micrograph``; if that tells none of them from the others, the picks of
        all are returned, and :attr:`notes` say so. Picks of a single micrograph are returned as
        they are: their file does not name it.
        """
        if self.micrographs is None:
            return self
        wanted = _place(str(micrograph))
        agreeing = {
            name: _agreement(place, wanted)
            for name in self.names
            if (place := _place(name)).stem == wanted.stem
        }
        best = max(agreeing.values(), default=None)
        same = {name for name, agreement in agreeing.items() if agreement == best}
        found = self.where(np.fromiter((one in same for one in self.micrographs), bool, len(self)))
        several = dict.fromkeys(str(_place(name).parent) for name in self.names if name in same)
        if len(several) < 2:
            return found
        note = f"Micrographs in {', '.join(several)} are called {wanted.stem}; these are of all."
        return replace(found, notes=(*self.notes, note))


def _place(name: str) -> PurePosixPath:
    """Return what names a micrograph: ``000012@Movies/m_1.mrcs`` is ``Movies/m_1.mrcs``."""
    return PurePosixPath(name.rpartition("@")[2].replace("\\", "/"))


def _agreement(place: PurePosixPath, wanted: PurePosixPath) -> tuple[int, bool]:
    """Return how many of the last folders are the same, and whether these are all of ``place``."""
    pairs = zip(reversed(place.parent.parts), reversed(wanted.parent.parts), strict=False)
    count = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return count, count == len(place.parent.parts)


def read_picks(path: Path | str) -> Picks:
    """Read particle picks.

    Parameters
    ----------
    path :
        A STAR file (``rlnCoordinateX``…), CBOX, BOX, or a text of two columns: the centres.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If its name does not end in ``.star``, ``.cbox``, ``.box``, ``.coords`` or ``.txt``.
    DamagedFile
        If it holds no coordinates.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InvalidInput(
            f"{path.name} is not named as a file of picks.",
            hint=f"Known are {', '.join(_SUFFIXES)}.",
        )
    if suffix == ".star":
        return _read_star(path)
    return _read_cbox(path) if suffix == ".cbox" else _read_box(path)


def _read_star(path: Path) -> Picks:
    document = read_star(path)
    for block in document:
        key = ("_rlnCoordinateX",)
        x, y = numbers(block, *key), numbers(block, "_rlnCoordinateY", beside=key)
        if x is not None and y is not None:
            names = texts(block, "_rlnMicrographName", "_rlnMicrographMovieName", beside=key)
            merits = ("_rlnAutopickFigureOfMerit", "_rlnParticleFigureOfMerit")
            found = Picks(
                x,
                y,
                score=numbers(block, *merits, beside=key),
                kind=_classes(numbers(block, "_rlnClassNumber", beside=key)),
                angle=numbers(block, "_rlnAnglePsi", beside=key),
                micrographs=None if names is None else tuple(names),
                pixel_size=_pixel_size(document),
            )
            return _placed(path, found)
    raise DamagedFile(
        f"{path.name} has no columns rlnCoordinateX and rlnCoordinateY in one table.",
        hint="Give the STAR file of the particles, not that of the micrographs.",
    )


def _classes(numbers: NDArray[np.float64] | None) -> NDArray[np.int64] | None:
    """Return numbers of classes; -1 where one is none, or none that is counted."""
    if numbers is None:
        return None
    known = np.abs(numbers) < _MOST_CLASSES
    return np.where(known, numbers, -1).astype(np.int64)


def _pixel_size(document: cif.Document) -> float | None:
    """Return the size of a pixel that all groups of optics share, Å; None where they differ."""
    for block in document:
        # the original pixel size is the movie's: particles of its binned sum keep it in their
        # file, though their places count pixels of the sum (as RELION's extraction writes them)
        sizes = numbers(block, "_rlnMicrographPixelSize")
        if sizes is not None:
            one = float(sizes[0])
            return one if 0 < one < np.inf and (sizes == one).all() else None
    return None


def _read_cbox(path: Path) -> Picks:
    document = read_star(path)
    for block in document:
        key = ("_CoordinateX",)
        corner = [numbers(block, f"_Coordinate{axis}", beside=key) for axis in "XY"]
        sides = [numbers(block, name, beside=key) for name in ("_Width", "_Height")]
        if all(one is not None for one in (*corner, *sides)):
            score = numbers(block, "_Confidence", beside=key)
            return _placed(path, _boxes(corner, sides, score))
    own = document.find_block("cryolo")
    if own is not None and numbers(own, "_CoordinateX") is None:  # looked at, and nothing was found
        return Picks(np.empty(0), np.empty(0))
    raise DamagedFile(
        f"{path.name} has no boxes of crYOLO in it.", hint="Write it with crYOLO 1.8 or later."
    )


def _read_box(path: Path) -> Picks:
    lines = content_of(path, _LARGEST_TEXT).decode("utf-8", "replace").splitlines()
    rows = []
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").split()
        if not words or words[0][0] in "#;":
            continue
        try:
            rows.append([float(word) for word in words[:5]])
        except ValueError:
            raise DamagedFile(
                f"Line {number} of {path.name} is no line of coordinates.",
                hint="Each line holds x, y, width and height, or x and y alone.",
            ) from None
    widths = {len(row) for row in rows}
    if len(widths) > 1 or widths & {0, 1, 3}:
        raise DamagedFile(
            f"The lines of {path.name} do not hold x, y, width and height, or x and y alone.",
            hint="Export the picks once more.",
        )
    table = np.array(rows, np.float64).reshape(len(rows), *(widths or {2}))
    if table.shape[1] == 2:
        return _placed(path, Picks(table[:, 0], table[:, 1]))
    # the fifth column of BOX is a flag of EMAN1 (-3 in files of all programs), or a confidence
    score = table[:, 4] if table.shape[1] > 4 and (table[:, 4] >= 0).all() else None
    return _placed(path, _boxes([table[:, 0], table[:, 1]], [table[:, 2], table[:, 3]], score))


def _boxes(corner: Sequence[Any], sides: Sequence[Any], score: NDArray[np.float64] | None) -> Picks:
    if score is not None and np.isnan(score).all():
        score = None
    side = np.nanmedian(sides[0]) if np.isfinite(sides[0]).any() else np.nan
    diameter = float(side) if side > 0 else None
    return Picks(corner[0] + sides[0] / 2, corner[1] + sides[1] / 2, diameter, score)


def _placed(path: Path, picks: Picks) -> Picks:
    """Return picks whose coordinates are numbers; refuse a file in which none is."""
    there = np.isfinite(picks.x) & np.isfinite(picks.y)
    if there.all():
        return picks
    if not there.any():
        raise DamagedFile(
            f"No coordinate in {path.name} is a number.", hint="Export the picks once more."
        )
    return picks.where(there)


def write_picks(path: Path | str, picks: Picks, *, micrograph: str | None = None) -> Path:
    """Write picks as a STAR file that RELION imports; return its path.

    The size of the pixels that are counted goes into a table of optics; the diameter is left out.

    Parameters
    ----------
    path :
        Its name ends in ``.star``.
    micrograph :
        Name of the micrograph, for picks that do not have it.

    Raises
    ------
    InvalidInput
        If the name ends otherwise, or picks do not know their micrograph.
    """
    path = Path(path)
    if path.suffix.lower() != ".star":
        raise InvalidInput(
            f"Picks are written as STAR, and {path.name} does not end in .star.",
            hint=f"Call it {path.with_suffix('.star').name}.",
        )
    names = picks.micrographs if micrograph is None else (micrograph,) * len(picks)
    if names is None and len(picks):
        raise InvalidInput(
            "These picks do not know their micrograph.", hint="Give micrograph=, its name."
        )
    columns: dict[str, Any] = {"rlnMicrographName": names or ()}
    columns |= {"rlnCoordinateX": picks.x, "rlnCoordinateY": picks.y}
    tables: dict[str, dict[str, Any]] = {}
    if picks.pixel_size is not None:
        columns["rlnOpticsGroup"] = [1] * len(picks)
        optics = {"rlnOpticsGroupName": "opticsGroup1", "rlnOpticsGroup": 1}
        optics["rlnMicrographPixelSize"] = picks.pixel_size
        tables["optics"] = {name: [value] for name, value in optics.items()}
    for name, values in (
        ("rlnAutopickFigureOfMerit", picks.score),
        ("rlnClassNumber", picks.kind),
        ("rlnAnglePsi", picks.angle),
    ):
        if values is not None:
            columns[name] = values
    write_star(path, {**tables, "particles": columns})
    return path
