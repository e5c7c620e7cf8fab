"""The file of a coordinate model, cut into its categories without touching a character."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import gemmi
from gemmi import cif

from openem_nb.errors import InvalidInput
from openem_nb.mmcif._dictionary import dictionary
from openem_nb.mmcif._files import category_of, decoded, document_of, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Model", "read_model"]

_PDB: Final = re.compile(
    r"(HEADER|OBSLTE|TITLE |SPLIT |CAVEAT|COMPND|SOURCE|KEYWDS|EXPDTA|AUTHOR|REVDAT|REMARK|DBREF|"
    r"SEQRES|HELIX |SHEET |SSBOND|LINK  |CRYST1|ORIGX1|SCALE1|MODEL |ATOM  |HETATM)"
)
_TAG: Final = re.compile(r"[\r\n]_")
_STARTS: Final = re.compile(r"\s*(_|loop_)", re.IGNORECASE)
_COORDINATES: Final = (
    *("atom_sites", "atom_sites_alt", "atom_sites_footnote", "atom_type", "atom_site"),
    "atom_site_anisotrop",
)
"""Categories that stand at the end of an entry: new ones go before them."""


@dataclass(slots=True)
class Model:
    """A coordinate file: what gemmi reads of it, and its own text."""

    document: cif.Document = field(repr=False)
    text: str = field(repr=False)
    name: str
    """File name, for messages."""
    _rows: dict[str, list[dict[str, str]]] = field(default_factory=dict, repr=False)

    @property
    def block(self) -> cif.Block:
        """The first data block, which holds the entry."""
        return self.document[0]

    @property
    def entry_id(self) -> str | None:
        """Identifier of the entry, None if it states none."""
        raw = self.block.find_value("_entry.id")
        return None if raw is None or cif.is_null(raw) else cif.as_string(raw)

    def rows(self, category: str) -> list[dict[str, str]]:
        """Return the rows of a category, by item, as they are quoted in the file."""
        if category not in self._rows:
            columns = self.block.get_mmcif_category(f"_{category}.", raw=True)
            names = [dictionary().spelt(f"_{category}.{name}") for name in columns]
            cells = zip(*columns.values(), strict=True)
            self._rows[category] = [dict(zip(names, row, strict=True)) for row in cells]
        return self._rows[category]

    def replace(self, category: str, rows: list[dict[str, str]]) -> None:
        """Take other rows for a category from here on; the text stays as it is."""
        self._rows[category] = rows

    def with_categories(self, changed: Mapping[str, str], *, name: str | None = None) -> str:
        """Return the file with some categories replaced or added; the rest is its own text.

        Parameters
        ----------
        changed :
            Category and its new text.
        name :
            New name of the data block; as it is if None.
        """
        pieces = self._pieces()
        if pieces is None:
            return self._written(changed, name)
        head, regions, tail = pieces
        changed = {category.lower(): text for category, text in changed.items()}
        if name is not None:
            head = re.sub(r"(?im)^(\s*data_)\S+", rf"\g<1>{name}", head, count=1)
        present = {category for category, _ in regions}
        new = "".join(text for category, text in changed.items() if category not in present)
        made, written = [head], set()
        for category, text in regions:
            if category in _COORDINATES and new:
                made.append(new)
                new = ""
            if category not in changed:
                made.append(text)
            elif category not in written:
                written.add(category)
                made.append(changed[category])
        if new:
            made.append("" if made[-1].endswith("\n") else "\n")
            made.append(new)
        return "".join([*made, tail])

    def _pieces(self) -> tuple[str, list[tuple[str, str]], str] | None:
        """Cut the first block before each item; None if lines do not tell items apart."""
        lines = re.findall(r"[^\n]*\n|[^\n]+", self.text)
        starts = [(item.line_number - 1, category_of(item)) for item in self.block]
        end = self._end(lines)
        numbers = [number for number, _ in starts]
        if (
            end is None
            or not starts
            or any(after <= before for before, after in pairwise(numbers))
            or not all(_STARTS.match(lines[number]) for number in numbers)
        ):
            return None
        limits = [*numbers[1:], end]
        regions = [
            (category, "".join(lines[start:limit]))
            for (start, category), limit in zip(starts, limits, strict=True)
        ]
        return "".join(lines[: numbers[0]]), regions, "".join(lines[end:])

    def _end(self, lines: list[str]) -> int | None:
        """Return the line on which the second data block begins, or the number of lines."""
        if len(self.document) == 1:
            return len(lines)
        first = next((item.line_number - 1 for item in self.document[1]), None)
        if first is None:
            return None
        # The nearest line before the first item of the next block that opens a block.
        for number in range(first, 0, -1):
            if re.match(r"data_", lines[number], re.IGNORECASE):
                return number
        return None

    def _written(self, changed: Mapping[str, str], name: str | None) -> str:
        """Return the file as gemmi writes it, for the rare one with several items on a line."""
        document = cif.read_string(self.text)
        block = document[0]
        for category, text in changed.items():
            other = cif.read_string(f"data_x\n{text}")[0]
            columns = other.get_mmcif_category(f"_{category}.", raw=True)
            block.set_mmcif_category(f"_{category}.", columns, raw=True)
        if name is not None:
            block.name = name
        options = cif.WriteOptions()
        options.misuse_hash = True
        written: str = document.as_string(options)
        return written


def read_model(path: Path | str) -> Model:
    """Read a coordinate model: mmCIF or PDB format, packed with gzip or not.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If it is neither, or damaged.
    """
    path = Path(path)
    text = decoded(unpacked(path), path.name)
    if any(_PDB.match(line) for line in text[:10_000].splitlines()) and not _TAG.search(text):
        text = _from_pdb(text, path)
    return Model(document_of(text, path.name), text, path.name)


def _from_pdb(text: str, path: Path) -> str:
    try:
        structure = gemmi.read_pdb_string(text)
    except (ValueError, RuntimeError) as error:
        raise InvalidInput(
            f"{path.name} cannot be read as a model in PDB format: {error}.",
            hint="Give the model as mmCIF.",
        ) from error
    if not len(structure):
        raise InvalidInput(f"{path.name} holds no atoms.")
    structure.setup_entities()
    structure.name = structure.name or path.name.partition(".")[0]
    written: str = structure.make_mmcif_document().as_string()
    return written
