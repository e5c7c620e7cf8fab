"""Download the files of selected entries: first what would come, then the click that starts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import ipywidgets

from openem_nb import emdb, empiar, transfer
from openem_nb.errors import NotFound
from openem_nb.panels import _html
from openem_nb.panels.error_view import ErrorView
from openem_nb.panels.form import Field, Form, Values
from openem_nb.panels.job_list import JobList
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from openem_nb.emdb.records import FileKind
    from openem_nb.jobs import Progress

__all__ = ["DownloadBox"]

_KINDS: Final[dict[FileKind, str]] = {
    "map": "Map",
    "half_map": "Half maps",
    "mask": "Masks",
    "additional_map": "Additional maps",
    "image": "Picture",
    "fsc": "Fourier shell correlation",
    "header": "Header (XML)",
}
_FEW: Final = 3
"""So many plans are shown unfolded."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a person wants to download."""

    ids: tuple[str, ...]
    kind: FileKind = "map"
    pattern: str = "*"
    limit: int | None = None
    folder: str = ""

    def target(self, name: str) -> Path | None:
        """Return the folder of one entry, None for the usual one."""
        return Path(self.folder).expanduser() / name if self.folder else None


@dataclass(frozen=True, slots=True)
class _Loot:
    """What came, and the entries that have no such file."""

    paths: list[Path]
    without: list[str]


class DownloadBox(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """A form for the files of the chosen entries; nothing moves before the plan is confirmed.

    Parameters
    ----------
    start :
        Runs work in the background and shows it, as :meth:`Panel._start` does.
    """

    def __init__(self, start: Callable[..., Any]) -> None:
        self._start = start
        self._ids: tuple[str, ...] = ()
        self._wish: _Wish | None = None
        self._repository = ""
        self.heading = _html.text_widget()
        self.form = Form(
            [], label="Download", submit_label="Show what would come", submit=self._submit
        )
        self.plan = _html.text_widget()
        self.confirm = ipywidgets.Button(description="Download now")
        self.dismiss = ipywidgets.Button(description="Do not download")
        self.confirm.on_click(lambda _: self._download())
        self.dismiss.on_click(lambda _: self._forget())
        self._buttons = ipywidgets.HBox([self.confirm, self.dismiss])
        self._buttons.add_class("oem-toolbar")
        # A panel puts these two below the box: they stay when the box hides with the selection.
        self.errors = ErrorView()
        self.jobs = JobList("Downloads")
        super().__init__([self.heading, self.form, self.plan, self._buttons])
        self.add_class("oem-section")
        self.ask_for("EMDB")

    def ask_for(self, repository: str) -> None:
        """Ask for what an archive's files need, ``EMDB`` or ``EMPIAR``."""
        if repository != self._repository:
            self._repository = repository
            self.form.show(_fields(repository))
        self.choose(())

    def choose(self, ids: Iterable[str]) -> None:
        """Take these entries; a plan made for others is forgotten."""
        self._ids = tuple(ids)
        count = len(self._ids)
        words = f"Download files of {_count(count, 'selected entry', 'selected entries')}"
        self.heading.value = f"<h3>{words}</h3>"
        self.layout.display = "" if count else "none"
        self._forget()

    def close(self) -> None:
        """End the widgets."""
        for widget in (*self._buttons.children, *self.children):
            widget.close()
        super().close()

    def _submit(self, values: Values) -> Mapping[str, str]:
        limit = str(values.get("limit", "")).strip()
        if limit and not (limit.isascii() and limit.isdecimal() and int(limit) > 0):
            return {"limit": "Write a whole number above 0, or nothing."}
        wish = _Wish(
            self._ids,
            kind=cast("FileKind", values.get("kind", "map")),
            pattern=str(values.get("pattern", "")).strip() or "*",
            limit=int(limit) if limit else None,
            folder=str(values.get("folder", "")).strip(),
        )
        repository = self._repository
        self._begin_anew()
        self._start(
            "Look what would come",
            lambda progress: _look(repository, wish, progress),
            lambda found: self._show_plan(wish, *found),
            again=self.form.submit,
            errors=self.errors,
            rows=self.jobs,
        )
        return {}

    def _show_plan(self, wish: _Wish, words: str, possible: bool) -> None:
        if wish.ids != self._ids:  # the selection has changed meanwhile
            return
        self._wish = wish
        self.plan.value = f'<div role="status">{words}</div>'
        self.confirm.layout.display = "" if possible else "none"
        self._buttons.layout.display = ""

    def _begin_anew(self) -> None:
        self._forget()
        self.errors.clear()
        self.jobs.drop_failed()

    def _forget(self) -> None:
        self._wish = None
        self.plan.value = ""
        self._buttons.layout.display = "none"

    def _download(self) -> None:
        wish = self._wish
        if wish is None:
            return
        fetch = _fetch_emdb if self._repository == "EMDB" else _fetch_empiar

        def begin() -> None:
            self._begin_anew()
            self._start(
                f"Download {_names(wish.ids)}",
                lambda progress: fetch(wish, progress),
                lambda _: None,
                again=begin,
                keep=True,
                describe=_describe,
                errors=self.errors,
                rows=self.jobs,
            )

        begin()


def _fields(repository: str) -> list[Field]:
    folder = Field(
        "folder", "Folder", placeholder="the usual one", help="One folder for each entry below it."
    )
    if repository == "EMDB":
        return [
            Field("kind", "Files", kind="choice", value="map", choices=tuple(_KINDS.items())),
            folder,
        ]
    return [
        Field("pattern", "File names", value="*", help="* stands for anything: *.mrc, data/*.tif."),
        Field("limit", "At most so many files", kind="number", placeholder="all"),
        folder,
    ]


def _look(repository: str, wish: _Wish, progress: Progress) -> tuple[str, bool]:
    """Return what would come, as HTML, and whether it can."""
    plan_of = _plan_emdb if repository == "EMDB" else _plan_empiar
    plans: list[transfer.Plan] = []
    without: list[str] = []
    for name in wish.ids:
        progress.check()
        try:
            plans.append(plan_of(name, wish, progress))
        except NotFound:
            without.append(name)
    words = _summary(_KINDS[wish.kind] if repository == "EMDB" else "Raw data", plans)
    if without:
        words += f" No such file: {_names(without)}."
    tables = "".join(plan._repr_html_() for plan in plans)
    shown = " open" if len(plans) <= _FEW else ""
    details = f"<details{shown}><summary>Entry by entry</summary>{tables}</details>"
    possible = _fit(plans) and any(plan.count for plan in plans)
    return f"<p>{_html.escape(words)}</p>{details if plans else ''}", possible


def _summary(kind: str, plans: Sequence[transfer.Plan]) -> str:
    count = _count(sum(plan.count for plan in plans), "file")
    words = f"{kind}: {count} of {_count(len(plans), 'entry', 'entries')}"
    if not plans:
        return f"{words}."
    about = "about " if any(plan.uncertainty for plan in plans) else ""
    size = format_bytes(sum(plan.bytes for plan in plans))
    free = format_bytes(min(plan.free for plan in plans))
    room = "" if _fit(plans) else ", not enough"
    return f"{words}, {about}{size}; {free} free{room}."


def _fit(plans: Sequence[transfer.Plan]) -> bool:
    """Return whether all of them fit together."""
    free = min((plan.free for plan in plans), default=0)
    return all(plan.fits for plan in plans) and sum(plan.needed for plan in plans) <= free


def _plan_emdb(name: str, wish: _Wish, progress: Progress) -> transfer.Plan:
    folder = wish.target(name)
    return emdb.download(name, wish.kind, dry_run=True, folder=folder, progress=progress)


def _fetch_emdb(wish: _Wish, progress: Progress) -> _Loot:
    loot = _Loot([], [])
    for name in wish.ids:
        progress.check()
        try:
            paths = emdb.download(name, wish.kind, folder=wish.target(name), progress=progress)
        except NotFound:
            loot.without.append(name)
        else:
            loot.paths.extend(paths)
    return loot


def _plan_empiar(name: str, wish: _Wish, progress: Progress) -> transfer.Plan:
    return empiar.download(
        name,
        pattern=wish.pattern,
        limit=wish.limit,
        dry_run=True,
        folder=wish.target(name),
        progress=progress,
    )


def _fetch_empiar(wish: _Wish, progress: Progress) -> _Loot:
    loot = _Loot([], [])
    for name in wish.ids:
        progress.check()
        paths = empiar.download(
            name,
            pattern=wish.pattern,
            limit=wish.limit,
            folder=wish.target(name),
            progress=progress,
        )
        loot.paths.extend(paths)
    return loot


def _count(number: int, one: str, several: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _names(ids: Iterable[str]) -> str:
    several = list(ids)
    more = f" and {len(several) - 3} more" if len(several) > 3 else ""
    return ", ".join(several[:3]) + more


def _describe(loot: _Loot) -> str:
    folders = dict.fromkeys(str(path.parent) for path in loot.paths)
    words = [f"{_count(len(loot.paths), 'file')} in {_names(folders)}."] if folders else []
    if loot.without:
        words.append(f"No such file: {_names(loot.without)}.")
    return " ".join(words) or "There were no such files."
