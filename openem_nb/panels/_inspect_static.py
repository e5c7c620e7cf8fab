"""An inspection where nobody looks: waiting for what it shows, and the pictures kept of it."""

from __future__ import annotations

import base64
import contextlib
import uuid
from typing import TYPE_CHECKING, Any, Final

from openem_nb.panels import _html

if TYPE_CHECKING:
    from collections.abc import Callable

    from openem_nb.jobs import Job, Progress

__all__ = ["Kept", "ended"]

_HIDE: Final = (
    ".jp-OutputArea-child:has(.oem-inspect-static):has(+ .jp-OutputArea-child .oem-panel"
    " .oem-gallery-frame) { display: none; }"
    " .jp-OutputArea-child:has(.oem-inspect-static img) + .jp-OutputArea-child"
    " .jupyter-widgets:not(:has(*)) { display: none; }"
)
"""Pictures give way to a panel that has a kernel, and the message that there is none to them."""


class Kept:
    """An output with pictures, replaced when there are others.

    Parameters
    ----------
    pictures :
        Returns the words and the JPEG of each.
    """

    def __init__(self, pictures: Callable[[], list[tuple[str, bytes]]]) -> None:
        self._pictures = pictures
        self._id = f"oem-inspect-{uuid.uuid4().hex}"

    def show(self) -> None:
        """Add the output to the cell that runs."""
        from IPython.display import display

        display(self._output(), raw=True, display_id=self._id)  # type: ignore[no-untyped-call]

    def renew(self) -> None:
        """Put what there is now in its place."""
        from IPython.display import display

        display(self._output(), raw=True, display_id=self._id, update=True)  # type: ignore[no-untyped-call]

    def _output(self) -> dict[str, str]:
        figures, words = [], []
        for alt, jpeg in self._pictures():
            data = base64.b64encode(jpeg).decode("ascii")
            text = _html.escape(alt)
            words.append(alt)
            figures.append(
                f'<figure style="margin:0"><img alt="{text}" style="max-width:100%"'
                f' src="data:image/jpeg;base64,{data}"><figcaption>{text}</figcaption></figure>'
            )
        content = f'<div class="oem-inspect-static">{"".join(figures)}</div>'
        return {"text/html": f"<style>{_HIDE}</style>{content}", "text/plain": ". ".join(words)}


def ended(job: Job[Any], progress: Progress | None) -> None:
    """Wait for the end of some work, and raise what ended it."""
    while not job.done:
        if progress is not None:
            progress.check()
        with contextlib.suppress(TimeoutError):
            job.result(0.2)
    job.result()
