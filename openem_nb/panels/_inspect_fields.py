"""The fields of a form that asks what to measure, and what was written into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb import mining
from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.mining.parameters import Parameters
from openem_nb.panels._inspect_about import optics_words
from openem_nb.panels.form import Field, Values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.mining.sources import Facts

__all__ = ["OPTICS", "measure_fields", "read_fields"]

OPTICS: Final = ("cs", "voltage", "pixel_size")
"""Values of the microscope, which the viewer wants to know as well."""
_NUMBERS: Final = {
    "cs": ("Spherical aberration, mm", "2.7", "Without it there is no CTF."),
    "voltage": ("Voltage, kV", "300", "Where the files do not know it."),
    "pixel_size": ("Pixel size, Å", "0.83", "Where the files do not know it."),
    "amplitude_contrast": ("Amplitude contrast", "0.07", "0.07 to 0.1 for ice, more for stain."),
    "defocus_from": ("Defocus from, µm", "0.3", "Where it is looked for."),
    "defocus_to": ("Defocus to, µm", "5", "8 and more for tomography."),
    "dose": ("Expected dose, e⁻/Å²", "40", "Of an exposure; what is counted is compared with it."),
}
_BELOW: Final = {"ctf": ("amplitude_contrast", "defocus_from", "defocus_to"), "dose": ("dose",)}
"""Numbers that one measurement alone asks for: they stand below it."""
_ENDS: Final = ("defocus_from", "defocus_to")
_TURNS: Final = (
    ("", "Not at all"),
    *((way, way.capitalize()) for way in ("flip x", "flip y")),
    *((f"rotate {angle}", f"Rotate {angle}°") for angle in (90, 180, 270)),
    *((f"flip {axis} rotate 90", f"Flip {axis}, rotate 90°") for axis in "xy"),
)
"""What a person chooses, in place of the words of OSC-EM."""
_PHASE: Final = "phase_plate"


def measure_fields(
    facts: Facts, values: Mapping[str, float | None], given: Mapping[str, Any]
) -> list[Field]:
    """Return the fields, filled with what was given; what the data set states stands in grey.

    Parameters
    ----------
    values :
        What stands in fields where nothing was given.
    given :
        Arguments of :func:`~openem_nb.mining.mine`.
    """
    stated = optics_words(facts)

    def number(name: str, when: str = "") -> Field:
        label, example, words = _NUMBERS[name]
        value = given.get(name, values.get(name))
        if name in _ENDS and given.get("defocus") is not None:
            value = given["defocus"][_ENDS.index(name)] / 1e4
        return Field(
            _field(name),
            label,
            kind="number",
            value="" if value is None else f"{value:g}",
            placeholder=stated.get(name, example),
            help=f"The data set says {stated[name]}." if name in stated else words,
            when=when,
        )

    turn = str(given.get("flip_rotate", ""))
    turns = _TURNS if turn in dict(_TURNS) else (*_TURNS, (turn, turn))
    fields = [
        *(number(name) for name in OPTICS),
        Field(
            "gain",
            "Gain reference",
            value=str(given.get("gain") or ""),
            placeholder="/data/session/gain.mrc",
            help="A file; movies are multiplied by it when they are measured and then opened."
            " Thumbnails stay as they were written.",
        ),
        Field("flip_rotate", "Turn it", kind="choice", value=turn, choices=turns, when="gain"),
    ]
    measures = given.get("measures", mining.DEFAULT)
    for name, words in mining.MEASURES.items():
        if name == "thumbnail":
            continue
        label = name.capitalize() if name != "ctf" else "CTF"
        chosen = name in measures
        text = f"{label}: {words}"
        fields.append(Field(name, text, kind="check", value=chosen, wide=True))
        fields += [number(one, when=name) for one in _BELOW.get(name, ())]
        if name == "ctf":
            fields.append(
                Field(
                    _PHASE,
                    "Phase plate",
                    kind="check",
                    value=bool(given.get(_PHASE)),
                    help="Fit a phase shift, too; without one it is taken as 0.",
                    wide=True,
                    when=name,
                )
            )
    return fields


def read_fields(values: Values) -> tuple[dict[str, Any], dict[str, str]]:
    """Return arguments of :func:`~openem_nb.mining.mine`, and by field what is wrong with it.

    What belongs to a measurement that is not chosen does not count: nobody sees it then.
    """
    given: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    chosen = ["thumbnail", *(name for name in mining.MEASURES if values.get(name) is True)]
    if len(chosen) < 2:
        wrong["statistics"] = "Choose one measurement at least."
    unseen = {one for name, those in _BELOW.items() if name not in chosen for one in those}
    for name, (_, example, _) in _NUMBERS.items():
        text = str(values.get(_field(name), "")).strip()
        if not text or name in unseen:
            continue
        if name in _ENDS:
            continue
        try:
            given[name] = float(text)
            Parameters(**{name: given[name]})
        except InvalidInput as error:
            wrong[_field(name)] = f"{error} {error.hint}".strip()
        except ValueError:
            wrong[_field(name)] = f"Write a number such as {example}."
    if "ctf" in chosen:
        given |= _range(values, wrong)
    if "ctf" in chosen and values.get(_PHASE):
        given[_PHASE] = True
    gain = str(values.get("gain", "")).strip()
    if gain:
        given["gain"] = gain
        turn = str(values.get("flip_rotate", ""))
        given |= {"flip_rotate": turn} if turn else {}
        try:
            Parameters.of(mining.DEFAULT, gain)
        except OpenEMError as error:
            wrong["gain"] = f"{error} {error.hint}".strip()
    if chosen != list(mining.DEFAULT):
        given["measures"] = tuple(chosen)
    return given, wrong


def _range(values: Values, wrong: dict[str, str]) -> dict[str, Any]:
    """Return where the defocus is looked for, Å; an end that is blank is the usual one."""
    texts = {name: str(values.get(name, "")).strip() for name in _ENDS}
    if not any(texts.values()):
        return {}
    found = []
    for name, text in texts.items():
        example = _NUMBERS[name][1]
        try:
            found.append(round(float(text or example) * 1e4, 3))
        except (ValueError, OverflowError):
            wrong[name] = f"Write a number such as {example}."
    if len(found) == len(_ENDS):
        try:
            return {"defocus": Parameters(defocus=(found[0], found[1])).defocus}
        except InvalidInput as error:
            wrong[_ENDS[1]] = f"{error} {error.hint}".strip()
    return {}


def _field(name: str) -> str:
    """Return the name of a field; ``dose`` is a measurement, and a value that it asks for."""
    return "expected_dose" if name == "dose" else name
