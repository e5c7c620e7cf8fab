"""The table behind a gallery: what has changed since a front end last asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images.outliers import outliers, unit_of
from openem_nb.images.reliability import doubtful, rests_on
from openem_nb.panels import _html

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Rows", "View"]

_LONGEST: Final = 300
"""Characters of a text that travels."""


@dataclass(frozen=True, slots=True)
class View:
    """How a person looks at a gallery."""

    sort: str = ""
    """Column, ``name``, or empty for the order of the table."""
    descending: bool = False
    """Whether the largest value comes first; rows without a value come last both ways, and before
    them those whose value rests on a fit that is not reliable."""
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """Smallest and largest value of columns; None where there is no limit."""
    find: str = ""
    """Words that the name contains, in any order."""
    only: str = "all"
    """``all``, ``good``, ``bad``, ``unmarked``, ``noted``, ``unlike`` (the others) or
    ``doubtful`` (the CTF is not reliable)."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> View:
        """Return what a front end has sent."""
        ranges = {
            str(name): (_limit(pair[0]), _limit(pair[1]))
            for name, pair in dict(content.get("ranges") or {}).items()
        }
        return cls(
            sort=str(content.get("sort") or ""),
            descending=bool(content.get("descending")),
            ranges=ranges,
            find=str(content.get("find") or ""),
            only=str(content.get("only") or "all"),
        )


def _limit(value: Any) -> float | None:
    return None if value is None else float(value)


class Rows:
    """One row for each image, with marks and notes, and when each row has changed.

    Parameters
    ----------
    key :
        Column with the names, which have to differ.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.version = 0
        self.frame: pd.DataFrame | None = None
        self.names: list[str] = []
        self.marks: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        self.reasons: dict[str, str] = {}
        self._columns: list[dict[str, str]] = []
        self._changed: NDArray[np.int64] = np.zeros(0, np.int64)
        self._whole = 0  # the version at which rows were moved or columns have changed
        self.moved = 0
        """The version at which rows have come to mean other images."""
        self._anew = 0  # the version at which other images took the place of all

    def show(self, frame: pd.DataFrame, *, anew: bool = False) -> None:
        """Take a new table; rows that are as before do not travel again.

        Parameters
        ----------
        anew :
            Whether it is of other images, also where their names are the same: marks and notes are
            forgotten.
        """
        if self.key not in frame:
            raise InvalidInput(
                f"The table has no column {self.key!r} with the names of the images.",
                hint=f"It has {', '.join(map(str, frame.columns))}.",
            )
        names = [str(name) for name in frame[self.key]]
        if len(set(names)) < len(names):
            raise InvalidInput(
                f"Two images in the table have the same name in {self.key!r}.",
                hint="Choose a column that tells them apart, such as key='path'.",
            )
        frame = frame.reset_index(drop=True)
        strange = outliers(frame)
        reasons = dict(
            zip([names[row] for row in strange.index.tolist()], strange["reasons"], strict=True)
        )
        columns = _columns(frame, self.key)
        self.version += 1
        before, count = self.frame, len(self.names)
        if anew:
            self.marks.clear()
            self.notes.clear()
            self._anew = self.version
        if anew or names[:count] != self.names:
            self.moved = self.version
        if before is None or columns != self._columns or self.moved == self.version:
            self._whole = self.version
            self._changed = np.full(len(names), self.version, np.int64)
        else:
            changed = np.full(len(names), self.version, np.int64)
            changed[:count] = np.where(
                _differ(before, frame.iloc[:count], columns), self.version, self._changed
            )
            for place, name in enumerate(self.names):
                if reasons.get(name) != self.reasons.get(name):
                    changed[place] = self.version
            self._changed = changed
        self.frame, self.names, self.reasons, self._columns = frame, names, reasons, columns

    def say(self, rows: Iterable[int], *, mark: str | None = None, note: str | None = None) -> None:
        """Mark rows or write a note to them."""
        self.version += 1
        for row in rows:
            name = self.names[row]
            for said, texts in ((mark, self.marks), (note, self.notes)):
                if said:
                    texts[name] = said
                elif said is not None:
                    texts.pop(name, None)
            self._changed[row] = self.version

    def since(self, version: int) -> dict[str, Any]:
        """Return what a front end that has this version lacks; numbers travel as bytes."""
        known = 0 < version <= self.version
        whole = version < self._whole or not known
        rows = np.flatnonzero(self._changed > (0 if whole else version)).astype(np.int32)
        buffers = [rows.tobytes()]
        texts = {}
        for column in self._columns if self.frame is not None else ():
            values = self.frame[column["name"]].iloc[rows]  # type: ignore[index]
            if column["kind"] == "number":
                buffers.append(values.to_numpy(np.float64, na_value=np.nan).tobytes())
            else:
                texts[column["name"]] = [_text(value) for value in values]
        names = [self.names[row] for row in rows]
        return {
            "version": self.version,
            "whole": whole,
            "moved": version < self.moved or not known,
            "anew": version < self._anew or not known,
            "count": len(self.names),
            "columns": self._columns,
            "texts": texts,
            "names": [_html.plain(name)[-_LONGEST:] for name in names],
            "marks": [self.marks.get(name, "") for name in names],
            "notes": [_html.plain(self.notes.get(name, "")) for name in names],
            "reasons": [_html.plain(self.reasons.get(name, ""))[:_LONGEST] for name in names],
            "buffers": buffers,
        }

    def shown(self, view: View) -> list[int]:
        """Return the rows that a view shows, in its order; the front end does the same."""
        if self.frame is None:
            return []
        there = np.ones(len(self.names), bool)
        for column, (low, high) in view.ranges.items():
            if column in self.frame and self.frame[column].dtype.kind in "fiu":
                values = self.frame[column].to_numpy(np.float64, na_value=np.nan)
                there &= ~np.isnan(values)
                there &= (values >= low) if low is not None else True
                there &= (values <= high) if high is not None else True
        if view.only == "doubtful":
            there &= doubtful(self.frame)
        words = view.find.lower().split()
        rows = [
            row
            for row in np.flatnonzero(there).tolist()
            if self._is(self.names[row], view.only)
            and all(word in _html.plain(self.names[row]).lower() for word in words)
        ]
        return self._sorted(rows, view)

    def _is(self, name: str, only: str) -> bool:
        if only == "unmarked":
            return name not in self.marks
        if only == "noted":
            return name in self.notes
        if only == "unlike":
            return name in self.reasons
        return only in {"all", "doubtful"} or self.marks.get(name) == only

    def _sorted(self, rows: list[int], view: View) -> list[int]:
        assert self.frame is not None  # noqa: S101  (asked by the caller)
        kinds = {column["name"]: column["kind"] for column in self._columns}
        if view.sort == "name":
            values: list[Any] = [_html.plain(name) for name in self.names]
        elif kinds.get(view.sort) == "number":
            values = self.frame[view.sort].to_numpy(np.float64, na_value=np.nan).tolist()
        elif view.sort in kinds:
            values = [_text(value) for value in self.frame[view.sort]]
        else:
            return rows
        known = [row for row in rows if values[row] != "" and values[row] == values[row]]
        missing = [row for row in rows if values[row] == "" or values[row] != values[row]]
        known.sort(key=lambda row: values[row], reverse=view.descending)
        doubt = doubtful(self.frame, view.sort)
        known.sort(key=lambda row: bool(doubt[row]))
        return known + missing


def _columns(frame: pd.DataFrame, key: str) -> list[dict[str, str]]:
    """Return what travels of a table: columns of numbers and of texts, not their internals."""
    found = []
    for name in map(str, frame.columns):
        if name in {key, "mark", "note", *_INTERNAL}:
            continue
        number = frame[name].dtype.kind in "fiu"
        unit = unit_of(name)
        label = name.replace("_", " ") + (f" ({unit})" if unit else "")
        kind = "number" if number else "text"
        rests = rests_on(name) if rests_on(name) in frame else ""
        found.append({"name": name, "label": label, "kind": kind, "rests": rests})
    return found


_INTERNAL: Final = frozenset(
    {
        *("path", "source", "parameters", "mtime", "measured", "seconds", "thumbnail", "spectrum"),
        *("problem", "problem_kind"),
    }
)
"""Columns of a table of measurements that say nothing of the image; problems are reasons."""


def _differ(
    before: pd.DataFrame, after: pd.DataFrame, columns: list[dict[str, str]]
) -> NDArray[np.bool_]:
    changed = np.zeros(len(before), bool)
    for column in columns:
        one, two = before[column["name"]], after[column["name"]]
        same = (one == two) | (one.isna() & two.isna())
        changed |= ~same.fillna(False).to_numpy(bool)
    return changed


def _text(value: Any) -> str:
    if value is None or (value != value) is True:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    text = str(value)
    return "" if text in {"<NA>", "nan", "NaT"} else _html.plain(text)[:_LONGEST]
