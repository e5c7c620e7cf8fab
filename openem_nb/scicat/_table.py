"""Data sets as the columns of a table: a hundred thousand of them in little memory.

What repeats (types, groups, people, places) is kept once, as a category; lists of keywords are
tuples that equal ones share.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from openem_nb.scicat._documents import LifecycleDocument, moment, number, text, texts, yes
from openem_nb.scicat.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

__all__ = ["COLUMNS", "FIELDS", "Columns"]

COLUMNS: Final = (
    *("pid", "name", "type", "created", "owner", "owner_group", "size", "files", "keywords"),
    *("published", "state", "archive", "location", "instrument_ids", "techniques"),
    *("proposal_ids", "sample_ids"),
)
"""Columns of a search, in order."""
FIELDS: Final = (
    *("pid", "datasetName", "type", "creationTime", "owner", "ownerGroup", "size"),
    *("numberOfFiles", "keywords", "isPublished", "datasetlifecycle.archivable"),
    *("datasetlifecycle.retrievable", "datasetlifecycle.isOnCentralDisk"),
    *("datasetlifecycle.archiveStatusMessage", "datasetlifecycle.storageLocation"),
    *("creationLocation", "instrumentIds", "techniques", "proposalIds", "sampleIds"),
)
"""What is asked for to fill them."""
_NO_TIME: Final = np.iinfo("int64").min
"""How numpy writes that there is no time."""


class _Repeated:
    """A column of texts of which many are the same."""

    def __init__(self) -> None:
        self._codes = array("i")
        self._known: dict[str, int] = {}

    def append(self, value: str) -> None:
        self._codes.append(self._known.setdefault(value, len(self._known)))

    def column(self) -> pd.Categorical:
        names = pd.Index(list(self._known), dtype="object")
        return pd.Categorical.from_codes(np.array(self._codes, dtype="int32"), categories=names)


class Columns:
    """Columns that grow, page by page.

    Parameters
    ----------
    storage :
        The archive of an unset storage location.
    sort :
        Field by which the rows are ordered at the end, and whether from its end; None keeps the
        order in which they come.
    """

    def __init__(self, storage: str, *, sort: tuple[str, bool] | None = None) -> None:
        self._storage = storage
        self._sort = sort
        self._keys: list[Any] = []
        self._texts: dict[str, list[str]] = {"pid": [], "name": []}
        self._repeated = {
            name: _Repeated()
            for name in ("type", "owner", "owner_group", "state", "archive", "location")
        }
        self._lists: dict[str, list[tuple[str, ...]]] = {
            name: []
            for name in ("keywords", "instrument_ids", "techniques", "proposal_ids", "sample_ids")
        }
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._created = array("q")
        self._sizes = {"size": array("q"), "files": array("q")}
        self._published = array("b")
        self._states: dict[tuple[Any, ...], tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self._created)

    @property
    def pids(self) -> list[str]:
        """The identifiers so far."""
        return self._texts["pid"]

    def add(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Append data sets; what is damaged in one becomes "not stated"."""
        for document in documents:
            pid = text(document.get("pid"))
            self._texts["pid"].append(pid)
            self._texts["name"].append(text(document.get("datasetName")) or pid)
            self._created.append(_milliseconds(moment(document.get("creationTime"))))
            self._sizes["size"].append(number(document.get("size")))
            self._sizes["files"].append(number(document.get("numberOfFiles")))
            self._published.append(yes(document.get("isPublished")))
            for name, field in (
                ("type", "type"),
                ("owner", "owner"),
                ("owner_group", "ownerGroup"),
                ("location", "creationLocation"),
            ):
                self._repeated[name].append(text(document.get(field)))
            state, archive = self._state(document.get("datasetlifecycle"))
            self._repeated["state"].append(state)
            self._repeated["archive"].append(archive)
            for name, field in (
                ("keywords", "keywords"),
                ("instrument_ids", "instrumentIds"),
                ("proposal_ids", "proposalIds"),
                ("sample_ids", "sampleIds"),
            ):
                self._lists[name].append(self._one(texts(document.get(field))))
            self._lists["techniques"].append(self._one(_techniques(document.get("techniques"))))
            if self._sort is not None:
                self._keys.append(_rank(_at(document, self._sort[0])))

    def _one(self, value: tuple[str, ...]) -> tuple[str, ...]:
        return self._shared.setdefault(value, value)

    def _state(self, value: Any) -> tuple[str, str]:
        members = value if isinstance(value, dict) else {}
        key = tuple(
            str(members.get(name))
            for name in (
                *("archivable", "retrievable", "isOnCentralDisk", "archiveStatusMessage"),
                "storageLocation",
            )
        )
        if key not in self._states:
            found = Lifecycle.of(LifecycleDocument.model_validate(members), self._storage)
            self._states[key] = (found.state, found.location)
        return self._states[key]

    def frame(self) -> pd.DataFrame:
        """Return the table."""
        created = np.array(self._created, dtype="int64").astype("datetime64[ms]")
        columns: dict[str, Any] = {
            **{name: pd.Series(values, dtype="object") for name, values in self._texts.items()},
            **{name: values.column() for name, values in self._repeated.items()},
            **{name: pd.Series(values, dtype="object") for name, values in self._lists.items()},
            **{name: np.array(values, dtype="int64") for name, values in self._sizes.items()},
            "created": pd.Series(created).astype("datetime64[ns]").dt.tz_localize("UTC"),
            "published": np.array(self._published, dtype="bool"),
        }
        frame = pd.DataFrame({name: columns[name] for name in COLUMNS})
        if self._sort is None:
            return frame
        order = sorted(range(len(frame)), key=self._keys.__getitem__, reverse=self._sort[1])
        return frame.iloc[order].reset_index(drop=True)


def _milliseconds(value: datetime | None) -> int:
    # Beyond these years nanoseconds do not fit.
    if value is None or not 1678 <= value.year <= 2261:
        return _NO_TIME
    return round(value.timestamp() * 1000)


def _techniques(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else []
    names = (text(item.get("name") or item.get("pid")) for item in items if isinstance(item, dict))
    return tuple(dict.fromkeys(name for name in names if name))


def _at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _rank(value: Any) -> tuple[int, Any]:
    """Return a key that sorts as the database does: nothing, numbers, texts, yes and no."""
    if isinstance(value, list):
        value = min(value, key=_rank, default=None)
    if isinstance(value, bool):
        return 3, value
    if isinstance(value, int | float):
        return 1, value
    if isinstance(value, str):
        return 2, value
    return 0, 0
