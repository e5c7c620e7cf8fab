"""Measure all images of a data set from a panel: what, with which values, and how far it is."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from openem_nb import mining
from openem_nb.errors import NotFound, OpenEMError
from openem_nb.mining.run import default_folder
from openem_nb.mining.sources import Facts
from openem_nb.panels import _html
from openem_nb.panels._inspect_about import optics_words
from openem_nb.panels.form import Field, Form, Values
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openem_nb.mining import ImageFiles, Mined
    from openem_nb.mining.sources import Source

__all__ = ["MeasureBox"]

_VALUES: Final = (
    ("cs", "Spherical aberration, mm", "2.7", "Without it there is no CTF."),
    ("voltage", "Voltage, kV", "300", "Where the files do not know it."),
    ("pixel_size", "Pixel size, Å", "0.83", "Where the files do not know it."),
)


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
        self.form = Form(
            _fields(Facts(), values, {}),
            label="Measurements",
            submit_label="Measure all",
            submit=self._submit,
        )
        self.words = _html.text_widget()
        super().__init__([self.form, self.words])

    @property
    def known(self) -> dict[str, float]:
        """Voltage (kV), Cs (mm) and pixel size (Å) in the form; what is wrong is left out."""
        found = {}
        for name, *_ in _VALUES:
            with contextlib.suppress(ValueError):
                number = float(str(self.form.values[name]))
                if 0 < number < float("inf"):
                    found[name] = number
        return found

    def show(self, source: Source, pattern: str, files: ImageFiles) -> None:
        """Measure another data set from now on; what was measured of it earlier is there again."""
        self._forget()
        self.form.busy = False
        self._source, self._pattern = source, pattern
        self.mined, self.given, words = None, {}, ""
        try:
            self.mined = mining.open_mined(default_folder(source))
        except NotFound:
            pass
        except OpenEMError as error:
            words = str(error)
        if self.mined is not None:
            self.given = dict(self.mined.given)
            if self.given.get("cs") == source.facts.cs:
                self.given.pop("cs", None)
            words = f"Measured earlier: {self.mined.words}"
        if files.far:
            words += f" To measure all of them, {format_bytes(files.size)} are fetched."
        self.form.show(_fields(source.facts, self._values, self.given))
        self.words.value = _html.status(words.strip()) if words else ""

    def close(self) -> None:
        """End the widgets; what is being measured goes on."""
        self._forget()
        self.form.close()
        super().close()

    def _submit(self, values: Values) -> Mapping[str, str]:
        given: dict[str, Any] = {}
        wrong = {}
        for name, _, example, _ in _VALUES:
            text = str(values[name]).strip()
            if not text:
                continue
            try:
                number = float(text)
            except ValueError:
                number = 0.0
            if not 0 < number < float("inf"):
                wrong[name] = f"Write a number such as {example}."
            given[name] = number
        chosen = ["thumbnail", *(name for name in mining.MEASURES if values.get(name))]
        if len(chosen) < 2:
            wrong["statistics"] = "Choose one measurement at least."
        source, pattern = self._source, self._pattern
        if wrong or source is None:
            return wrong
        if chosen != list(mining.DEFAULT):
            given["measures"] = tuple(chosen)
        self.form.busy = True

        try:
            mined = mining.mine(source, pattern=pattern or None, wait=False, **given)
        except OpenEMError as error:
            self.form.busy = False
            return {"cs": f"{error} {error.hint}".strip()}
        self._forget()
        self.mined, self.given = mined, given
        self._unsubscribe = mined.subscribe(lambda _: self._measured())

        def finish() -> None:
            if mined is self.mined:
                self.form.busy = False
                self.words.value = _html.status(mined.words)
                self._measured()

        if mined.job is not None:
            self._follow(mined.job, lambda _: mined.words, finish)
        self._measured()
        return {}

    def _forget(self) -> None:
        self._unsubscribe()
        self._unsubscribe = lambda: None


def _fields(
    facts: Facts, values: Mapping[str, float | None], given: Mapping[str, Any]
) -> list[Field]:
    """Return the fields, filled with what was given; what the data set states stands in grey."""
    stated = optics_words(facts)
    fields = []
    for name, label, example, words in _VALUES:
        value = given.get(name, values.get(name))
        fields.append(
            Field(
                name,
                label,
                kind="number",
                value="" if value is None else f"{value:g}",
                placeholder=stated.get(name, example),
                help=f"The data set says {stated[name]}." if name in stated else words,
            )
        )
    measures = given.get("measures", mining.DEFAULT)
    fields += [
        Field(
            name,
            f"{name.capitalize() if name != 'ctf' else 'CTF'}: {words}",
            kind="check",
            value=name in measures,
            wide=True,
        )
        for name, words in mining.MEASURES.items()
        if name != "thumbnail"
    ]
    return fields
