"""Velox EMD files: HDF5 with a set of metadata in JSON for each signal.

``/Data/<kind>/<id>/Metadata`` holds the JSON in its first column, one byte in each row; ``Data``
beside it has the size of the image. All is in SI units: V, m, rad, A, s. The file is not trusted:
links to other files and to other places are not followed, nothing that lies outside is opened,
and what is larger than metadata ever are is not read.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from openem_nb.oscem.readers._binary import (
    damaged,
    number,
    positive,
    reading,
    safely,
    scaled,
    text,
    whole,
)
from openem_nb.oscem.readers._velox_file import (
    NO_METADATA,
    image_size,
    metadata,
    signals,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openem_nb.oscem.readers._reading import Reading

__all__ = ["SOURCE", "SUPPLIES", "read_velox"]

SOURCE: Final = "velox"

TAGS: Final[Mapping[str, str]] = {
    "beam_convergence": "Optics.BeamConvergence",
    "binning_x": "Detectors[].Binning.width",
    "binning_y": "Detectors[].Binning.height",
    "c2_aperture": "CustomProperties.Aperture[C2].Name",
    "collection_angle_max": "Detectors[].CollectionAngleRange.end",
    "collection_angle_min": "Detectors[].CollectionAngleRange.begin",
    "defocus_nominal": "Optics.Defocus",
    "detector": "BinaryResult.Detector",
    "detector_mode": "Detectors[].DetectorType",
    "dispersion": "Detectors[].Dispersion",
    "electron_source": "Acquisition.SourceType",
    "exposure": "Scan.FrameTime",
    "height": "Data",
    "holder": "Stage.HolderType",
    "illumination": "Optics.IlluminationMode",
    "imaging": "Optics.TemOperatingSubMode",
    "magnification": "CustomProperties.StemMagnification",
    "manufacturer": "Instrument.Manufacturer",
    "model": "Instrument.InstrumentModel",
    "objective_aperture": "CustomProperties.Aperture[OBJ].Name",
    "operating_mode": "Optics.OperatingMode",
    "pixel_size": "BinaryResult.PixelSize.width",
    "sample_description": "Sample.SampleDescription",
    "sample_name": "Sample.SampleId",
    "screen_current": "Optics.ScreenCurrent",
    "serial": "Instrument.ComputerName",
    "software": "file format",
    "stage_tilt": "Stage.AlphaTilt",
    "time": "Acquisition.AcquisitionStartDatetime.DateTime",
    "voltage": "Optics.AccelerationVoltage",
    "width": "Data",
}
SUPPLIES: Final[frozenset[str]] = frozenset(TAGS)

_BROKEN: Final = (
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    SystemError,
)
"""What HDF5 raises, depending on the place, where it reads what makes no sense."""

_PROBE_MODES: Final = {"1": "Nano probe", "2": "Micro probe"}
_OPERATING_MODES: Final = {"1": "TEM", "2": "STEM"}
_DARK: Final = re.compile(r"HAADF|ADF|DF\d*", re.IGNORECASE)
_BRIGHT: Final = re.compile(r"BF", re.IGNORECASE)
_SERIAL: Final = re.compile(r"[A-Z]{3,}-?\d{5,}")


def read_velox(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Read the metadata of each signal of a Velox EMD file; one reading ``signal`` for each."""
    return safely(SOURCE, "signal", path, data, _read)


def _read(file: BinaryIO, size: int) -> tuple[Reading, ...]:
    import h5py

    if size < 512 or file.read(8) != b"\x89HDF\r\n\x1a\n":
        raise damaged("Velox")
    file.seek(0)
    try:
        with h5py.File(file, "r") as emd:
            found = [_signal(group, kind) for kind, group in signals(emd)]
    except _BROKEN as error:
        raise damaged("Velox") from error
    if not found:
        return (reading(SOURCE, "signal", {}, TAGS, findings=(NO_METADATA,)),)
    return tuple(found)


def _at(tree: object, *names: str) -> Any:
    for name in names:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    return tree


def _signal(signal: Any, kind: str) -> Reading:
    meta, findings = metadata(signal)
    if not meta:
        return reading(SOURCE, "signal", {}, TAGS, findings=findings)
    optics, stage = _at(meta, "Optics"), _at(meta, "Stage")
    rules = {"software": "EMD with metadata as JSON is the format of Velox"}
    mode = text(_at(optics, "OperatingMode"))
    mode = _OPERATING_MODES.get(mode, mode)
    detector = _detector(meta)
    values: dict[str, Any] = {
        "beam_convergence": _times(_at(optics, "BeamConvergence"), 1e3),
        "c2_aperture": _aperture(meta, "C2", rules),
        "defocus_nominal": _signed(_at(optics, "Defocus"), 1e9),
        "electron_source": text(_at(meta, "Acquisition", "SourceType")),
        "holder": text(_at(stage, "HolderType")),
        "illumination": _illumination(optics, rules),
        "manufacturer": text(_at(meta, "Instrument", "Manufacturer")),
        "model": _model(meta, rules),
        "objective_aperture": _named_aperture(meta, "OBJ"),
        "operating_mode": mode,
        "sample_description": text(_at(meta, "Sample", "SampleDescription")),
        "sample_name": text(_at(meta, "Sample", "SampleId")),
        "screen_current": _current(optics, rules),
        "serial": _serial(meta, rules),
        "software": "Velox",
        "stage_tilt": _signed(_at(stage, "AlphaTilt"), 180 / math.pi),
        "time": _time(_at(meta, "Acquisition", "AcquisitionStartDatetime", "DateTime")),
        "voltage": _times(_at(optics, "AccelerationVoltage"), 1e-3),
    }
    if values["stage_tilt"] is not None:
        rules["stage_tilt"] = "radians, times 180/pi"
    values |= _of_detector(detector, rules)
    if not values.get("detector"):
        values["detector"] = text(_at(meta, "BinaryResult", "Detector"))
    values["imaging"] = _imaging(optics, values["detector"], mode, rules)
    camera = text(_at(detector, "DetectorType")) == "ImagingDetector"
    values |= _of_scan(meta, rules) if not camera else _of_camera(detector, rules)
    values |= _of_image(signal, meta, kind, rules)
    extra: dict[str, Any] = {
        "kind": kind,
        "ControlSoftwareVersion": text(_at(meta, "Instrument", "ControlSoftwareVersion")),
        "CameraLength": positive(_at(optics, "CameraLength")),
        "SpotIndex": positive(_at(optics, "SpotIndex")),
        "DwellTime": positive(_at(meta, "Scan", "DwellTime")) if not camera else None,
        "InstrumentId": text(_at(meta, "Instrument", "InstrumentId")),
    }
    return reading(SOURCE, "signal", values, TAGS, rules=rules, findings=findings, extra=extra)


def _times(value: object, factor: float) -> float | None:
    return scaled(positive(value), factor)


def _signed(value: object, factor: float) -> float | None:
    return scaled(number(value), factor)


def _truth(value: object) -> bool:
    return str(value).strip().lower() in ("true", "1")


def _detector(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the detector that made this signal.

    It is the one that the signal names. Where none is named, it is the only one that was switched
    on and in the beam; cameras that were merely there are none.
    """
    listed = _at(meta, "Detectors")
    every = [
        one
        for one in (listed.values() if isinstance(listed, dict) else ())
        if isinstance(one, dict)
    ]
    own = _at(meta, "DetectorMetadata")
    name = text(_at(meta, "BinaryResult", "Detector"))
    if name:
        named = [one for one in every if text(one.get("DetectorName")) == name]
        if named:
            return named[0]
    if isinstance(own, dict):
        return own
    if name:
        return {}
    active = [one for one in every if _truth(one.get("Enabled")) and _truth(one.get("Inserted"))]
    return active[0] if len(active) == 1 else {}


def _of_detector(detector: Mapping[str, Any], rules: dict[str, str]) -> dict[str, Any]:
    angles = _at(detector, "CollectionAngleRange")
    lowest, highest = _signed(_at(angles, "begin"), 1e3), _times(_at(angles, "end"), 1e3)
    if lowest is None or highest is None or not 0 <= lowest < highest:
        lowest = highest = None
    dispersion = positive(_at(detector, "Dispersion"))
    if dispersion is not None:
        rules["dispersion"] = "eV of one channel"
    return {
        "detector": text(_at(detector, "DetectorName")),
        "detector_mode": text(_at(detector, "DetectorType")),
        "collection_angle_min": lowest,
        "collection_angle_max": highest,
        "dispersion": dispersion,
    }


def _of_camera(detector: Mapping[str, Any], rules: dict[str, str]) -> dict[str, Any]:
    exposure = positive(_at(detector, "ExposureTime"))
    if exposure is not None:
        rules["exposure"] = "ExposureTime of the camera"
    return {
        "exposure": exposure,
        "binning_x": whole(_at(detector, "Binning", "width")),
        "binning_y": whole(_at(detector, "Binning", "height")),
    }


def _of_scan(meta: Mapping[str, Any], rules: dict[str, str]) -> dict[str, Any]:
    magnification = _at(meta, "CustomProperties", "StemMagnification")
    if isinstance(magnification, dict):
        magnification = magnification.get("value")
    frame = positive(_at(meta, "Scan", "FrameTime"))
    if frame is not None:
        rules["exposure"] = "time of one frame of the scan"
    return {"exposure": frame, "magnification": positive(magnification)}


def _of_image(
    signal: Any, meta: Mapping[str, Any], kind: str, rules: dict[str, str]
) -> dict[str, Any]:
    """Return size and pixel of an image: of the data themselves, not of the scan as planned."""
    values: dict[str, Any] = {}
    if kind == "Image" and (size := image_size(signal)):
        values["width"], values["height"] = size
    result = _at(meta, "BinaryResult")
    if text(_at(result, "PixelUnitX")) == "m":
        values["pixel_size"] = _times(_at(result, "PixelSize", "width"), 1e10)
        rules["pixel_size"] = "metres, times 1e10"
    return values


def _illumination(optics: object, rules: dict[str, str]) -> str:
    named = text(_at(optics, "IlluminationMode"))
    if named and named.lower() != "none" and not named.isdigit():
        return named
    probe = text(_at(optics, "ProbeMode"))
    if probe:
        rules["illumination"] = "ProbeMode, where IlluminationMode says nothing"
    return _PROBE_MODES.get(probe, "" if probe.isdigit() else probe)


def _imaging(optics: object, detector: str, mode: str, rules: dict[str, str]) -> str:
    """Return bright or dark field: of the column, or in STEM of the detector's place."""
    named = text(_at(optics, "TemOperatingSubMode"))
    if named and named.lower() != "none" and not named.isdigit():
        return named
    if mode != "STEM":
        return ""
    if _DARK.match(detector):
        rules["imaging"] = "an annular detector makes dark-field images"
        return "DarkField"
    if _BRIGHT.match(detector):
        rules["imaging"] = "a detector on the axis makes bright-field images"
        return "BrightField"
    return ""


def _current(optics: object, rules: dict[str, str]) -> float | None:
    for name in ("ScreenCurrent", "LastMeasuredScreenCurrent"):
        current = _times(_at(optics, name), 1e9)
        if current is not None:
            rules["screen_current"] = f"{name} in A, times 1e9"
            return current
    return None


def _model(meta: Mapping[str, Any], rules: dict[str, str]) -> str:
    series = text(_at(meta, "Instrument", "InstrumentClass"))
    model = text(_at(meta, "Instrument", "InstrumentModel"))
    if not series or not model or series.lower() in model.lower():
        return model or series
    rules["model"] = "InstrumentClass and InstrumentModel"
    return f"{series} {model}"


def _serial(meta: Mapping[str, Any], rules: dict[str, str]) -> str:
    for name in ("InstrumentModel", "ComputerName"):
        found = text(_at(meta, "Instrument", name))
        if _SERIAL.fullmatch(found):
            rules["serial"] = f"{name}, where it is a serial number"
            return found
    return ""


def _named_aperture(meta: Mapping[str, Any], name: str) -> str:
    held = _at(meta, "CustomProperties", f"Aperture[{name}].Name")
    value = text(held.get("value") if isinstance(held, dict) else held)
    return "" if value.lower() == "none" else value


def _aperture(meta: Mapping[str, Any], name: str, rules: dict[str, str]) -> float | None:
    """Return the diameter of an aperture in µm; None where none is in the beam."""
    named = positive(_named_aperture(meta, name))
    if named is not None:
        rules["c2_aperture"] = "the name of the aperture is its diameter in µm"
        return named
    apertures = _at(meta, "Optics", "Apertures")
    for one in apertures.values() if isinstance(apertures, dict) else ():
        if text(_at(one, "Name")) == name and text(_at(one, "Type")).lower() != "none":
            rules["c2_aperture"] = "Optics.Apertures Diameter in m, times 1e6"
            return _times(_at(one, "Diameter"), 1e6)
    return None


def _time(seconds: object) -> str:
    """Return seconds since 1970 in UTC as ISO 8601."""
    count = positive(seconds)
    if count is None or count > 4e9:
        return ""
    return datetime.fromtimestamp(count, UTC).isoformat()
