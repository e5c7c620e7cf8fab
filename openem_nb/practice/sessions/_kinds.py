"""The kinds of practice sessions: which files each has, and what is true of them together."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice.sessions._epu import image_xml
from openem_nb.practice.sessions._epu_session import session_files
from openem_nb.practice.sessions._mdoc import (
    movie_mdoc,
    serialem_mdoc,
    tomo5_mdoc,
    tomo5_session,
)
from openem_nb.practice.sessions._plan import Microscope, draw_images, draw_plan
from openem_nb.practice.sessions._tilts import STEP, TILTS, draw_series
from openem_nb.practice.sessions._velox import draw_signal, write_emd
from openem_nb.practice.sessions.truth import SessionTruth

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from pathlib import Path

    from openem_nb.practice.sessions._plan import Image, Plan
    from openem_nb.practice.sessions._tilts import Series

__all__ = ["write_epu", "write_movies", "write_series", "write_tomo5", "write_velox"]

_NOWHERE: Final = (
    *("instrument.cs", "acquisition.gainref_flip_rotate", "acquisition.cryogen"),
    *("acquisition.calibrated_magnification", "sample", "organizational"),
)
"""What no file of any practice session holds."""


class _Folder:
    """A folder that counts what is written to it, as bytes so that line ends stay as they are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = 0
        self._made: set[str] = set()

    def write(self, name: str, text: str) -> None:
        place = name.rpartition("/")[0]
        if place not in self._made:
            (self.path / place).mkdir(parents=True, exist_ok=True)
            self._made.add(place)
        (self.path / name).write_bytes(text.encode())
        self.files += 1

    def spoil(self, faults: frozenset[str], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Empty the first of the files, and cut the second in the middle, if that is wanted."""
        touched: dict[str, tuple[str, ...]] = {}
        if "empty" in faults:
            (self.path / names[0]).write_bytes(b"")
            touched["empty"] = (names[0],)
        if "truncated" in faults:
            content = (self.path / names[1]).read_bytes()
            (self.path / names[1]).write_bytes(content[: len(content) // 2])
            touched["truncated"] = (names[1],)
        return touched


def write_epu(
    folder: Path,
    rng: random.Random,
    count: int,
    name: str,
    faults: frozenset[str],
    *,
    overviews: bool,
) -> SessionTruth:
    """Write a session of EPU, or two in folders of their own."""
    place = _Folder(folder)
    scopes = [Microscope(), Microscope(serial="PRACTICE-0002")]
    parts: list[tuple[str, Plan, list[Image]]] = []
    for number, scope in enumerate(scopes if "two sessions" in faults else scopes[:1]):
        both = "two sessions" in faults
        title = f"{name}_{number + 1}" if both else name
        plan = draw_plan(rng, title, scope, counting="linear" not in faults)
        share = (count + 1 - number) // 2 if both else count
        parts.append((f"{title}/" if both else "", plan, list(draw_images(rng, plan, share))))
    touched: dict[str, tuple[str, ...]] = {}
    for prefix, plan, images in parts:
        for path, text in session_files(plan, images, overviews=overviews):
            place.write(prefix + path, text)
    prefix, plan, images = parts[0]
    names = [f"{prefix}{image.path}.xml" for image in images]
    if "magnifications" in faults:
        other = replace(plan, magnification=plan.magnification * 2, pixel=plan.pixel / 2)
        changed = range(4, len(images), 5)
        for index in changed:
            place.write(names[index], image_xml(other, images[index].values))
            place.files -= 1
        touched["magnifications"] = tuple(names[index] for index in changed)
    touched |= place.spoil(faults, names)
    lost = {path for fault in ("empty", "truncated") for path in touched.get(fault, ())}
    read = [
        image
        for prefix, _, images in parts
        for image in images
        if f"{prefix}{image.path}.xml" not in lost
    ]
    if "linear" in faults:
        touched["linear"] = tuple(names)
    if "two sessions" in faults:
        touched["two sessions"] = tuple(f"{prefix}EpuSession.dm" for prefix, _, _ in parts)
    values = _epu_values(parts[0][1], read, overviews=overviews)
    return _without_what_is_doubtful(
        SessionTruth(
            folder=folder,
            kind="epu",
            technique="spa",
            name=plan.name,
            serial=plan.microscope.serial,
            images=len(read),
            values=values,
            absent=(*_NOWHERE, "acquisition.holder"),
            faults=touched,
            files=place.files,
        )
    )


def _epu_values(plan: Plan, images: Sequence[Image], *, overviews: bool) -> dict[str, object]:
    scope = plan.microscope
    mean = sum(image.dose for image in images) / len(images)
    steps = [image.defocus * 1000 for image in images]
    return {
        "instrument.microscope.model": scope.serial,
        "instrument.acceleration_voltage": (scope.kilovolts, "kV"),
        "instrument.electron_source": "FieldEmission",
        "instrument.illumination": "Parallel",
        "instrument.imaging": "BrightField",
        "instrument.c2_aperture": (scope.c2, "um"),
        "acquisition.technique": "spa",
        "acquisition.date_time": min(image.time for image in images).isoformat(),
        "acquisition.nominal_defocus.minimal": (min(steps), "nm"),
        "acquisition.nominal_defocus.maximal": (max(steps), "nm"),
        "acquisition.nominal_magnification": plan.magnification,
        "acquisition.pixel_size": (plan.pixel, "Å"),
        "acquisition.dose_per_movie": (mean, "1/Å^2"),
        "acquisition.exposure_time": (plan.exposure, "s"),
        "acquisition.frames_per_movie": plan.fractions,
        "acquisition.images_generated": len(images),
        "acquisition.image_size.width": 4096,
        "acquisition.image_size.height": 4096,
        "acquisition.binning_camera.width": 1,
        "acquisition.binning_camera.height": 1,
        "acquisition.detectors[0].name": scope.detector,
        "acquisition.energy_filter.used": True,
        "acquisition.energy_filter.width_energy_filter": (plan.slit, "eV"),
    }


def _without_what_is_doubtful(truth: SessionTruth) -> SessionTruth:
    """Take out what a planted fault leaves without one true value."""
    faults = truth.faults or {}
    hidden: set[str] = set()
    if "linear" in faults:
        hidden.add("acquisition.dose_per_movie")
    if "magnifications" in faults or "two sessions" in faults:
        hidden |= {"acquisition.nominal_magnification", "acquisition.pixel_size"}
    if "two sessions" in faults:
        hidden |= {"instrument.microscope.model", "acquisition.exposure_time"}
        hidden |= {"acquisition.frames_per_movie", "acquisition.dose_per_movie"}
    kept = {path: value for path, value in truth.values.items() if path not in hidden}
    absent = truth.absent
    if "linear" in faults:
        absent = (*absent, "acquisition.dose_per_movie")
    return replace(truth, values=kept, absent=absent)


def write_series(
    folder: Path, rng: random.Random, count: int, name: str, faults: frozenset[str]
) -> SessionTruth:
    """Write tilt series of SerialEM, one mdoc each."""
    place = _Folder(folder)
    series = draw_series(rng, name, "PRACTICE-0003", _whole(count), size=(5760, 4092))
    names = [f"{one.name}.mrc.mdoc" for one in series]
    for path, one in zip(names, series, strict=True):
        place.write(path, serialem_mdoc(one))
    return _series_truth(place, "serialem", series, names, faults)


def write_tomo5(
    folder: Path, rng: random.Random, count: int, name: str, faults: frozenset[str]
) -> SessionTruth:
    """Write tilt series of Tomography 5: mdoc files, search maps and the session's plan."""
    place = _Folder(folder)
    version = rng.choice(("5.21.0.1", "5.24.0.1"))
    series = draw_series(rng, name, "PRACTICE-0004", _whole(count), size=(4096, 4096))
    plan = draw_plan(rng, name, Microscope(serial="PRACTICE-0004"))
    search = replace(plan, magnification=2_250, pixel=plan.pixel * plan.magnification / 2_250)
    maps = draw_images(rng, search, len(series))
    place.write("Session.dm", tomo5_session(name))
    names = [f"Position_{number}.mdoc" for number in range(1, len(series) + 1)]
    positions = zip(names, series, maps, strict=True)
    for number, (path, one, image) in enumerate(positions, 1):
        place.write(path, tomo5_mdoc(one, version=version))
        text = image_xml(search, image.values, overview=True, program="Tomography")
        place.write(f"SearchMaps/Search_{number}.xml", text)
    return _series_truth(place, "tomo5", series, names, faults)


def _whole(count: int) -> int:
    return -(-count // TILTS)


def _series_truth(
    place: _Folder,
    kind: Any,
    series: Sequence[Series],
    names: Sequence[str],
    faults: frozenset[str],
) -> SessionTruth:
    touched = place.spoil(faults, names)
    lost = {path for paths in touched.values() for path in paths}
    read = [one for path, one in zip(names, series, strict=True) if path not in lost]
    tilts = [tilt for one in read for tilt in one.tilts]
    first = series[0]
    digits = 2 if kind == "tomo5" else 4
    angles = [round(tilt.angle, digits) for tilt in tilts]
    targets = [one.target * 1000 for one in read]
    values: dict[str, object] = {}
    # the search maps are of another size, and the lens stood where focus had been reset
    absent = "acquisition.image_size" if kind == "tomo5" else "acquisition.calibrated_defocus"
    if read:
        values = {
            "acquisition.technique": "subtomo",
            # local time: the files have no zone
            "acquisition.date_time": min(tilt.time for tilt in tilts).isoformat(),
            "acquisition.nominal_defocus.minimal": (min(targets), "nm"),
            "acquisition.nominal_defocus.maximal": (max(targets), "nm"),
            "acquisition.nominal_magnification": first.magnification,
            "acquisition.pixel_size": (first.pixel, "Å"),
            "acquisition.dose_per_movie": (first.dose, "1/Å^2"),
            "acquisition.exposure_time": (first.exposure, "s"),
            "acquisition.frames_per_movie": first.frames,
            "acquisition.images_generated": len(tilts),
            "acquisition.tilt_angle.minimal": (min(angles), "°"),
            "acquisition.tilt_angle.maximal": (max(angles), "°"),
            "acquisition.tilt_angle.increment": (STEP, "°"),
            "acquisition.tilt_axis_angle": -first.axis if kind == "tomo5" else first.axis,
            "acquisition.energy_filter.used": True,
            "acquisition.energy_filter.width_energy_filter": (first.slit, "eV"),
            "acquisition.binning_camera.width": 1,
            "acquisition.binning_camera.height": 1,
        }
        if kind == "serialem":
            values["instrument.acceleration_voltage"] = (first.kilovolts, "kV")
            values["acquisition.image_size.width"] = first.width
            values["acquisition.image_size.height"] = first.height
    return SessionTruth(
        folder=place.path,
        kind=kind,
        technique="subtomo",
        name=first.name.rpartition("_")[0],
        serial=first.serial,
        images=len(tilts),
        values=values,
        absent=(*_NOWHERE, absent),
        faults=touched,
        files=place.files,
    )


def write_movies(
    folder: Path, rng: random.Random, count: int, name: str, faults: frozenset[str]
) -> SessionTruth:
    """Write movies of single particles by SerialEM, each with an mdoc of one section."""
    place = _Folder(folder)
    drawn = draw_series(rng, name, "PRACTICE-0003", 1, size=(5760, 4092))[0]
    shared = replace(drawn, dose=drawn.dose * 16, frames=40, pixel=0.82, magnification=105_000)
    time = drawn.tilts[0].time
    made: dict[str, tuple[dt.datetime, float]] = {}
    for number in range(1, count + 1):
        time += dt.timedelta(seconds=rng.randrange(6, 14))
        target = rng.choice((-2.2, -1.8, -1.4, -1.0))
        shift = (round(rng.uniform(-3, 3), 5), round(rng.uniform(-3, 3), 5))
        path = f"frames/{name}_{number:05}.tif.mdoc"
        place.write(path, movie_mdoc(shared, number, time=time, target=target, shift=shift))
        made[path] = (time, target * 1000)
    touched = place.spoil(faults, list(made))
    read = [found for path, found in made.items() if path not in touched.get("empty", ())]
    values = {
        "instrument.acceleration_voltage": (shared.kilovolts, "kV"),
        "acquisition.technique": "spa",
        "acquisition.date_time": min(read)[0].isoformat(),
        "acquisition.nominal_defocus.minimal": (min(target for _, target in read), "nm"),
        "acquisition.nominal_defocus.maximal": (max(target for _, target in read), "nm"),
        "acquisition.nominal_magnification": shared.magnification,
        "acquisition.pixel_size": (shared.pixel, "Å"),
        "acquisition.dose_per_movie": (shared.dose, "1/Å^2"),
        "acquisition.exposure_time": (shared.exposure, "s"),
        "acquisition.frames_per_movie": shared.frames,
        "acquisition.images_generated": len(read),
        "acquisition.energy_filter.used": True,
        "acquisition.energy_filter.width_energy_filter": (shared.slit, "eV"),
    }
    return SessionTruth(
        folder=folder,
        kind="serialem-spa",
        technique="spa",
        name=name,
        serial=shared.serial,
        images=len(read),
        values=values,
        absent=(*_NOWHERE, "acquisition.tilt_angle", "acquisition.tilt_axis_angle"),
        faults=touched,
        files=place.files,
    )


def write_velox(
    folder: Path, rng: random.Random, count: int, name: str, faults: frozenset[str]
) -> SessionTruth:
    """Write images of Velox, which share the settings of one microscope."""
    place = _Folder(folder)
    time = dt.datetime(2026, rng.randrange(4, 10), rng.randrange(1, 28), 9, tzinfo=dt.UTC)
    first = draw_signal(rng, "PRACTICE-0005", time)
    signals: dict[str, dict[str, Any]] = defaultdict(dict)
    for number in range(1, count + 1):
        time += dt.timedelta(minutes=rng.randrange(1, 5))
        moment = {"AcquisitionStartDatetime": {"DateTime": str(int(time.timestamp()))}}
        signal = {**first, "Acquisition": {**first["Acquisition"], **moment}}
        path = f"{name}_{number:04}_HAADF.emd"
        write_emd(folder / path, signal, rng)
        place.files += 1
        signals[path] = signal
    touched = place.spoil(faults, list(signals))
    lost = {path for paths in touched.values() for path in paths}
    read = [signal for path, signal in signals.items() if path not in lost]
    moments = [int(s["Acquisition"]["AcquisitionStartDatetime"]["DateTime"]) for s in read]
    optics, scan = first["Optics"], first["Scan"]
    angles = first["Detectors"]["Detector-0"]["CollectionAngleRange"]
    values: dict[str, object] = {
        "instrument.microscope.manufacturer": first["Instrument"]["Manufacturer"],
        "instrument.electron_source": first["Acquisition"]["SourceType"],
        "instrument.acceleration_voltage": (200, "kV"),
        "instrument.beam_convergence": (float(optics["BeamConvergence"]) * 1e3, "mrad"),
        "acquisition.date_time": dt.datetime.fromtimestamp(min(moments), dt.UTC).isoformat(),
        "acquisition.nominal_magnification": int(
            first["CustomProperties"]["StemMagnification"]["value"]
        ),
        "acquisition.screen_current": (float(optics["LastMeasuredScreenCurrent"]) * 1e9, "nA"),
        "acquisition.pixel_size": (
            float(first["BinaryResult"]["PixelSize"]["width"]) * 1e10,
            "Å",
        ),
        "acquisition.exposure_time": (float(scan["FrameTime"]), "s"),
        "acquisition.holder": first["Stage"]["HolderType"],
        "acquisition.detectors[0].name": "HAADF",
        "acquisition.detectors[0].collection_angle.minimal": (float(angles["begin"]) * 1e3, "mrad"),
        "acquisition.detectors[0].collection_angle.maximal": (float(angles["end"]) * 1e3, "mrad"),
    }
    return SessionTruth(
        folder=folder,
        kind="velox",
        technique="general",
        name=name,
        serial="PRACTICE-0005",
        images=len(read),
        values=values,
        absent=tuple(path for path in _NOWHERE if path != "sample"),
        faults=touched,
        files=place.files,
    )
