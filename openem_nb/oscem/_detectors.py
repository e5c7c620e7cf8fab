"""Detectors: which they were, and how they were used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb.oscem._compose import INSTRUMENT_FILE, Composer, Pick, text_of
from openem_nb.oscem.readers import Finding

if TYPE_CHECKING:
    from openem_nb.oscem._gather import Group
    from openem_nb.oscem.instruments import CameraInfo, Instrument

__all__ = ["detectors"]

_A: Final = "acquisition"
_SENSORS: Final = {
    "k2": (3838, 3710),
    "k3": (5760, 4092),
    "falcon": (4096, 4096),
    "ceta": (4096, 4096),
}
"""Pixels of a sensor, long side first, by what its name holds (makers' data sheets)."""


def detectors(to: Composer, instrument: Instrument | None) -> None:
    """Write the detector: its name, and how it was used."""
    if to.gathered.detectors:
        for place, (detector, own) in enumerate(to.gathered.detectors.items()):
            _materials(to, place, detector, own)
        return
    path = f"{_A}.detectors[0]"
    name = to.pick("detector", compare=False)
    internal = to.pick("camera", compare=False)
    if internal is None and to.said("camera"):
        return  # images of several cameras: what some say of theirs is not true of all
    known: CameraInfo | None = None
    if instrument is not None:
        for pick in (internal, name):
            if pick is not None and known is None:
                known = instrument.detectors.get(str(pick.value))
    if name is None and internal is None and instrument is not None and not to.said("detector"):
        known = _only(to, instrument)
    elif name is not None:
        to.put(f"{path}.name", name.value, name)
    elif known is not None and known.name and internal is not None:
        to.put(
            f"{path}.name", known.name, source=INSTRUMENT_FILE, tag=f"detectors.{internal.value}"
        )
    elif internal is not None:
        to.put(f"{path}.name", internal.value, internal)
        to.find(
            Finding(
                "unknown-detector",
                f"The files name the detector {text_of(internal.value)} only, which is its place"
                " and not what it is.",
                f"Write its name under detectors.{text_of(internal.value)} in the instrument file.",
            )
        )
    counting = to.pick("counting")
    finer = _finer(to, str(name.value) if name is not None else known.name if known else "", known)
    if finer is not None:
        rule = "" if finer.tally.rule else "pixels finer than the sensor's"
        to.put(f"{path}.mode", "super-resolution", finer, rule=rule)
    elif counting is not None:
        mode = "counting" if counting.value else "integrating"
        to.put(f"{path}.mode", mode, counting, rule=f"electrons counted: {text_of(counting.value)}")
    else:
        mode_said = to.pick("detector_mode")
        if mode_said is not None:
            to.put(f"{path}.mode", mode_said.value, mode_said)


def _only(to: Composer, instrument: Instrument) -> CameraInfo | None:
    """Write the camera of a microscope that has but one, where the files name none."""
    if len(instrument.detectors) != 1:
        return None
    ((place, only),) = instrument.detectors.items()
    if only.name:
        to.put(
            f"{_A}.detectors[0].name",
            only.name,
            source=INSTRUMENT_FILE,
            tag=f"detectors.{place}",
            rule="the only camera of this microscope",
        )
    return only


def _materials(to: Composer, place: int, name: str, own: dict[str, Any]) -> None:
    path = f"{_A}.detectors[{place}]"
    found = to.said("detector")
    if not found:
        return
    group, tally = found[0]
    pick = Pick(name, group, tally, tally.values.get(name, 1), tally.count)
    to.put(f"{path}.name", name, pick)
    if "detector_mode" in own:
        to.put(f"{path}.mode", own["detector_mode"], pick, tag=_tag(group, "detector_mode"))
    for key, part, unit in (
        ("collection_angle_min", "collection_angle.minimal", "mrad"),
        ("collection_angle_max", "collection_angle.maximal", "mrad"),
        ("dispersion", "dispersion", "eV"),
    ):
        if key in own:
            to.put(f"{path}.{part}", float(own[key]), pick, unit=unit, tag=_tag(group, key))


def _tag(group: Group, name: str) -> str:
    return group.tallies[name].tag if name in group.tallies else ""


def _finer(to: Composer, detector: str, known: CameraInfo | None) -> Pick | None:
    """Return what tells that pixels are finer than those of the sensor, None if nothing does."""
    said = to.pick("super_resolution", compare=False)
    if said is not None and said.value is True:
        return said
    sensor = next((size for part, size in _SENSORS.items() if part in detector.lower()), None)
    if known is not None and known.width and known.height:
        sensor = (known.width, known.height)
    width, height = to.pick("width", compare=False), to.pick("height", compare=False)
    if sensor is None or width is None or height is None:
        return None
    longest = max(float(width.value), float(height.value))
    return width if longest > 1.5 * max(sensor) else None
