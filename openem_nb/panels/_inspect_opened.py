"""The image that was opened from the gallery: of several wishes the newest counts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets

from openem_nb.panels import _html
from openem_nb.panels._inspect_known import known_gain, known_picks, measured_ctf
from openem_nb.panels.micrograph import MicrographView

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openem_nb.images import Micrograph
    from openem_nb.images.picks import Picks
    from openem_nb.jobs import Job, Progress
    from openem_nb.mining.files import ImageFile
    from openem_nb.panels._inspect_measure import MeasureBox

__all__ = ["OpenedImage"]


class OpenedImage(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """The name of an image above its viewer; hidden until one was opened.

    Parameters
    ----------
    start :
        Runs work in the background and shows it, as :meth:`Panel._start` does.
    measure :
        Knows what was measured of the image, and voltage and pixel size that were typed.
    shown :
        Called when another image is there.
    picks :
        Picks of all images; without them those that lie beside each.
    """

    def __init__(
        self,
        start: Callable[..., Job[Any]],
        measure: MeasureBox,
        shown: Callable[[], None],
        *,
        picks: Picks | Path | str | None = None,
    ) -> None:
        self._start, self._measure, self._shown, self._picks = start, measure, shown, picks
        self.viewer = MicrographView()
        self.file: ImageFile | None = None
        """What is open; None where nothing is."""
        self._micrograph: Micrograph | None = None  # what was opened here, not by the viewer
        self._wish = 0  # counts what was to be opened: what is slow does not come after what is new
        self._job: Job[Any] | None = None
        self._showing = threading.Lock()
        super().__init__([_html.text_widget(), self.viewer])
        self.layout.display = "none"

    @property
    def name(self) -> str:
        """Name of the image that is open; empty where none is."""
        return "" if self.file is None else self.file.name

    def open_file(self, file: ImageFile, opened: Callable[[bool], None] = lambda _: None) -> None:
        """Open an image in the background, in place of one that is being opened.

        Parameters
        ----------
        opened :
            Told at the end whether it shows, unless something else was wished for meanwhile.
        """
        wish = self._next()

        def work(progress: Progress) -> str:
            return self._open(file, wish, progress)

        def show(notes: str) -> None:
            if wish != self._wish:
                return
            heading = f"<h3>{_html.escape(file.name)}</h3>"
            self.children[0].value = heading + (_html.status(notes) if notes else "")
            self.layout.display = ""
            self._shown()

        def finish() -> None:
            if wish == self._wish:
                opened(self.file is file)

        self._job = self._start(f"Open {file.name}", work, show, finish=finish)

    def _next(self) -> int:
        with self._showing:
            self._wish += 1
            job, self._job = self._job, None
        if job is not None and not job.done:
            job.cancel()
        return self._wish

    def _open(self, file: ImageFile, wish: int, progress: Progress) -> str:
        """Show an image with what is known of it; return what cannot be shown of that."""
        picks, note = (self._picks, "") if self._picks is not None else known_picks(file)
        notes = [note]
        mined, found = self._measure.mined, None
        if mined is not None:
            found = measured_ctf(mined.frame, file.name, self._measure.given)
        known = self._measure.known
        opened = file.open(progress=progress).told(voltage=known.get("voltage"))
        try:
            gain, why_not = known_gain(opened, self._measure.given)
            notes.append(why_not)
            with self._showing:
                if wish != self._wish:
                    opened.close()
                    return ""
                size = known.get("pixel_size")
                self.viewer.show(opened, ctf=found, picks=picks, pixel_size=size, **gain)
                before, self._micrograph = self._micrograph, opened
                self.file = file
        except BaseException:
            opened.close()
            raise
        if before is not None:
            before.close()
        return " ".join(one for one in notes if one)

    def ring(self) -> bool:
        """Draw the rings of an image that was open before it was measured; return whether."""
        mined = self._measure.mined
        if self.file is None or mined is None or self.viewer.ctf is not None:
            return False
        found = measured_ctf(mined.frame, self.name, self._measure.given)
        if found is not None:
            self.viewer.draw(found)
        return found is not None

    def forget(self) -> None:
        """Show no image, and none that is being opened: its list is not shown any more."""
        self._next()
        self.file = None
        self.layout.display = "none"

    def close(self) -> None:
        """End the viewer, and what is being opened."""
        self._next()
        self.viewer.close()
        if self._micrograph is not None:
            self._micrograph.close()
        super().close()
