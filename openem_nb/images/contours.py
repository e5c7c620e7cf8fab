"""What the surface of a map encloses, and which level a map itself asks for.

Protein has a partial specific volume of 0.73 cm³/g, nearly the same for all proteins (Harpaz,
Gerstein, Chothia 1994, Structure 2, 641): one dalton is 1.2122 Å³, since a gram is Avogadro's
number of daltons. Nucleic acids are denser (about 0.55 cm³/g), so for them the mass is too low.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images._given import number
from openem_nb.images._map_statistics import slabs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openem_nb.images._voxels import Voxels
    from openem_nb.images.maps import Map

__all__ = ["CUBIC_ANGSTROM_PER_DALTON", "Contour", "SuggestedLevel", "contour", "suggest_level"]

CUBIC_ANGSTROM_PER_DALTON: Final = 0.73 * 1e24 / 6.02214076e23
"""Å³ that a dalton of protein takes: 1.2122."""
FALSE: Final = 0.01
"""Part of the voxels above the level that may be noise (Beckers, Jakobi, Sachse 2019, IUCrJ 6, 18,
use 1 %)."""
_DUST: Final = 0.01
"""Pieces below this part of the largest one are dust."""
_EXACT: Final = 1.02
"""Times the volume asked for that a level may enclose without a word."""
_NEAR: Final = 1.25
"""Times the mass that a level may enclose, or the other way round, and still be one for it."""
_MOST_LABELLED: Final = 1 << 28
"""Voxels of a box in which pieces are counted; each takes four bytes."""
_EMPTY_CORNERS: Final = 0.01
"""Part of the voxels in the corners with one and the same value from which on they are masked."""


@dataclass(frozen=True, slots=True)
class Contour:
    """What lies above a level."""

    level: float
    voxels: int
    """Voxels at or above the level."""
    fraction: float
    """Part of the box."""
    volume: float | None
    """Å³; None where the size of a voxel is not known."""
    mass: float | None
    """kDa of protein that would fill it."""
    sigmas: float
    """Standard deviations of the map between its mean and the level."""
    pieces: int | None
    """Parts that touch by faces of voxels; None in a box too large to count them, or where nobody
    asked."""
    dust: int | None
    """Those of them that have less than a hundredth of the largest one."""
    largest: float | None
    """Part of the enclosed volume that is in the largest piece."""
    touches_edge: bool
    """Whether the surface is cut off by the faces of the box."""
    molecular_weight: float | None = None
    """kDa that should be inside, as it was given."""

    @property
    def words(self) -> tuple[str, ...]:
        """The same in sentences, and what is doubtful about it."""
        if not self.voxels:
            return (f"Nothing of the map reaches the level {self.level:.4g}.",)
        found = []
        part = _percent(self.fraction)
        if self.volume is None or self.mass is None:
            found.append(f"The level {self.level:.4g} encloses {part} of the box.")
        else:
            found.append(
                f"The level {self.level:.4g} encloses {self.volume / 1000:,.4g} nm³, about "
                f"{self.mass:,.3g} kDa of protein, {part} of the box."
            )
        found.append(
            f"It lies {abs(self.sigmas):.1f} standard deviations "
            f"{'above' if self.sigmas >= 0 else 'below'} the mean."
        )
        if self.pieces is not None and self.largest is not None:
            found.append(
                "It is in one piece."
                if self.pieces == 1
                else f"It is in {self.pieces:,} pieces, of which {self.dust:,} are dust; "
                f"{_percent(self.largest)} is in the largest."
            )
        if self.touches_edge:
            found.append("The surface reaches the faces of the box, and is cut off there.")
        if self.molecular_weight is not None and self.mass is not None:
            ratio, wanted = self.mass / self.molecular_weight, f"{self.molecular_weight:,.4g} kDa"
            room = self.mass / self.fraction
            if self.molecular_weight > room:
                found.append(_no_room(wanted, room))
            elif ratio < 0.1:
                found.append(f"That is {_percent(ratio)} of the {wanted} that should be inside.")
            else:
                found.append(f"That is {ratio:.2g} times the {wanted} that should be inside.")
        return tuple(found)

    def __str__(self) -> str:
        return " ".join(self.words)


def _no_room(wanted: str, room: float) -> str:
    return (
        f"{wanted} of protein do not fit in: the whole box has room for {room:,.3g} kDa. Mass or "
        "size of a voxel are not those of this map."
    )


def _percent(part: float) -> str:
    # never all of what is not all, and never nothing of what is something
    if part in (0, 1):
        return f"{part:.0%}"
    shown = min(max(100 * part, 0.001), 99.9)
    return f"{shown:.2g} %" if shown < 10 else f"{shown:.3g} %"


@dataclass(frozen=True, slots=True)
class SuggestedLevel:
    """A level and the rule that it follows from; None where the map does not tell."""

    level: float | None
    words: str
    """The rule, or why there is no level."""


def contour(
    source: Map, level: float, *, molecular_weight: float | None = None, pieces: bool = True
) -> Contour:
    """Return what a level encloses; see :meth:`openem_nb.images.maps.Map.contour`.

    Raises
    ------
    InvalidInput
        If the level is no number, or the molecular weight not above zero.
    """
    level = number(
        "level", level, "The entry in EMDB may have one, entry.level; else suggest_level() has."
    )
    if molecular_weight is not None and not 0 < molecular_weight < math.inf:
        raise InvalidInput(
            f"A molecular weight of {molecular_weight} kDa cannot be.", hint="Give it in kDa."
        )
    data = source.voxels
    above = np.empty(data.shape, bool)
    done = 0
    for slab in slabs(data):
        np.greater_equal(slab, level, out=above[done : done + len(slab)])
        done += len(slab)
    count = int(np.count_nonzero(above))
    parts: tuple[int | None, int | None, float | None] = (None, None, None)
    if pieces:
        parts = _pieces(above) if count else (0, 0, None)
    volume = None
    if source.voxel_size is not None:
        volume = count * math.prod(source.voxel_size)
    taken = source.statistics
    return Contour(
        level=float(level),
        voxels=count,
        fraction=count / above.size,
        volume=volume,
        mass=None if volume is None else volume / CUBIC_ANGSTROM_PER_DALTON / 1000,
        sigmas=(level - taken.mean) / taken.rms if taken.rms > 0 else math.nan,
        pieces=parts[0],
        dust=parts[1],
        largest=parts[2],
        touches_edge=any(
            bool(np.take(above, end, axis=axis).any()) for axis in range(3) for end in (0, -1)
        ),
        molecular_weight=molecular_weight,
    )


def _pieces(above: NDArray[np.bool_]) -> tuple[int | None, int | None, float | None]:
    """Return the number of pieces, how many of them are dust, and the part of the largest."""
    from scipy.ndimage import label

    ends = []
    for axis in range(3):
        there = np.flatnonzero(above.any(axis=tuple(i for i in range(3) if i != axis)))
        ends.append(slice(int(there[0]), int(there[-1]) + 1))
    box = above[tuple(ends)]
    if box.size > _MOST_LABELLED:
        return None, None, None
    marks, count = label(box, output=np.int32)
    sizes = np.bincount(marks.ravel(), minlength=count + 1)[1:]
    most = int(sizes.max())
    return count, int(np.count_nonzero(sizes < _DUST * most)), most / int(sizes.sum())


def suggest_level(source: Map, *, molecular_weight: float | None = None) -> SuggestedLevel:
    """Return a level by a stated rule; see :meth:`openem_nb.images.maps.Map.suggest_level`.

    With a molecular weight it is the level that encloses as much volume as so much protein takes.
    Without one, noise is measured in the corners of the box, outside the sphere that fits into it,
    as a normal distribution; the level is the one above which at most 1 % of the voxels are
    expected to be noise (false discovery rate; Benjamini, Hochberg 1995, J R Stat Soc B 57, 289).
    """
    source.usable()
    if molecular_weight is not None:
        return _by_mass(source, molecular_weight)
    middle, spread = corner_noise(source.voxels, whole=source.dtype.kind != "f")
    if not spread > 0:
        return SuggestedLevel(
            None,
            "The corners of the box hold no noise to measure (masked, or too small); "
            "give the molecular weight.",
        )
    from scipy.special import ndtr

    values = np.concatenate(
        [part[part > middle + 2 * spread].ravel() for part in slabs(source.voxels)]
    )
    values = np.sort(values)[::-1].astype(np.float64)
    chance = ndtr(-(values - middle) / spread) * source.statistics.voxels
    good = np.flatnonzero(chance <= FALSE * np.arange(1, len(values) + 1))
    if not good.size:
        return SuggestedLevel(None, "No voxel stands out of the noise in the corners of the box.")
    level = float(values[good[-1]])
    return SuggestedLevel(
        level,
        f"{level:.4g}: at most 1 % of the voxels above it are noise as that in the corners of the "
        f"box, {(level - middle) / spread:.1f} of its standard deviations above it.",
    )


def _by_mass(source: Map, weight: float) -> SuggestedLevel:
    if source.voxel_size is None or not 0 < weight < math.inf:
        raise InvalidInput(
            "A level by the mass needs the size of a voxel and a mass above 0 kDa.",
            hint="Open the map with voxel_size=, and give kDa.",
        )
    wanted = round(weight * 1000 * CUBIC_ANGSTROM_PER_DALTON / math.prod(source.voxel_size))
    total = source.statistics.voxels - source.statistics.not_finite
    if wanted > total:
        room = total * math.prod(source.voxel_size) / CUBIC_ANGSTROM_PER_DALTON / 1000
        return SuggestedLevel(None, _no_room(f"{weight:,.4g} kDa", room))
    if not wanted:
        return SuggestedLevel(
            None, f"{weight:,.4g} kDa of protein take less than one voxel: is it given in kDa?"
        )
    values = np.concatenate([part[np.isfinite(part)] for part in slabs(source.voxels)])
    level = float(np.partition(values, total - wanted)[total - wanted])
    rule = f"({CUBIC_ANGSTROM_PER_DALTON:.3f} Å³ per Da)"
    count = int(np.count_nonzero(values >= level))
    if count <= _EXACT * wanted:
        return SuggestedLevel(
            level, f"{level:.4g}: encloses the volume of {weight:,.4g} kDa of protein {rule}."
        )
    # many voxels of one value, as of a mask or of whole numbers: all of them are inside, or none
    higher = values[values > level]
    above = float(higher.min()) if higher.size else math.inf
    levels = {level: count / wanted, above: max(len(higher), 1e-9) / wanted}
    nearest = min(levels, key=lambda one: abs(math.log(levels[one])))
    if abs(math.log(levels[nearest])) > math.log(_NEAR):
        return SuggestedLevel(
            None,
            f"No level encloses {weight:,.4g} kDa of protein: {len(higher) / wanted * weight:,.3g} "
            f"kDa lie above {level:.4g}, and {levels[level] * weight:,.3g} kDa with the voxels of "
            "just this value. Is the map masked, or the mass another one?",
        )
    mass = levels[nearest] * weight
    return SuggestedLevel(
        nearest,
        f"{nearest:.4g}: encloses the volume of {mass:,.3g} kDa of protein {rule}, the nearest to "
        f"{weight:,.4g} kDa: many voxels have one value.",
    )


def corner_noise(data: NDArray[Any] | Voxels, *, whole: bool) -> tuple[float, float]:
    """Return median and standard deviation of the noise in the corners of a box, by its median.

    The deviation is 0 where they are masked, or too small.

    Parameters
    ----------
    whole :
        Whether the values are whole numbers, of which many may be the same.
    """
    corners = _corners(data)
    if not corners.size:
        return 0.0, 0.0
    middle = float(np.median(corners))
    spread = 1.4826 * float(np.median(np.abs(corners - middle)))
    same = np.unique(corners, return_counts=True)[1].max() / corners.size
    return middle, spread if whole or same <= _EMPTY_CORNERS else 0.0


def _corners(data: NDArray[Any] | Voxels) -> NDArray[np.float32]:
    """Return voxels of the eight corners, none of them in the sphere that fits into the box."""
    # a cube whose inner corner touches the sphere has 1 - 1/sqrt(3) of half a side
    sides = [int(n / 2 * (1 - 1 / math.sqrt(3))) for n in data.shape]
    if min(sides) < 2:
        return np.empty(0, np.float32)
    parts = [
        np.asarray(
            data[
                tuple(
                    slice(None, s) if low else slice(-s, None)
                    for low, s in zip(place, sides, strict=True)
                )
            ],
            np.float32,
        ).ravel()
        for place in np.ndindex(2, 2, 2)
    ]
    values = np.concatenate(parts)
    return values[np.isfinite(values)]
