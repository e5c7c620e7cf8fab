"""From what was gathered to a document: technique, microscope, tilt, and the parts of exposure."""

from __future__ import annotations

from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Literal

from openem_nb.oscem._compose import INSTRUMENT_FILE, Composer, Pick, text_of
from openem_nb.oscem._detectors import detectors
from openem_nb.oscem._exposure import acquisition
from openem_nb.oscem.fields import TECHNIQUES
from openem_nb.oscem.provenance import GIVEN
from openem_nb.oscem.readers import Finding
from openem_nb.oscem.readers._tilts import tilt_scheme

if TYPE_CHECKING:
    from openem_nb.oscem._gather import Gathered, Tilt
    from openem_nb.oscem.instruments import Instrument

__all__ = ["TILTED", "compose", "in_order", "series_of", "set_aside", "technique_of"]

_I: Final = "instrument"
_MATERIALS: Final = frozenset(("velox", "prz", "dm", "tia"))
TILTED: Final = ("subtomo", "env_tomo", "cellular_tomo")
_ROOT_ORDER: Final = ("acquisition", "instrument", "organizational", "sample", "processing")


def technique_of(gathered: Gathered) -> str:
    """Return the technique that the files show, with a finding where they do not tell all."""
    kinds = {kind for (_source, kind), group in gathered.groups.items() if group.count}
    if gathered.tilts or "tilt series" in kinds:
        gathered.findings.add(
            Finding(
                "technique-taken",
                "A tilt series: taken as subtomo, because files do not say what it is for.",
                "Say technique='cellular_tomo' or 'env_tomo' if it is that.",
                "info",
            )
        )
        return "subtomo"
    if "image" not in kinds and (
        "signal" in kinds or any(source in _MATERIALS for source, _kind in gathered.groups)
    ):
        return "general"
    if kinds and kinds <= {"file header", "montage", "overview"}:
        gathered.findings.add(
            Finding(
                "technique-taken",
                "Nothing but image files: taken as spa, because their headers do not say what they"
                " are for.",
                f"Say technique={', '.join(map(repr, TECHNIQUES[1:-1]))} or"
                f" {TECHNIQUES[-1]!r} if it is that.",
                "info",
            )
        )
    return "spa"


def set_aside(gathered: Gathered, technique: str) -> None:
    """Forget what is said of exposures that are not of this technique.

    Single images beside tilt series, or tilt series beside single images, were taken with other
    settings: a document of both would be true of neither. Gain references and screenshots of
    other programs are no exposures at all.
    """
    said = {kind for (_source, kind), group in gathered.groups.items() if group.count}
    if technique in TILTED and said & {"tilt", "tilt series"}:
        others, words = {"image", "signal"}, "single images"
    elif technique == "spa" and "image" in said:
        others, words = {"tilt", "tilt series", "signal"}, "tilt series or images of other programs"
    else:
        return
    gathered.detectors.clear()
    groups = [one for one in gathered.groups.values() if one.kind in others and one.count]
    if groups:
        count = sum(one.count for one in groups if one.kind != "tilt series")
        gathered.findings.add(
            Finding(
                "set-aside",
                f"There are {words} in the folder as well ({count} exposures): they are no part of"
                f" a document of {technique}, and nothing is taken from them.",
                "Put them into a folder of their own and extract them by themselves.",
                files=tuple(one.file for one in groups),
            )
        )
    for group in groups:
        group.tallies.clear()
    if "tilt" in others:
        gathered.tilts.clear()


def compose(
    gathered: Gathered,
    *,
    technique: str,
    shown: Literal["files", "given", "nowhere"],
    instrument: Instrument | None,
    zone: str,
    si: bool,
) -> Composer:
    """Return a composer whose document holds everything that is true of the session.

    Parameters
    ----------
    shown :
        Who says the technique: the files, a person, or nobody.
    """
    to = Composer(gathered, si=si)
    if shown == "nowhere":
        to.needed["acquisition.technique"] = "no file shows it"
    elif shown == "given":
        to.put("acquisition.technique", technique, source=GIVEN)
    else:
        rule = "the kinds of files that are there"
        to.put("acquisition.technique", technique, source="all files", rule=rule)
    _other_session(to)
    acquisition(to, instrument, zone)
    detectors(to, instrument)
    if technique in TILTED:
        _tilt(to)
    _gain(to, instrument)
    _microscope(to, instrument)
    _sample(to, technique)
    to.document = {key: to.document[key] for key in _ROOT_ORDER if key in to.document}
    return to


def _other_session(to: Composer) -> None:
    """Drop the plan of a session that is not the one of the images: plans are copied along."""
    images = next(
        (group.times for group, _tally in to.said("time") if True in group.times.latest), None
    )
    for group in list(to.gathered.groups.values()):
        tally = group.tallies.get("session_time")
        if group.kind != "session" or tally is None:
            continue
        starts = list(tally.values)
        if len(starts) > 1:
            to.find(
                Finding(
                    "two-sessions",
                    f"There are {len(starts)} sessions in the folder, begun "
                    + ", ".join(str(one) for one in starts[:5])
                    + ".",
                    "Put each session into a folder of its own and extract them one by one.",
                )
            )
        elif images is not None:
            try:
                start = datetime.fromisoformat(str(starts[0]))
            except ValueError:
                continue
            if start.tzinfo is not None and start > images.latest[True][0]:
                to.find(
                    Finding(
                        "other-plan",
                        f"The session file was begun {starts[0]}, after the last image was taken:"
                        " it belongs to another session, and nothing is taken from it.",
                        "Look whether the right session file is in the folder.",
                        files=(group.file,),
                    )
                )
                group.tallies.clear()


def _microscope(to: Composer, instrument: Instrument | None) -> None:
    serial = to.pick("serial", compare=False)
    model = to.pick("model")
    serials = sorted({str(one) for _group, tally in to.said("serial") for one in tally.values})
    if len(serials) > 1:
        to.find(
            Finding(
                "two-sessions",
                "Images of more than one microscope are in the folder: "
                + ", ".join(serials[:8])
                + ".",
                "Put each session into a folder of its own and extract them one by one.",
            )
        )
    if instrument is not None and instrument.name:
        to.put(f"{_I}.microscope.model", instrument.name, source=INSTRUMENT_FILE, tag="name")
    elif model is not None:
        to.put(f"{_I}.microscope.model", model.value, model)
    elif serial is not None:
        to.put(f"{_I}.microscope.model", serial.value, serial)
        to.find(
            Finding(
                "model-is-serial",
                f"The microscope gives its serial number {text_of(serial.value)} as its model.",
                "Write its name into an instrument file under this number.",
                "info",
            )
        )
    _told(to, "manufacturer", f"{_I}.microscope.manufacturer", instrument, "manufacturer")
    to.same("voltage")
    _told(to, "cs", f"{_I}.cs", instrument, "cs", unit="mm")
    _told(to, "electron_source", f"{_I}.electron_source", instrument, "electron_source")
    _told(to, "illumination", f"{_I}.illumination", instrument, "illumination")
    _told(to, "imaging", f"{_I}.imaging", instrument, "imaging")
    to.same("operating_mode")
    if to.said("c2_aperture") or not to.said("c2_name"):  # else the files say that none was in
        _told(to, "c2_aperture", f"{_I}.c2_aperture", instrument, "c2_aperture", unit="um")
    to.same("beam_convergence")


def _told(
    to: Composer,
    name: str,
    path: str,
    instrument: Instrument | None,
    key: str,
    *,
    unit: str = "",
) -> None:
    """Write what the files say, or else what the facility says of its microscope."""
    if to.said(name):
        to.same(name, path)
        return
    value: Any = getattr(instrument, key) if instrument is not None else None
    if value is not None and value != "":
        value = float(value) if unit else value
        to.put(path, value, unit=unit, source=INSTRUMENT_FILE, tag=key)


def _gain(to: Composer, instrument: Instrument | None) -> None:
    path = "acquisition.gainref_flip_rotate"
    if to.same("gain_flip_rotate") is not None or instrument is None:
        return
    kinds = {group.source for group in to.gathered.groups.values() if group.kind == "file header"}
    fractionation = to.pick("fractionation", compare=False)
    if fractionation is not None and fractionation.value == "EerFractionation":
        kinds.add("eer")
    given = {
        str(value) for key, value in instrument.gain_flip_rotate.items() if key.lower() in kinds
    }
    if len(given) == 1:
        to.put(path, given.pop(), source=INSTRUMENT_FILE, tag="gain_flip_rotate")


def _sample(to: Composer, technique: str) -> None:
    """Keep back what is known of grid and sample until the rest of it is given."""
    grid = to.pick("grid_type")
    if grid is not None and technique != "general":
        known = {
            "holeycarbon": {"film_material": "carbon", "film_topology": "holey"},
            "lacey": {"film_topology": "lacey"},
        }
        for key, value in known.get(str(grid.value).lower(), {}).items():
            to.put(f"sample.grid.{key}", value, grid, wait=True)
    if technique == "general":
        name, about = to.pick("sample_name"), to.pick("sample_description")
        if name is not None and about is not None:
            to.put("sample.name", name.value, name)
            to.put("sample.description", about.value, about)
        elif name is not None:
            to.put("sample.name", name.value, name, wait=True)


def series_of(tilts: list[Tilt]) -> dict[str, list[Tilt]]:
    """Return exposures by their series, each in the order of exposure.

    Files list them by angle as often as by time. Where not all have a time, the dose that the
    specimen had seen before tells the order, and where that is missing too, the file.
    """
    by_series: dict[str, list[Tilt]] = {}
    for tilt in tilts:
        by_series.setdefault(tilt.series, []).append(tilt)
    return {name: in_order(found) for name, found in sorted(by_series.items())}


def in_order(tilts: list[Tilt]) -> list[Tilt]:
    """Return exposures in the order in which they were taken, as far as it is known."""
    if all(one.seconds is not None for one in tilts):
        return sorted(tilts, key=lambda one: one.seconds or 0.0)
    if all(one.prior_dose is not None for one in tilts):
        return sorted(tilts, key=lambda one: one.prior_dose or 0.0)
    return tilts


def _tilt(to: Composer) -> None:
    path = "acquisition.tilt_angle"
    said = to.said("tilt_angle")
    series = series_of(to.gathered.tilts)
    if said and series:
        group, tally = said[0]
        low, high, count = tally.low, tally.high, tally.count
        steps = []
        schemes: dict[str, int] = {}
        for found in series.values():
            scheme, step = tilt_scheme([one.angle for one in found])
            if step is not None:
                steps.append(step)
                schemes[scheme] = schemes.get(scheme, 0) + 1
        for end, value in (("minimal", low), ("maximal", high)):
            if value is not None:
                rule = "of all series"
                pick = Pick(value, group, tally, count, count)
                to.put(f"{path}.{end}", float(value), pick, unit="°", rule=rule)
        if steps:
            agreed = sum(abs(step - median(steps)) < 0.05 for step in steps)
            pick = Pick(median(steps), group, tally, agreed, len(steps))
            rule = "median difference of sorted angles, of all series"
            to.put(f"{path}.increment", float(median(steps)), pick, unit="°", rule=rule)
            listed = ", ".join(f"{name} ({n})" for name, n in sorted(schemes.items()))
            to.find(
                Finding(
                    "tilt-series",
                    f"{len(series)} tilt series, {len(to.gathered.tilts)} exposures: {listed}.",
                    level="info",
                )
            )
        else:
            to.needed[f"{path}.increment"] = "no series has two different angles"
    if to.gathered.tilts_left:
        to.find(
            Finding(
                "many-tilts",
                f"{to.gathered.tilts_left} exposures of tilt series are counted and not listed one"
                " by one.",
                level="info",
            )
        )
    axis = to.pick("tilt_axis")
    if axis is not None:
        to.put("acquisition.tilt_axis_angle", float(axis.value), axis)
