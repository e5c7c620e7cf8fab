"""What :func:`openem_nb.mmcif.to_mmcif` gives back: the file, and how it came about."""

from __future__ import annotations

import html
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gemmi

from openem_nb._amounts import counted
from openem_nb._folders import write_whole
from openem_nb._texts import one_line
from openem_nb.mmcif._labels import first_sentence

if TYPE_CHECKING:
    import pandas as pd

    from openem_nb.mmcif._collect import Entry, LeftOut

__all__ = ["Deposition", "Disagreement", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a deposition needs and the document does not determine."""

    item: str
    label: str
    """What it is, in words."""
    type: str
    """Type of the dictionary: ``line``, ``float``, ``yyyy-mm-dd``, ..."""
    choices: tuple[str, ...] = ()
    """What the deposition system offers; empty if it is free."""
    unit: str = ""
    mandatory: bool = True
    why: str = ""
    """Why it is open: no such field, an empty field, a value that is not in the list."""
    who: str = "depositor"
    """Who knows it: ``depositor``, ``reconstruction`` (whoever computed the map), ``OneDep``."""
    row: int = 1
    """Number of the row in its category, from 1."""
    about: str = ""
    """What the dictionary says of it."""
    refused: bool = False
    """Whether the document has a value for it that it cannot say."""

    @property
    def key(self) -> str:
        """How ``answers`` of :func:`~openem_nb.mmcif.to_mmcif` name it."""
        return self.item if self.row == 1 else f"{self.item}[{self.row}]"

    @property
    def brief(self) -> str:
        """The first sentence of what the dictionary says of it."""
        return first_sentence(self.about)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item of which document and model say different things."""

    item: str
    row: int
    metadata: str
    """What the document says."""
    model: str
    """What the coordinate model's file says."""
    taken: str
    """Which one stands in the file: ``metadata`` or ``model``."""


@dataclass(frozen=True, slots=True)
class Deposition:
    """An mmCIF file for a deposition, and what went into it."""

    text: str = field(repr=False)
    """The file."""
    entry_id: str
    entries: tuple[Entry, ...] = field(repr=False)
    """Every value that was written, with its field."""
    left_out: tuple[LeftOut, ...] = field(repr=False)
    """Every value of the document that is not in the file, with the reason."""
    missing: tuple[Question, ...] = field(repr=False)
    """What is still open, mandatory items first."""
    conflicts: tuple[Disagreement, ...] = ()
    dictionary: str = ""
    """Version of the PDBx/mmCIF dictionary."""

    @property
    def cif(self) -> gemmi.cif.Document:
        """The file as gemmi reads it."""
        return gemmi.cif.read_string(self.text)

    @property
    def block(self) -> gemmi.cif.Block:
        """Its first data block."""
        return self.cif[0]

    @property
    def written(self) -> pd.DataFrame:
        """Each value that was written: field, item, row, value, units and what changed."""
        return _frame(self.entries, ("path", "item", "row", "value", "unit", "unit_to", "note"))

    def questions(self, who: str | None = None) -> pd.DataFrame:
        """Return what is missing as a table; of one of those who know, or of all."""
        chosen = [one for one in self.missing if who in (None, one.who)]
        return _frame(chosen, ("key", "label", "mandatory", "who", "why", "unit", "choices"))

    def form(self, who: str | None = None) -> dict[str, Any]:
        """Return what is missing as plain JSON, each question with an empty ``answer``.

        Filled in, :func:`~openem_nb.mmcif.load_answers` reads it for ``answers``.

        Parameters
        ----------
        who :
            One of those who know; by default all but OneDep, which answers for itself.
        """
        chosen = [one for one in self.missing if (one.who == who if who else one.who != "OneDep")]
        return {
            "dictionary": self.dictionary,
            "questions": [
                {"key": one.key, "answer": None, **asdict(one), "choices": list(one.choices)}
                for one in chosen
            ],
        }

    def write_form(self, path: Path | str, who: str | None = None) -> Path:
        """Write :meth:`form` as a JSON file, and return its path.

        Raises
        ------
        CannotWrite
            If the folder is read-only or full.
        """
        path = Path(path)
        text = json.dumps(self.form(who), ensure_ascii=False, indent=1)
        write_whole(path, text + "\n")
        return path

    def write(self, path: Path | str) -> Path:
        """Write the file, whole or not at all, and return its path.

        Raises
        ------
        CannotWrite
            If the folder is read-only or full.
        """
        path = Path(path)
        write_whole(path, self.text)
        return path

    def _counts(self) -> tuple[str, str]:
        categories = len({one.item.partition(".")[0] for one in self.entries})
        needed = sum(one.mandatory for one in self.missing)
        several = f"{categories} categor{'y' if categories == 1 else 'ies'}"
        rest = (
            f"{counted(needed, 'mandatory item')} open, "
            f"{counted(len(self.left_out), 'value')} left out, "
            f"{counted(len(self.conflicts), 'conflict')} (PDBx/mmCIF {self.dictionary})"
        )
        return f"{counted(len(self.entries), 'value')} in {several}", rest

    def __str__(self) -> str:
        """Return in one line what was written and what is open."""
        return f"{self.entry_id}: {', '.join(self._counts())}"

    def _repr_html_(self) -> str:
        """Show what was written, what is open and where document and model disagree."""
        written, rest = self._counts()
        head = f"<p><b>{written}</b>, {html.escape(rest)}</p>"
        return head + "".join(
            (
                _details(
                    "Missing",
                    ("item", "what", "who knows", "why"),
                    [(one.key, one.label, one.who, one.why) for one in self.missing],
                ),
                _details(
                    "Conflicts",
                    ("item", "row", "document", "model", "taken"),
                    [(c.item, c.row, c.metadata, c.model, c.taken) for c in self.conflicts],
                ),
                _details(
                    "Written",
                    ("field", "item", "value", "unit", "note"),
                    [(e.path, e.item, e.value, _units(e), e.note) for e in self.entries],
                ),
                _details(
                    "Left out",
                    ("field", "value", "reason"),
                    [(one.path, one.value, one.reason) for one in self.left_out],
                ),
            )
        )


def _units(entry: Entry) -> str:
    if entry.unit and entry.unit_to and entry.unit != entry.unit_to:
        return f"{entry.unit} → {entry.unit_to}"
    return entry.unit_to or entry.unit


def _frame(values: Any, columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    rows = [{name: getattr(value, name) for name in columns} for value in values]
    return pd.DataFrame(rows, columns=list(columns))


def _details(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    if not rows:
        return ""
    left = 'style="text-align:left"'  # notebooks put what is in cells to the right
    head = "".join(f'<th scope="col" {left}>{name}</th>' for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td {left}>{_cell(value)}</td>" for value in row) + "</tr>"
        for row in rows
    )
    return (
        f"<details><summary>{title} ({len(rows)})</summary>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )


def _cell(value: Any) -> str:
    text = one_line(str(value))
    return html.escape(text if len(text) <= 120 else f"{text[:117]}...")
