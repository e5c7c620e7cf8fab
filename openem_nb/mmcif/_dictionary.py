"""The PDBx/mmCIF dictionary: what each item may hold, and which items an entry has to have."""

from __future__ import annotations

import gzip
import math
import re
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gemmi import cif

from openem_nb.errors import InvalidInput, NotFound
from openem_nb.mmcif._files import unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Dictionary", "Item", "dictionary", "dictionary_version"]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the dictionary, such as ``_em_imaging.nominal_cs``."""

    name: str
    """With its leading underscore, spelt as in the dictionary."""
    category: str
    type: str = ""
    """Name of its type: ``text``, ``line``, ``code``, ``float``, ``positive_int``, ..."""
    pattern: str = ""
    """Regular expression of its type; empty if it has none."""
    unit: str = ""
    """Name of its unit in the dictionary: ``nanometres``; empty if it has none."""
    mandatory: bool = False
    """Whether a row of its category has to have it, in the archive or at deposition."""
    choices: tuple[str, ...] = ()
    """What the deposition system offers, else what the archive knows; empty if it is free."""
    low: float | None = None
    """Smallest value that a deposition accepts without a question."""
    high: float | None = None
    limits: tuple[tuple[float | None, float | None], ...] = ()
    """Open intervals, and single values, outside of which nothing may be; empty if all may."""
    about: str = ""
    """What the dictionary says of it, as one paragraph."""
    parent: str = ""
    """The item that has to have the same value somewhere, such as ``_em_specimen.id``."""

    def problem(self, value: str) -> str:
        """Return in words why ``value`` cannot stand here, or an empty text if it can."""
        if self.choices and value not in self.choices:
            return f"{value!r} is not one of the {len(self.choices)} values that may stand there"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return f"{value!r} is not of the type {self.type!r}"
        if self.limits and not self._within(value):
            return f"{value} is outside what the dictionary allows"
        return ""

    def _within(self, value: str) -> bool:
        try:
            number = float(value.partition("(")[0])
        except ValueError:
            return False
        return any(
            number in (low, high)
            if low == high
            else (low is None or low < number) and (high is None or number < high)
            for low, high in self.limits
        )


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A version of the PDBx/mmCIF dictionary."""

    version: str
    items: Mapping[str, Item] = field(repr=False)
    """All items by name."""
    keys: Mapping[str, tuple[str, ...]] = field(repr=False)
    """Names of the items that tell the rows of a category apart, by category."""
    spellings: Mapping[str, str] = field(repr=False)
    """Names of all items by their letters in lower case."""
    data: bytes = field(repr=False)
    """The file, unpacked. gemmi takes a document away when it learns the rules from it."""

    def category(self, name: str) -> tuple[Item, ...]:
        """Return the items of a category in the order of the dictionary."""
        return tuple(item for item in self.items.values() if item.category == name)

    def spelt(self, tag: str) -> str:
        """Return a tag as the dictionary spells it; capitals mean nothing in CIF."""
        return self.spellings.get(tag.lower(), tag)

    def __getitem__(self, name: str) -> Item:
        try:
            return self.items[name]
        except KeyError:
            raise NotFound(
                f"{name} is not an item of the PDBx/mmCIF dictionary {self.version}.",
                hint="Items are spelt as in _em_imaging.microscope_model.",
            ) from None


def dictionary_version(path: Path | str | None = None) -> str:
    """Return the version of the dictionary in use, or of the one in a file."""
    return dictionary(path).version


def dictionary(path: Path | str | None = None) -> Dictionary:
    """Return the dictionary of the package, or a newer full one from a file.

    Parameters
    ----------
    path :
        ``mmcif_pdbx.dic`` or ``.dic.gz`` as the wwPDB publishes it.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If it is not a PDBx/mmCIF dictionary.
    """
    if path is None:
        return _shipped()
    path = Path(path)
    try:
        stat = path.stat()
    except OSError as error:
        raise NotFound(f"There is no dictionary at {path}.") from error
    return _from_file(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _shipped() -> Dictionary:
    packed = files("openem_nb.mmcif").joinpath("pdbx_em.dic.gz").read_bytes()
    return _read(gzip.decompress(packed))


@lru_cache(maxsize=2)
def _from_file(path: Path, _changed: int, _size: int) -> Dictionary:
    data = unpacked(path)
    try:
        return _read(data)
    except (ValueError, RuntimeError, IndexError) as error:
        raise InvalidInput(
            f"{path} is not a PDBx/mmCIF dictionary: {error}.",
            hint="Take mmcif_pdbx_v50.dic (or .dic.gz) from https://mmcif.wwpdb.org.",
        ) from error


def _read(data: bytes) -> Dictionary:
    block = cif.read_string(data)[0]
    version = block.find_value("_dictionary.version")
    frames = {item.frame.name: item.frame for item in block if item.frame is not None}
    if version is None or "_entry.id" not in frames:
        raise ValueError("it holds no definitions of items")
    types = {
        row[0]: _as_regex(cif.as_string(row[1]))
        for row in block.find("_item_type_list.", ["code", "construct"])
    }
    mandatory, parents = _declared(frames)
    items: dict[str, Item] = {}
    keys: dict[str, tuple[str, ...]] = {}
    for name, frame in frames.items():
        if name.startswith("_"):
            items[name] = _item(name, frame, frames, types, mandatory, parents)
        else:
            keys[name] = tuple(map(cif.as_string, frame.find_values("_category_key.name")))
    return Dictionary(
        cif.as_string(version), items, keys, {name.lower(): name for name in items}, data
    )


def _declared(frames: Mapping[str, cif.Block]) -> tuple[dict[str, bool], dict[str, str]]:
    """Return what is mandatory and who is whose parent; parents declare it for their children."""
    mandatory: dict[str, bool] = {}
    parents: dict[str, str] = {}
    for name, frame in frames.items():
        if not name.startswith("_"):
            continue
        for row in frame.find("_item.", ["name", "mandatory_code"]):
            item = cif.as_string(row[0])
            mandatory[item] = mandatory.get(item, False) or row[1] == "yes"
        for row in frame.find("_pdbx_item.", ["name", "mandatory_code"]):
            item = cif.as_string(row[0])
            mandatory[item] = mandatory.get(item, False) or row[1] == "yes"
        for row in frame.find("_item_linked.", ["child_name", "parent_name"]):
            parents.setdefault(cif.as_string(row[0]), cif.as_string(row[1]))
    return mandatory, parents


def _item(
    name: str,
    frame: cif.Block,
    frames: Mapping[str, cif.Block],
    types: Mapping[str, str],
    mandatory: Mapping[str, bool],
    parents: Mapping[str, str],
) -> Item:
    parent = parents.get(name, "")
    # A child says nothing of its type where it has that of its parent.
    frame_of_type = frames.get(parent, frame) if not frame.find_value(_TYPE) else frame
    code = cif.as_string(
        frame.find_value("_pdbx_item_type.code") or frame_of_type.find_value(_TYPE) or ""
    )
    offered = [cif.as_string(v) for v in frame.find_values("_pdbx_item_enumeration.value")]
    known = [cif.as_string(v) for v in frame.find_values("_item_enumeration.value")]
    limits = _ranges(frame, "_item_range.")
    low, high = _widest(_ranges(frame, "_pdbx_item_range.") or limits)
    return Item(
        name=name,
        category=name[1:].partition(".")[0],
        type=code,
        pattern=types.get(code, ""),
        unit=cif.as_string(frame.find_value("_item_units.code") or ""),
        mandatory=mandatory.get(name, False),
        choices=tuple(dict.fromkeys(offered or known)),
        low=low,
        high=high,
        limits=limits,
        about=" ".join(cif.as_string(frame.find_value(_DESCRIPTION) or "").split()),
        parent=parent,
    )


_TYPE: Final = "_item_type.code"
_DESCRIPTION: Final = "_item_description.description"


def _ranges(frame: cif.Block, table: str) -> tuple[tuple[float | None, float | None], ...]:
    return tuple(
        (_number(low), _number(high)) for low, high in frame.find(table, ["minimum", "maximum"])
    )


def _widest(
    ranges: tuple[tuple[float | None, float | None], ...],
) -> tuple[float | None, float | None]:
    """Return the limits of an interval; rows whose limits are equal only add the limit itself."""
    wide = [row for row in ranges if row[0] != row[1]] or list(ranges)
    return wide[0] if wide else (None, None)


def _number(raw: str) -> float | None:
    number = cif.as_number(raw)  # nan for what is open, and for slips such as "0,5"
    return None if math.isnan(number) else number


def _as_regex(construct: str) -> str:
    """Return a type's expression (POSIX) as one of Python, or an empty text if it cannot be one."""
    text = construct.strip().replace("[][", r"[\]\[").replace("\\{", r"\\{")
    try:
        re.compile(text)
    except (re.error, OverflowError):
        return ""
    return text
