"""What this user has asked back from tape: how far each retrieval is, and what can be done."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from openem_nb import scicat, settings
from openem_nb.errors import NotFound, NotLoggedIn, OpenEMError
from openem_nb.panels import _html
from openem_nb.panels._panel import Panel
from openem_nb.panels._refresher import Refresher
from openem_nb.panels._server_paths import server_path
from openem_nb.panels.error_view import Disclosure, ErrorView, in_a_panel
from openem_nb.panels.inspect_box import InspectBox
from openem_nb.panels.job_list import JobList, Link, Row, RowList
from openem_nb.scicat import tape
from openem_nb.scicat.tape import State
from openem_nb.values import counted, format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openem_nb.jobs import Progress
    from openem_nb.scicat.tape import Retrieval

__all__ = ["RetrievalList", "RetrievalPanel"]

_CALM: Final = 1.0
"""Seconds between two looks at the records on disk, while something is under way."""
_POLL: Final = 30.0
"""Seconds between two questions to the server, where nobody works on what it has."""
_SHOWN: Final = 20
"""Earlier retrievals in the list; ``openem.retrievals()`` has all."""
_FEW: Final = 3
"""So many data sets of a retrieval get a link each."""
_WORDS: Final = {
    "pause": "Pause",
    "resume": "Resume",
    "again": "Ask again",
    "verify": "Verify",
    "cancel": "Cancel",
    "forget": "Forget",
}
_OFFERED: Final = {
    State.VERIFIED: ("verify", "forget"),
    State.EXPIRED: ("again", "forget"),
    State.CANCELLED: ("again", "forget"),
    State.FAILED: ("resume", "again", "forget"),
}
"""What can be done in the states that are an end; elsewhere it goes on, or is given up."""


class RetrievalList(RowList):
    """Rows of retrievals that follow what their records on disk say.

    Parameters
    ----------
    start :
        Runs work in the background and shows it, as :meth:`Panel._start` does.
    label, empty :
        As for any list.
    errors, rows :
        Where it is said that an action failed, and how far a long one is.
    under_way :
        Which ones belong here: those under way, those that have ended, or any if None.
    changed :
        Called when the list should be made anew: one does not belong here any more.
    inspect :
        Shows the images of a retrieval; without it that is not offered.
    """

    def __init__(
        self,
        start: Callable[..., Any],
        label: str,
        *,
        errors: ErrorView,
        rows: JobList,
        empty: str = "",
        under_way: bool | None = None,
        changed: Callable[[], None] = lambda: None,
        inspect: Callable[[Retrieval], None] | None = None,
    ) -> None:
        super().__init__(label, empty=empty)
        self._under_way = under_way
        self._start, self._errors, self._jobs, self._changed = start, errors, rows, changed
        self._inspect = inspect
        self._lock = threading.Lock()
        self._found: dict[str, Retrieval] = {}
        self._doing: dict[str, str] = {}
        self._next: dict[str, str] = {}
        self._forgetting: set[str] = set()
        self._refresher = Refresher(self._draw, interval=_CALM)
        for action in _WORDS:
            self.on_action(action, self._handler(action))
        self.on_action("inspect", self._on_inspect)
        self.on_action("forget-now", self._handler("forget-now"))
        self.on_action("keep", self._handler("keep"))

    def put(self, retrievals: Iterable[Retrieval]) -> None:
        """Show these and no others."""
        with self._lock:
            self._found = {one.id: one for one in retrievals}
            self._forgetting &= set(self._found)
        self._draw()  # now: a row that has moved to another list must not show in both
        self._refresher.ask()

    def add(self, retrieval: Retrieval) -> None:
        """Show one more, above the others."""
        with self._lock:
            others = {key: one for key, one in self._found.items() if key != retrieval.id}
            self._found = {retrieval.id: retrieval, **others}
        self._refresher.ask()

    @property
    def waiting(self) -> list[Retrieval]:
        """Those that the server has and nobody works on."""
        with self._lock:
            found = list(self._found.values())
        return [one for one in found if one.state.at_server and not one.working]

    def refresh(self) -> None:
        """Look at the records soon."""
        self._refresher.ask()

    def close(self) -> None:
        """End the updates and the widget; retrievals go on."""
        self._refresher.close()
        super().close()

    # What callbacks do

    def _handler(self, action: str) -> Callable[[str], None]:
        def handle(key: str) -> None:
            with self._lock:
                one = self._found.get(key)
                if action == "forget":
                    self._forgetting.add(key)
                elif action in ("keep", "forget-now"):
                    self._forgetting.discard(key)
            if one is not None and action not in ("forget", "keep"):
                self._act(action.removesuffix("-now"), one)
            self._refresher.ask()

        return handle

    def _on_inspect(self, key: str) -> None:
        with self._lock:
            one = self._found.get(key)
        if one is not None and self._inspect is not None:
            self._inspect(one)

    def _act(self, action: str, one: Retrieval) -> None:
        """Do something with a retrieval; one thing at a time with each.

        A button may be pressed before the row shows what is being done: that comes next.
        """
        with self._lock:
            if one.id in self._doing:
                if self._doing[one.id] != _WORDS[action]:
                    self._next[one.id] = action
                return
            self._doing[one.id] = _WORDS[action]
        self._errors.clear()

        def finish() -> None:
            with self._lock:
                self._doing.pop(one.id, None)
                later = self._next.pop(one.id, None)
            self._refresher.ask()
            if action in ("forget", "again"):
                self._changed()
            elif later is not None:
                self._act(later, one)

        self._start(
            f"{_WORDS[action]}: {_html.plain(one.title)}",
            lambda progress: _do(action, one, progress),
            lambda _: None,
            finish=finish,
            keep=action == "verify",
            describe=lambda words: words,
            errors=self._errors,
            rows=self._jobs,
        )

    # What the refresher does

    def _draw(self) -> bool:
        with self._lock:
            found = list(self._found.values())
            doing, forgetting = dict(self._doing), set(self._forgetting)
        rows: list[Row] = []
        moving, changed = bool(doing), False
        for one in found:
            try:
                working = one.working
                row = _row(one, working, doing.get(one.id), one.id in forgetting)
                if self._inspect is not None and _can_be_seen(one, row):
                    row = replace(row, actions=(("inspect", "Inspect images"), *row.actions))
                rows.append(row)
                moving |= working
                changed |= self._under_way not in (None, working or one.state.open)
            except NotFound:  # somebody else has forgotten it
                changed = True
        self.show(rows)
        if changed and not doing:
            self._changed()
        return moving


class RetrievalPanel(Panel):
    """All retrievals of this user, under way and earlier, of this machine and of others.

    A retrieval goes on when the page is closed or the kernel is restarted; a new panel finds it
    again, because what is known of it lies in the state folder and at the archive.

    Parameters
    ----------
    profile :
        The instance; the active profile if None.

    Examples
    --------
    >>> from openem_nb import RetrievalPanel
    >>> RetrievalPanel()  # doctest: +SKIP
    """

    def __init__(self, profile: str | None = None) -> None:
        self._profile = profile
        super().__init__(
            "Retrievals from tape",
            notice=lambda: settings.profile(profile).notice,
            profile=profile,
        )
        self.active = RetrievalList(
            self._start,
            "Under way",
            errors=self.errors,
            rows=self.jobs,
            empty="Nothing is being brought back from tape.",
            under_way=True,
            changed=self._reload,
            inspect=self._show_images,
        )
        self.past = RetrievalList(
            self._start,
            "Earlier retrievals",
            errors=self.errors,
            rows=self.jobs,
            under_way=False,
            changed=self._reload,
            inspect=self._show_images,
        )
        self.inspect = InspectBox()
        self.reload = ipywidgets.Button(description="Refresh list")
        self.reload.on_click(lambda _: self.refresh())
        self.code_view = Disclosure("Show code")
        self.code_view.text = self.code()
        self._found: list[Retrieval] = []
        self._poller = Refresher(self._poll, interval=_POLL)
        self._add(self.errors, self.jobs, self.active, self.past, self.reload, self.inspect)
        self._add(self.code_view)
        self.refresh()

    @property
    def found(self) -> list[Retrieval]:
        """All retrievals, the newest first, as of the last look."""
        return list(self._found)

    def code(self) -> str:
        """Return Python that gives the retrievals of the list, as ``found``."""
        profile = "" if self._profile is None else f"profile={self._profile!r}"
        return f"import openem_nb as openem\n\nfound = openem.retrievals({profile})\n"

    def refresh(self) -> None:
        """Look for retrievals again: first on this machine, then at the server."""
        self.errors.clear()
        self._reload()

        def ask(progress: Progress) -> list[Retrieval]:
            scicat.identity(self._profile)  # says what is wrong, if the server cannot be asked
            return tape.retrievals(self._profile, progress=progress)

        self._start("Ask the server for retrievals", ask, self._show, again=self.refresh)

    def close(self) -> None:
        """End all updates and widgets of the panel; retrievals go on."""
        self._poller.close()
        super().close()

    def _show_images(self, one: Retrieval) -> None:
        self.inspect.look(one)

    # What the work shows when it has ended

    def _reload(self) -> None:
        known = {one.id: one for one in self._found if not one.known_here}

        def look(_: Progress) -> list[Retrieval]:
            here = tape.retrievals(self._profile, server=False)
            mine = {job for one in here for job in one.jobs}
            return here + [one for one in known.values() if not mine & set(one.jobs)]

        self._start("Look for retrievals", look, self._show)

    def _show(self, found: list[Retrieval]) -> None:
        self._found = sorted(found, key=lambda one: one.created, reverse=True)
        active = [one for one in self._found if one.state.open]
        past = [one for one in self._found if not one.state.open]
        self.active.put(active)
        self.past.put(past[:_SHOWN])
        more = f" (newest {_SHOWN} of {len(past)})" if len(past) > _SHOWN else ""
        self.past.label = f"Earlier retrievals{more}"
        self._poller.ask()

    def _poll(self) -> bool:
        """Ask the server about what nobody works on; whoever works on one asks for it."""
        waiting = self.active.waiting
        try:
            for one in waiting:
                if one.known_here:
                    one.refresh()
            if not all(one.known_here for one in waiting):
                self._show(tape.retrievals(self._profile))
        except NotLoggedIn:
            return False  # the rows say so; nothing to see until somebody logs in
        except OpenEMError:
            return True  # it may answer again the next time
        finally:
            self.active.refresh()
        return bool(waiting)


def _do(action: str, one: Retrieval, progress: Progress) -> str:
    """Do what a button says, and return what came of it in words."""
    if action == "verify":
        return one.verify(progress=progress).words
    if action == "again":
        one.ask_again().start()
    elif action == "forget":
        one.forget()
    else:
        {"pause": one.pause, "resume": one.resume, "cancel": one.cancel}[action]()
    return ""


def _can_be_seen(one: Retrieval, row: Row) -> bool:
    """Return whether images of a retrieval can be shown: on disk, or in the archive's store."""
    there = one.state in (State.VERIFIED, State.READY) and not one.commands
    return there and len(one.pids) == 1 and bool(row.actions) and row.actions[0][0] != "forget-now"


def _row(one: Retrieval, working: bool, doing: str | None, forgetting: bool) -> Row:
    state, progress = one.state, one.progress()
    commands = () if state is State.VERIFIED else one.commands
    rate = f"{format_bytes(progress.rate)}/s" if working and progress.rate else ""
    many = f"{len(one.pids):,} data sets" if len(one.pids) > 1 else ""
    detail = progress.text if working else f"{counted(one.count, 'file')}, {format_bytes(one.size)}"
    places = list(one.folders.values())
    return Row(
        one.id,
        _html.plain(one.title),
        f"{doing} …" if doing else str(state).capitalize(),
        active=working,
        fraction=progress.fraction if progress.done else None,
        message=_html.lines(_words(one, state, progress.message, commands)),
        detail=", ".join(part for part in (many, detail, rate) if part),
        path=str(places[0] if len(places) == 1 else one.folder),
        code="\n".join(commands),
        actions=() if doing else _actions(state, working, forgetting, bool(commands)),
        links=tuple(_links(one)),
    )


def _words(one: Retrieval, state: State, doing: str, commands: tuple[str, ...]) -> Iterable[str]:
    """Yield what there is to say, a line each; buttons stand where Python has methods."""
    words = one.words.replace(".resume()", "Resume")
    if state is State.DOWNLOADING and doing:
        yield doing  # amounts and time left stand beside it
    elif state is State.READY and commands:
        yield "Ready: copy the files with one of these commands, then press Verify."
    else:
        yield words[:1].upper() + words[1:]
    yield from one.notes
    error = one.error
    if error is not None:
        if str(error) not in words:
            yield str(error)
        if error.hint:
            yield in_a_panel(error.hint)


def _actions(
    state: State, working: bool, forgetting: bool, by_hand: bool
) -> tuple[tuple[str, str], ...]:
    if forgetting:
        return (("forget-now", "Forget for good"), ("keep", "Keep"))
    if working:
        names: tuple[str, ...] = ("pause", "cancel")
    elif by_hand and state is State.READY:  # a person copies the files, then they are checked
        names = ("verify", "cancel", "forget")
    else:
        names = _OFFERED.get(state, ("resume", "cancel", "forget"))
    return tuple((name, _WORDS[name]) for name in names)


def _links(one: Retrieval) -> Iterable[Link]:
    """Yield links to the folders that are there and that the Jupyter server can see."""
    places = [place for place in one.folders.values() if place.is_dir()]
    if len(places) > _FEW:
        places = [one.folder]
    for number, place in enumerate(places, 1):
        path = server_path(place)
        if path is not None:
            yield Link("Open folder" if len(places) == 1 else f"Open folder {number}", path)
