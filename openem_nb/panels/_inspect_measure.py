"""Measure all images of a data set from a panel: what, with which values, and how far it is."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import ipywidgets

from openem_nb import mining
from openem_nb.errors import NotFound, OpenEMError
from openem_nb.mining.run import default_folder
from openem_nb.mining.sources import Facts
from openem_nb.panels import _html
from openem_nb.panels._inspect_fields import OPTICS, measure_fields, read_fields
from openem_nb.panels.error_view import ErrorView
from openem_nb.panels.form import Form, Values
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openem_nb.mining import ImageFiles, Mined
    from openem_nb.mining.sources import Source

__all__ = ["MeasureBox"]


class MeasureBox(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """A form that starts :func:`openem_nb.mine`, and what came of it.

    Parameters
    ----------
    follow :
        Shows the job of it, with what describes its result and what is called at its end.
    measured :
        Called when rows have come.
    voltage, cs, pixel_size :
        What stands in the form at the beginning.
    """

    def __init__(
        self, follow: Callable[..., None], measured: Callable[[], None], **values: float | None
    ) -> None:
        self._follow, self._measured = follow, measured
        self._unsubscribe: Callable[[], None] = lambda: None
        self._source: Source | None = None
        self._pattern = ""
        self._values = values
        self.mined: Mined | None = None
        """What was measured of this data set, now or earlier; None before the first time."""
        self.given: dict[str, Any] = {}
        """The arguments of ``mine`` that were given last."""
        self._running: dict[str, tuple[Mined, dict[str, Any]]] = {}  # by the key of their source
        self.form = Form(
            measure_fields(Facts(), values, {}),
            label="Measurements",
            submit_label="Measure all",
            submit=self._submit,
        )
        self.words = _html.text_widget()
        self.problems = ErrorView()
        """What came in between, below the form, where the person is."""
        super().__init__([self.form, self.words, self.problems])

    @property
    def known(self) -> dict[str, float]:
        """Voltage (kV), Cs (mm) and pixel size (Å) in the form; what is wrong is left out."""
        found = {}
        for name in OPTICS:
            with contextlib.suppress(ValueError):
                number = float(str(self.form.values[name]))
                if 0 < number < float("inf"):
                    found[name] = number
        return found

    def show(self, source: Source, pattern: str, files: ImageFiles) -> None:
        """Measure another data set from now on; what was measured of it earlier is there again."""
        self._forget()
        self.form.busy = False
        self.problems.clear()
        self._source, self._pattern = source, pattern
        self.mined, self.given, words = None, {}, ""
        running = self._running.get(source.key)
        if running is not None:  # it went on while another one was looked at
            self.mined, self.given = running
            self._unsubscribe = self.mined.subscribe(lambda _: self._measured())
        else:
            words = self._measured_earlier(source)
        if files.far:
            words += f" To measure all of them, {format_bytes(files.far_size)} are fetched."
        self.form.show(measure_fields(source.facts, self._values, self.given))
        self.words.value = _html.status(words.strip()) if words else ""
        if running is not None:
            self.form.busy = True
            if source.key not in self._running:  # it has ended just now
                self._ended()

    def _measured_earlier(self, source: Source) -> str:
        """Take what was measured of a data set, and return words on that."""
        try:
            self.mined = mining.open_mined(default_folder(source))
        except NotFound:
            return ""
        except OpenEMError as error:
            return str(error)
        self.given = dict(self.mined.given)
        if self.given.get("cs") == source.facts.cs:
            self.given.pop("cs", None)
        return f"Measured earlier: {self.mined.words}"

    def close(self) -> None:
        """End the widgets; what is being measured goes on."""
        self._forget()
        self.form.close()
        self.problems.close()
        super().close()

    def _submit(self, values: Values) -> Mapping[str, str]:
        given, wrong = read_fields(values)
        source, pattern = self._source, self._pattern
        if wrong or source is None:
            return wrong
        self.problems.clear()
        self.words.value = ""  # it was said of what was measured before
        self.form.busy = True

        try:
            mined = mining.mine(source, pattern=pattern or None, wait=False, **given)
        except OpenEMError as error:
            self.form.busy = False
            self.problems.show(error)
            return {}
        self._forget()
        self.mined, self.given = mined, given
        self._unsubscribe = mined.subscribe(lambda _: self._measured())

        def finish() -> None:
            if self._running.get(source.key, (None,))[0] is mined:
                del self._running[source.key]
            if mined is self.mined:
                self._ended()

        if mined.job is not None:
            self._running[source.key] = mined, given
            self._follow(mined.job, lambda _: mined.words, finish)
        self._measured()
        return {}

    def _ended(self) -> None:
        if self.mined is not None:
            self.words.value = _html.status(self.mined.words)
        self.form.busy = False
        self._measured()

    def _forget(self) -> None:
        self._unsubscribe()
        self._unsubscribe = lambda: None
