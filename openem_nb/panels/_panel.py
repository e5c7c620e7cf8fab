"""What every panel has: the notice, the error view, the list of work, and a clean end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

import ipywidgets

from openem_nb import jobs, settings
from openem_nb.panels import _html
from openem_nb.panels.error_view import ErrorView
from openem_nb.panels.job_list import JobList

if TYPE_CHECKING:
    from collections.abc import Callable

    from openem_nb.jobs import Job, Progress

__all__ = ["Panel"]

T = TypeVar("T")


class Panel(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """A column of widgets over public functions.

    Callbacks may come in any thread: they read traits, start work, and return. Work runs in the
    shared job runner; what comes back is shown from there, under the panel's lock.

    Parameters
    ----------
    heading :
        What a person reads above it.
    notice :
        Finds the services and returns the text that must be shown with their data; None where
        there are no data to show.
    offer_login :
        Whether an error that a log-in mends is shown together with one.
    profile :
        The instance to log in to then; the active one if None.
    """

    def __init__(
        self,
        heading: str,
        *,
        notice: Callable[[], str | None] | None = lambda: settings.services().notice,
        offer_login: bool = True,
        profile: str | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self.banner = _html.text_widget()
        self.errors = ErrorView(offer_login=offer_login, profile=profile)
        self.jobs = JobList()
        self.job: Job[Any] | None = None
        """The newest piece of work, None before the first."""
        title = _html.text_widget(f"<h2>{heading}</h2>")
        self._parts: list[ipywidgets.Widget] = [_html.theme(), title, self.banner]
        super().__init__(self._parts)
        self.add_class("oem-panel")
        if notice is not None:
            self._connect(notice)

    def _connect(self, notice: Callable[[], str | None]) -> None:
        self._start(
            "Find the services",
            lambda _: notice(),
            self._show_notice,
            again=lambda: self._connect(notice),
        )

    def _show_notice(self, notice: str | None) -> None:
        self.banner.value = _html.banner(notice)

    def _add(self, *widgets: ipywidgets.Widget) -> None:
        self._parts += widgets
        self.children = tuple(self._parts)

    def _start(
        self,
        title: str,
        work: Callable[[Progress], T],
        show: Callable[[T], None],
        *,
        finish: Callable[[], None] = lambda: None,
        again: Callable[[], None] | None = None,
        keep: bool = False,
        describe: Callable[[T], str] = lambda _: "",
        errors: ErrorView | None = None,
        rows: JobList | None = None,
    ) -> Job[T]:
        """Do ``work`` in the background, then ``show`` its result; an error goes to the error view.

        Parameters
        ----------
        errors, rows :
            Where an error and the progress show; the panel's own ones if None.
        finish :
            Called once, at the end in every case, or when the work is cancelled: a person who has
            cancelled need not wait for a service that does not answer.
        again :
            What a person may press to try once more.
        keep, describe :
            As in :meth:`JobList.follow`.
        """
        errors = self.errors if errors is None else errors
        rows = self.jobs if rows is None else rows
        finished, arrived = threading.Event(), threading.Event()

        def end() -> None:
            with self._lock:
                if not finished.is_set():
                    finished.set()
                    finish()

        def whole(progress: Progress) -> T:
            try:
                result = work(progress)
                arrived.set()
                if not keep:
                    rows.redraw()  # first the row goes: what is shown then does not move any more
                with self._lock:
                    progress.check()
                    show(result)
            except BaseException as error:
                with self._lock:
                    if not progress.cancelled:
                        errors.show(error, again=again)
                progress.check()
                raise
            finally:
                end()
            return result

        job = jobs.runner().submit(whole, title=title)
        self.job = job
        rows.follow(
            job,
            retry=again,
            keep=keep,
            describe=describe,
            on_cancel=end,
            over=arrived.is_set,
        )
        return job

    def close(self) -> None:
        """End all updates and widgets of the panel; runs and downloads go on."""
        self.jobs.close()
        for child in self._parts:
            child.close()
        super().close()
