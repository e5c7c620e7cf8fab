"""Practice images of materials science in the form of Velox: HDF5 with metadata as JSON."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

if TYPE_CHECKING:
    import datetime as dt
    import random
    from pathlib import Path

__all__ = ["draw_signal", "write_emd"]

_METADATA_BYTES = 64_000
"""Velox keeps the text of each frame in so many bytes, the rest zero."""


def draw_signal(rng: random.Random, serial: str, time: dt.datetime) -> dict[str, Any]:
    """Draw the metadata of one STEM image: all values are text, lengths metres, angles radians."""
    magnification, pixel = rng.choice(((910_000, 9.8e-11), (1_300_000, 6.9e-11)))
    return {
        "Core": {"MetadataDefinitionVersion": "7.9", "MetadataSchemaVersion": "v1/2013/07"},
        "Instrument": {
            "ControlSoftwareVersion": "3.9.0",
            "Manufacturer": "Practice Instruments",
            "InstrumentId": serial.rpartition("-")[2],
            "InstrumentClass": "Practice",
            "InstrumentModel": serial,
            "ComputerName": serial,
        },
        "Acquisition": {
            "AcquisitionStartDatetime": {"DateTime": str(int(time.timestamp()))},
            "AcquisitionDatetime": {"DateTime": str(int(time.timestamp()) + 20)},
            "BeamType": "",
            "SourceType": "XFEG",
        },
        "Optics": {
            "AccelerationVoltage": "200000",
            "SpotIndex": "6",
            "Apertures": {
                "Aperture-0": {"Name": "C2", "Diameter": "7e-05", "Enabled": "2"},
            },
            "NominalMagnification": "0",
            "FullScanFieldOfView": {"x": f"{pixel * 256}", "y": f"{pixel * 256}"},
            "LastMeasuredScreenCurrent": "1.2e-10",
            "BeamConvergence": "0.0214",
            "Defocus": "-2.5e-08",
            "CameraLength": "0.098",
            "ProbeMode": "1",
            "IlluminationMode": "",
            "OperatingMode": "2",
            "ProjectorMode": "1",
            "EFTEMOn": "false",
        },
        "Stage": {
            "Position": {"x": "1.2e-05", "y": "-3.4e-05", "z": "2.0e-07"},
            "AlphaTilt": "0",
            "BetaTilt": "0",
            "HolderType": "FEI Double Tilt",
        },
        "Scan": {
            "ScanSize": {"width": "256", "height": "256"},
            "ScanArea": {"left": "0", "top": "0", "right": "1", "bottom": "1"},
            "MainsLockOn": "false",
            "DwellTime": "1e-05",
            "LineTime": "0.00286",
            "FrameTime": "0.733",
            "ScanRotation": "0",
        },
        "Detectors": {
            "Detector-0": {
                "DetectorName": "HAADF",
                "DetectorType": "ScanningDetector",
                "Inserted": "true",
                "Enabled": "true",
                "CollectionAngleRange": {"begin": "0.056", "end": "0.2"},
            },
            "Detector-1": {
                "DetectorName": "BF-S",
                "DetectorType": "ScanningDetector",
                "Inserted": "false",
                "Enabled": "false",
                "CollectionAngleRange": {"begin": "0", "end": "0.0125"},
            },
        },
        "BinaryResult": {
            "AcquisitionUnit": "",
            "CompositionType": "",
            "DetectorIndex": "0",
            "Detector": "HAADF",
            "PixelSize": {"width": f"{pixel}", "height": f"{pixel}"},
            "PixelUnitX": "m",
            "PixelUnitY": "m",
            "Offset": {"x": "0", "y": "0"},
        },
        "Sample": {"SampleId": "practice sample", "SampleDescription": "practice: no such sample"},
        "CustomProperties": {
            "StemMagnification": {"type": "double", "value": str(magnification)},
        },
    }


def write_emd(path: Path, metadata: dict[str, Any], rng: random.Random) -> None:
    """Write one image of 64 by 64 pixels of noise with its metadata."""
    text = json.dumps(metadata, indent=4).encode()
    column = np.zeros((_METADATA_BYTES, 1), dtype=np.uint8)
    column[: len(text), 0] = np.frombuffer(text, dtype=np.uint8)
    pixels = np.random.default_rng(rng.getrandbits(32)).integers(0, 4000, (64, 64, 1), np.uint16)
    identity = uuid.UUID(int=rng.getrandbits(128), version=4).hex
    with h5py.File(path, "w") as file:
        file["Version"] = json.dumps({"format": "Velox", "version": "1.8"})
        group = file.create_group(f"Data/Image/{identity}")
        group["Data"] = pixels
        group["Metadata"] = column
        group["FrameLookupTable"] = np.zeros(1, dtype=np.int64)
        shown = {"dataPath": f"/Data/Image/{identity}/Data", "title": "HAADF"}
        file["Presentation/Displays/ImageDisplay/" + identity] = json.dumps(shown)
