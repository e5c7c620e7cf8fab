"""Velox EMD files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from _header_files import velox, velox_metadata

from openem_nb.oscem.readers._reading import QUANTITIES, Reading
from openem_nb.oscem.readers.velox import SUPPLIES, read_velox


def read(data: bytes) -> tuple[Reading, ...]:
    return read_velox(Path("a.emd"), data=data)


def camera_metadata() -> dict[str, Any]:
    meta = velox_metadata()
    meta["BinaryResult"]["Detector"] = "BM-Ceta"
    meta["Detectors"]["Detector-0"]["Binning"] = {"width": "2", "height": "2"}
    meta["Optics"]["OperatingMode"] = "1"
    meta["Optics"]["TemOperatingSubMode"] = "BrightField"
    del meta["CustomProperties"]["StemMagnification"]
    return meta


def test_a_stem_image_in_our_units() -> None:
    (reading,) = read(velox())
    assert reading.kind == "signal"
    assert reading.findings == ()
    assert dict(reading.values) == {
        "beam_convergence": pytest.approx(24.33462),
        "c2_aperture": 70.0,
        "collection_angle_max": 200.0,
        "collection_angle_min": 83.6185,
        "defocus_nominal": pytest.approx(-302.32264),
        "detector": "HAADF",
        "detector_mode": "ScanningDetector",
        "electron_source": "XFEG",
        "exposure": 10.428428,
        "height": 24,
        "holder": "FEI Double Tilt",
        "illumination": "Probe",
        "imaging": "DarkField",
        "magnification": 14000.0,
        "manufacturer": "FEI Company",
        "model": "Titan Themis",
        "operating_mode": "STEM",
        "pixel_size": pytest.approx(32.151387),
        "sample_description": "a powder",
        "sample_name": "CP440F",
        "screen_current": pytest.approx(1.703353),
        "serial": "TITAN52335100",
        "software": "Velox",
        "stage_tilt": pytest.approx(3.098597),
        "time": "2023-06-23T08:48:51+00:00",
        "voltage": 300.0,
        "width": 32,
    }


def test_a_camera_image_has_its_own_detector_and_no_scan() -> None:
    (reading,) = read(velox(("Image", camera_metadata())))
    values = reading.values
    assert values["detector"] == "BM-Ceta"
    assert values["exposure"] == 1.0
    assert (values["binning_x"], values["binning_y"]) == (2, 2)
    assert values["operating_mode"] == "TEM"
    assert values["imaging"] == "BrightField"
    assert "magnification" not in values


def test_the_reader_gives_what_it_promises() -> None:
    meta = velox_metadata()
    meta["Detectors"]["Detector-4"]["Dispersion"] = "10"
    meta["CustomProperties"]["Aperture[OBJ].Name"]["value"] = "40"
    signals = (("Spectrum", meta), ("Image", camera_metadata()), ("Image", velox_metadata()))
    given = {name for one in read(velox(*signals)) for name in one.values}
    assert given == SUPPLIES
    assert set(QUANTITIES) >= SUPPLIES


def test_real_metadata_give_what_stands_in_them(samples: Path) -> None:
    folder = samples / "ms" / "oscem_converter_flat"
    flat = json.loads((folder / "STEM.emd_metadata.json").read_text(encoding="utf-8"))
    meta: dict[str, Any] = {}
    for key, value in flat.items():
        if key.startswith("CustomProperties."):
            name = key.removeprefix("CustomProperties.").removesuffix(".value")
            meta.setdefault("CustomProperties", {})[name] = {"value": value}
        elif "[" not in key:
            *path, last = key.split(".")
            at = meta
            for step in path:
                at = at.setdefault(step, {}) if isinstance(at.get(step, {}), dict) else {}
            at[last] = value
    (reading,) = read(velox(("Image", meta)))
    assert reading.values["voltage"] == 300.0
    assert reading.values["detector"] == "HAADF"
    assert reading.values["pixel_size"] == pytest.approx(32.151387)
    assert reading.values["screen_current"] == pytest.approx(1.703353)
    assert reading.values["stage_tilt"] == pytest.approx(3.098597)
    assert reading.values["sample_name"] == "CP440F"


# HDF5 that is not trusted


def hostile(build: Any) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        build(file)
    return stream.getvalue()


def column(metadata: dict[str, Any]) -> Any:
    return np.frombuffer(json.dumps(metadata).encode(), np.uint8)[:, None].copy()


def test_links_out_of_the_file_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other.emd").write_bytes(velox())
    path = tmp_path / "a.emd"
    with h5py.File(path, "w") as file:
        file["Data/Image/a/Metadata"] = h5py.ExternalLink("other.emd", "/Data/Image/0/Metadata")
        file["Data/Image/b"] = h5py.ExternalLink("other.emd", f"/Data/Image/{0:032x}")
        file["Data/Image/c"] = h5py.SoftLink("/Data/Image/a")
        file["Data/Other"] = h5py.ExternalLink("other.emd", "/Data/Image")
    (reading,) = read_velox(path)
    assert dict(reading.values) == {}
    assert [one.code for one in reading.findings] == ["refused"]


def test_data_that_lie_in_other_files_are_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(json.dumps({"Optics": {"AccelerationVoltage": "300000"}}).encode())
    path = tmp_path / "a.emd"
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "Data/Image/a/Metadata",
            shape=(49, 1),
            dtype=np.uint8,
            external=[(str(secret), 0, h5py.h5f.UNLIMITED)],
        )
    (reading,) = read_velox(path)
    assert dict(reading.values) == {}
    assert [one.code for one in reading.findings] == ["refused"]


def test_virtual_data_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "other.emd").write_bytes(velox())
    layout = h5py.VirtualLayout(shape=(60, 1), dtype=np.uint8)
    layout[:, :] = h5py.VirtualSource(str(tmp_path / "other.emd"), "x", shape=(60, 1))
    data = hostile(lambda file: file.create_virtual_dataset("Data/Image/a/Metadata", layout))
    assert [one.code for one in read(data)[0].findings] == ["refused"]


def test_metadata_that_unpack_to_any_size_are_not_read() -> None:
    def build(file: Any) -> None:
        file.create_dataset(
            "Data/Image/a/Metadata",
            shape=(1 << 30, 1),
            chunks=(1 << 30, 1),
            dtype=np.uint8,
            compression="gzip",
        )
        file.create_dataset("Data/Image/b/Metadata", shape=(1 << 40, 1), chunks=(64, 1), dtype="u1")
        file["Data/Image/c/Metadata"] = np.zeros((0, 1), np.uint8)
        file["Data/Image/d/Metadata"] = np.zeros((9, 1), np.float64)
        file["Data/Image/e/Metadata"] = column({"Optics": {}})[:5]
        file["Data/Image/f/Metadata"] = np.frombuffer(b"[" * 100_000, np.uint8)[:, None]

    readings = read(hostile(build))
    assert len(readings) == 6
    assert all(not one.values for one in readings)
    assert {one.findings[0].code for one in readings} == {"refused", "no-metadata"}


def test_metadata_with_values_of_any_kind_are_read_as_far_as_they_make_sense() -> None:
    meta = {
        "Optics": {"AccelerationVoltage": ["300000"], "Defocus": {"a": 1}, "BeamConvergence": None},
        "Detectors": ["x"],
        "BinaryResult": {"Detector": 7, "PixelSize": "none", "PixelUnitX": "m"},
        "Instrument": "a microscope",
        "Stage": {"AlphaTilt": "NaN"},
    }
    (reading,) = read(velox(("Image", meta)))
    assert dict(reading.values) == {"width": 32, "height": 24, "software": "Velox"}


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "empty"), (b"no HDF5", "damaged"), (velox()[:900], "damaged"), (velox()[:9], "damaged")],
)
def test_half_written_and_damaged_files_are_findings(data: bytes, code: str) -> None:
    assert [one.code for one in read(data)[0].findings] == [code]


def test_a_file_of_another_program_has_no_signals() -> None:
    data = hostile(lambda file: file.create_group("experiments"))
    assert [one.code for one in read(data)[0].findings] == ["no-metadata"]


def test_a_file_is_read_the_same_from_disk_and_from_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.emd"
    path.write_bytes(velox())
    assert read_velox(path) == read(velox())
