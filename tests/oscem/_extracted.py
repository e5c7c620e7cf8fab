"""What the tests of extractions have in common."""

from __future__ import annotations

from openem_nb import oscem
from openem_nb.oscem.instruments import CameraInfo, Instrument

KRIOS = Instrument(
    serial="TITAN00000001",
    name="Titan Krios G4",
    manufacturer="Thermo Fisher Scientific",
    cs=2.7,
    illumination="Parallel",
    filter_model="Selectris",
    c2_aperture=70.0,
    holder="Autogrid holder",
    cryogen="Nitrogen",
    time_zone="Europe/Zurich",
    detectors={"EF-CCD": CameraInfo("EF-CCD", name="K3", width=5760, height=4092)},
    gain_flip_rotate={"eer": "flip x", "tiff": "none"},
)
TILTS = (
    "T = TOMOGRAPHY: Digitized on somewhere\nPixelSpacing = 2.1\nVoltage = 300\n\n"
    "[T =     TiltAxisAngle = -175.84  Binning = 1  SpotSize = 6]\n\n"
    + "".join(
        f"[ZValue = {n}]\nTiltAngle = {angle}\nExposureDose = 3\n"
        f"DateTime = 03-May-23  13:{minute}:10\n\n"
        for n, (angle, minute) in enumerate(((-6, 30), (-3, 20), (0, 10), (3, 15), (6, 25)))
    )
)


def codes(found) -> set[str]:
    return {one.code for one in found.findings}


def at(found, path):
    value = oscem.get_at(found.document, path)
    return value["value"] if isinstance(value, dict) and "value" in value else value
