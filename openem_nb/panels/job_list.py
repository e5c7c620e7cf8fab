"""Lists of work: one row each, with progress, what happens now, and buttons."""

from __future__ import annotations

import itertools
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import traitlets

from openem_nb.jobs import Job, JobState
from openem_nb.panels._front_end import FrontEnd, module, style
from openem_nb.panels._refresher import Refresher
from openem_nb.values import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["JobList", "Link", "Row", "RowList"]


@dataclass(frozen=True, slots=True)
class Link:
    """A link to something that the Jupyter server serves."""

    label: str
    """Text of the link."""
    path: str
    """Path below the server's root folder."""
    view: str = "lab/tree"
    """``lab/tree`` opens it in JupyterLab, ``files`` shows the file itself."""


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of work as a list shows it."""

    key: str
    """What tells it from the others."""
    title: str
    """What it is."""
    state: str
    """Words for people: Waiting, Running, Done, Failed, Cancelled, Being read from tape."""
    active: bool = False
    """Whether it is under way, so that a progress bar is drawn."""
    fraction: float | None = None
    """Share done, 0 to 1; None while nobody knows."""
    message: str = ""
    """What happens now, or how it ended."""
    detail: str = ""
    """Amounts and times."""
    path: str = ""
    """Where the files are."""
    code: str = ""
    """What a person may type in a terminal."""
    actions: tuple[tuple[str, str], ...] = ()
    """Name and text of each button."""
    links: tuple[Link, ...] = ()
    """Where to look at the result."""


class RowList(FrontEnd):
    """An accessible list of rows; what its buttons do is set with :meth:`on_action`.

    Parameters
    ----------
    label :
        Heading and accessible name.
    empty :
        Text while there are no rows; with an empty text the whole list hides itself.
    """

    _esm = module("job_list")
    _css = style("job_list")

    label = traitlets.Unicode().tag(sync=True)
    empty = traitlets.Unicode().tag(sync=True)
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, label: str, *, empty: str = "") -> None:
        super().__init__(label=label, empty=empty)

    def show(self, rows: Iterable[Row]) -> None:
        """Replace the rows; nothing travels to the browser where nothing changed."""
        self.rows = [asdict(row) for row in rows]

    def on_action(self, action: str, handler: Callable[[str], None]) -> None:
        """Call ``handler(key)``, which must be quick, when the button ``action`` is pressed."""

        def answer(content: Mapping[str, Any]) -> None:
            handler(str(content["row"]))

        self.answer(action, answer)


_WORDS = {
    JobState.QUEUED: "Waiting",
    JobState.RUNNING: "Running",
    JobState.DONE: "Done",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
}


@dataclass(slots=True)
class _Followed:
    job: Job[Any]
    retry: Callable[[], None] | None
    keep: bool
    describe: Callable[[Any], str]
    on_cancel: Callable[[], None]
    over: Callable[[], bool]
    seconds: float | None = None  # how long it took, once it has ended


class JobList(RowList):
    """The background work of a panel, followed at most five times a second.

    Examples
    --------
    >>> jobs_of_panel = JobList("Downloads")  # doctest: +SKIP
    >>> jobs_of_panel.follow(runner().submit(work, title="Download EMD-1234"))  # doctest: +SKIP
    """

    def __init__(self, label: str = "Work in progress", *, empty: str = "") -> None:
        super().__init__(label, empty=empty)
        self._lock = threading.Lock()
        self._followed: dict[str, _Followed] = {}
        self._keys = itertools.count(1)
        self._refresher = Refresher(self._draw)
        self.on_action("cancel", self._cancel)
        self.on_action("retry", self._retry)
        self.on_action("dismiss", self._dismiss)

    def follow(
        self,
        job: Job[Any],
        *,
        retry: Callable[[], None] | None = None,
        keep: bool = True,
        describe: Callable[[Any], str] = lambda _: "",
        on_cancel: Callable[[], None] = lambda: None,
        over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Show a job.

        Parameters
        ----------
        retry :
            Does it again; without it there is no Retry button.
        keep :
            Whether the row stays when the job has ended, until it is dismissed.
        describe :
            Says in words what the result of the finished job is.
        on_cancel :
            Called when a person presses Cancel, before the job has noticed it.
        over :
            Whether a row that does not stay may go, although the job has not ended yet.
        """
        with self._lock:
            key = str(next(self._keys))
            self._followed[key] = _Followed(job, retry, keep, describe, on_cancel, over)
        self._refresher.ask()

    def redraw(self) -> None:
        """Show what is known of the jobs at once, not at the next turn."""
        self._draw()

    def drop_failed(self) -> None:
        """Take away the rows of work that failed, because a new attempt begins."""
        with self._lock:
            for key, one in list(self._followed.items()):
                if one.job.state is JobState.FAILED:
                    del self._followed[key]
        self._refresher.ask()

    def drop_ended(self) -> None:
        """Take away the rows of work that has ended, because something else is looked at."""
        with self._lock:
            for key, one in list(self._followed.items()):
                if one.job.done:
                    del self._followed[key]
        self._refresher.ask()

    def settle(self) -> None:
        """Wait until what is known of the jobs is shown."""
        self._refresher.settle()

    def close(self) -> None:
        """End the updates and the widget; the jobs themselves go on."""
        self._refresher.close()
        super().close()

    def _draw(self) -> bool:
        with self._lock:
            for key, one in list(self._followed.items()):
                if (one.job.done or one.over()) and not one.keep:
                    del self._followed[key]
            rows = [_row(key, one) for key, one in self._followed.items()]
            self.show(rows)
        return any(row.active for row in rows)

    def _find(self, key: str) -> _Followed | None:
        with self._lock:
            return self._followed.get(key)

    def _cancel(self, key: str) -> None:
        found = self._find(key)
        if found is not None:  # it may have ended and gone while the click travelled
            found.job.cancel()
            found.on_cancel()
            self._refresher.ask()

    def _retry(self, key: str) -> None:
        found = self._find(key)
        if found is not None and found.retry is not None:
            self._dismiss(key)
            found.retry()

    def _dismiss(self, key: str) -> None:
        with self._lock:
            self._followed.pop(key, None)
        self._refresher.ask()


def _row(key: str, followed: _Followed) -> Row:
    job = followed.job
    state, progress = job.state, job.progress.snapshot()
    if state in (JobState.QUEUED, JobState.RUNNING):
        stopping = job.progress.cancelled
        return Row(
            key,
            job.title,
            "Stopping" if stopping else _WORDS[state],
            active=True,
            fraction=progress.fraction,
            message=progress.message,
            detail=", ".join(part for part in (progress.text, _rounded(progress.seconds)) if part),
            actions=() if stopping else (("cancel", "Cancel"),),
        )
    if followed.seconds is None:
        followed.seconds = progress.seconds
    again = followed.retry is not None and state is not JobState.DONE
    return Row(
        key,
        job.title,
        _WORDS[state],
        message=_ending(followed),
        detail=format_duration(followed.seconds),
        actions=((("retry", "Retry"),) if again else ()) + (("dismiss", "Dismiss"),),
    )


def _rounded(seconds: float) -> str:
    """Return the time so far, in steps that do not make every drawing differ."""
    return format_duration(seconds) if seconds >= 1 else ""


def _ending(followed: _Followed) -> str:
    error = followed.job.error
    if error is None:
        return followed.describe(followed.job.result(0))
    hint = getattr(error, "hint", "")
    return f"{error} {hint}".strip() or type(error).__name__
