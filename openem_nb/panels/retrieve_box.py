"""Bring selected data sets back from tape: first what would come, then the click that asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from openem_nb import settings, tokens
from openem_nb.panels import _html
from openem_nb.panels.error_view import ErrorView
from openem_nb.panels.form import Field, Form, Values
from openem_nb.panels.job_list import JobList
from openem_nb.panels.retrieval import RetrievalList
from openem_nb.scicat import tape
from openem_nb.values import counted, format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from openem_nb.jobs import Progress
    from openem_nb.scicat._record import Order
    from openem_nb.scicat.tape import Retrieval, RetrievalPlan

__all__ = ["RetrieveBox"]

_FEW: Final = 3
"""So many data sets of a plan are shown unfolded."""
_OPTIONS: Final = {
    "URLs": "This computer",
    "PSI": "PSI's retrieve server",
    "PSI-RA": "PSI's Ra cluster",
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a person wants to retrieve."""

    pids: tuple[str, ...]
    files: tuple[str, ...] | None
    folder: Path | None
    option: str | None
    email: str | None
    profile: str

    def plan(self, progress: Progress) -> RetrievalPlan:
        return tape.retrieve(
            self.pids,
            files=self.files,
            folder=self.folder,
            option=self.option,
            email=self.email,
            dry_run=True,
            profile=self.profile,
            progress=progress,
        )

    def ask(self, plan: RetrievalPlan, progress: Progress) -> Retrieval:
        """Ask for what the plan said can come, and let it go on by itself."""
        asked = tape.retrieve(
            plan.pids,
            files=self.files,
            folder=self.folder,
            option=self.option,
            email=self.email,
            profile=self.profile,
            progress=progress,
        )
        asked.start()
        return asked


class RetrieveBox(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """A form for the chosen data sets; nothing is asked of the archive before it is confirmed.

    Parameters
    ----------
    start :
        Runs work in the background and shows it, as :meth:`Panel._start` does.
    """

    def __init__(self, start: Callable[..., Any]) -> None:
        self._start = start
        self._profile, self._anonymous = "", False
        self._pids: tuple[str, ...] = ()
        self._wish: _Wish | None = None
        self._plan: RetrievalPlan | None = None
        self.heading = _html.text_widget()
        self.form = Form(
            [], label="Retrieve", submit_label="Show what would come", submit=self._submit
        )
        self.plan = _html.text_widget()
        self.confirm = ipywidgets.Button(description="Retrieve now")
        self.dismiss = ipywidgets.Button(description="Do not retrieve")
        self.confirm.on_click(lambda _: self._retrieve())
        self.dismiss.on_click(lambda _: self._forget())
        self._buttons = ipywidgets.HBox([self.confirm, self.dismiss])
        self._buttons.add_class("oem-toolbar")
        # A panel puts these three below the box: they stay when the box hides with the selection.
        self.errors = ErrorView()
        self.jobs = JobList("Looking into the archive")
        self.retrievals = RetrievalList(
            start, "Retrievals from this panel", errors=self.errors, rows=self.jobs
        )
        super().__init__([self.heading, self.form, self.plan, self._buttons])
        self.add_class("oem-section")
        self.choose(())

    def ask_for(self, profile: str) -> None:
        """Ask for what the archive of an instance needs to know."""
        anonymous = tokens.find(profile) is None
        if (profile, anonymous) != (self._profile, self._anonymous):
            self._profile, self._anonymous = profile, anonymous
            options = settings.profile(profile).retrieve_options
            self.form.show(_fields(options, anonymous=anonymous))
        self.choose(())

    def choose(self, pids: Iterable[str]) -> None:
        """Take these data sets; a plan made for others is forgotten."""
        self._pids = tuple(pids)
        count = len(self._pids)
        many = f"{count:,} selected data sets" if count != 1 else "1 selected data set"
        self.heading.value = f"<h3>Retrieve {many}</h3>"
        self.layout.display = "" if count else "none"
        self._forget()

    def close(self) -> None:
        """End the widgets; retrievals go on."""
        for widget in (*self._buttons.children, *self.children):
            widget.close()
        super().close()

    def _submit(self, values: Values) -> Mapping[str, str]:
        patterns = tuple(str(values.get("files", "")).split())
        folder = str(values.get("folder", "")).strip()
        wish = _Wish(
            self._pids,
            files=patterns or None,
            folder=Path(folder).expanduser() if folder else None,
            option=str(values["option"]) if "option" in values else None,
            email=str(values.get("email", "")).strip() or None,
            profile=self._profile,
        )
        self._begin_anew()
        self._start(
            "Look what would come",
            wish.plan,
            lambda plan: self._show_plan(wish, plan),
            again=self.form.submit,
            errors=self.errors,
            rows=self.jobs,
        )
        return {}

    def _show_plan(self, wish: _Wish, plan: RetrievalPlan) -> None:
        if wish.pids != self._pids:  # the selection has changed meanwhile
            return
        self._wish, self._plan = wish, plan
        self.plan.value = f'<div role="status">{_words(plan)}</div>'
        possible = bool(plan.pids) and plan.fits
        self.confirm.layout.display = "" if possible else "none"
        self._buttons.layout.display = ""

    def _begin_anew(self) -> None:
        self._forget()
        self.errors.clear()
        self.jobs.drop_failed()

    def _forget(self) -> None:
        self._wish = self._plan = None
        self.plan.value = ""
        self._buttons.layout.display = "none"

    def _retrieve(self) -> None:
        wish, plan = self._wish, self._plan
        if wish is None or plan is None:
            return

        def begin() -> None:
            self._begin_anew()
            self._start(
                "Ask the archive",
                lambda progress: wish.ask(plan, progress),
                self.retrievals.add,
                again=begin,
                errors=self.errors,
                rows=self.jobs,
            )

        begin()


def _fields(options: tuple[str, ...], *, anonymous: bool) -> list[Field]:
    fields = [
        Field("files", "Only files named", placeholder="all", help="*.mrc *.tif: any of these."),
        Field(
            "folder", "Folder", placeholder="the usual one", help="One folder for each below it."
        ),
    ]
    if options:
        choices = tuple((option, _OPTIONS.get(option, option)) for option in options)
        fields.append(
            Field(
                "option",
                "Brought to",
                kind="choice",
                value=options[0],
                choices=choices,
                help="Only what comes to this computer is unpacked and checked by itself.",
            )
        )
    if anonymous:
        fields.append(
            Field(
                "email",
                "Your e-mail address",
                help="You are not logged in: the archive writes to it when public data are out.",
            )
        )
    return fields


def _words(plan: RetrievalPlan) -> str:
    """Return what a plan says as HTML."""
    room = "enough room" if plan.fits else "NOT enough room: choose another folder"
    facts = [
        ("Data sets", f"{len(plan.pids):,}"),
        ("Files", f"{plan.count:,}, {format_bytes(plan.size)} on disk"),
        ("To download", format_bytes(plan.packed)),
        ("Here already", format_bytes(plan.here) if plan.here else ""),
        ("Folder", str(plan.folder)),
        ("Free there", f"{format_bytes(plan.free)}, {room}"),
        ("At the archive", "\n".join(map(_order_words, plan.orders))),
    ]
    if not plan.pids:
        facts = []
    rows = _html.definitions((name, _lines(value)) for name, value in facts)
    coming = [
        f"{one.name}: {counted(one.count, 'file')}, {format_bytes(one.size)}, at {one.location}"
        for one in plan.data_sets
        if one.retrievable
    ]
    refused = [f"{one.name or one.pid}: {one.why_not}" for one in plan.refused]
    return (
        rows
        + _list(f"{len(coming):,} would come", coming)
        + _list(f"{len(refused):,} cannot come", refused)
    )


def _order_words(order: Order) -> str:
    many = counted(len(order.pids), "data set")
    if order.kind == "broker":
        return f"{many} from {order.location}: public, can be fetched at once"
    if order.job:
        return f"{many} from {order.location}: asked for already, nothing new is asked"
    return f"{many} from {order.location}: a new job"


def _lines(text: str) -> str:
    return "<br>".join(_html.escape(line) for line in text.splitlines())


def _list(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{_html.escape(line)}</li>" for line in lines)
    shown = " open" if len(lines) <= _FEW else ""
    return f"<details{shown}><summary>{_html.escape(title)}</summary><ul>{items}</ul></details>"
