"""Small files of each format, written by the tests themselves; and ways to damage them."""

from __future__ import annotations

import io
import json
import struct
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import tifffile
from mrcfile.dtypes import get_ext_header_dtype

if TYPE_CHECKING:
    import random

TILT_HEADER = """PixelSpacing = 2.66
Voltage = 300
ImageFile = TS_1.mrc
ImageSize = 3708 3838
DataMode = 6

[T = SerialEM: A microscope of ours          03-May-23  13:59:32    ]

[T =     Tilt axis angle = 84.3, binning = 1  spot = 6  camera = 0 bidir = -10.0]
"""

TILT = """
[ZValue = {number}]
MinMaxMean = 0 18238 101.119
TiltAngle = {angle}
StagePosition = 4.97259 -299.41
Magnification = 53000
Intensity = 0.134968
ExposureDose = 3.08367
PixelSpacing = 2.66
SpotSize = 6
Defocus = -3.41
ImageShift = 1.70971 0.195647
RotationAngle = 174.25
ExposureTime = 2.6
Binning = 1
CameraIndex = 0
TargetDefocus = -3.5
PriorRecordDose = {prior}
SubFramePath = X:\\Users\\Jane Doe\\raw\\run 1_{number:03}_{angle:.1f}.tif
NumSubFrames = 26
FrameDosesAndNumber = 0.1186 26
DateTime = 03-May-23  13:{minute:02}:10
FilterSlitAndLoss = 20 0
"""

FRAME_SET = """T = SerialEM: A microscope of ours          25-Sep-23  13:01:47
Voltage = 300

[FrameSet = 0]
GainReference = CountRef_a.dm4
TiltAngle = -0.000999877
StagePosition = 117.618 -301.041
Magnification = 165000
ExposureDose = 39.2291
DoseRate = 8.76368
PixelSpacing = 0.82
SpotSize = 7
Defocus = -2.05321
ImageShift = 1.52034 -4.81549
ExposureTime = 3
Binning = 1
CameraIndex = 0
TargetDefocus = -2
SubFramePath = X:\\Users\\Jane Doe\\raw\\a_0025.tif
NumSubFrames = 40
FrameDosesAndNumber = 0.98073 40
DateTime = 25-Sep-23  17:52:42
FilterSlitAndLoss = 0 0
"""


def tilt_series(angles: list[float], *, header: str = TILT_HEADER) -> str:
    """Return an mdoc whose sections are sorted by angle, with minutes as the angles were taken."""
    order = {angle: minute for minute, angle in enumerate(angles)}
    return header + "".join(
        TILT.format(number=number, angle=angle, minute=order[angle], prior=order[angle] * 3.08367)
        for number, angle in enumerate(sorted(angles))
    )


def mrc(
    shape: tuple[int, int, int] = (3, 8, 10),
    *,
    order: str = "<",
    mode: int = 1,
    pixel: float | None = 1.2,
    group: int = 0,
    extended: bytes = b"",
    kind: bytes = b"",
    labels: tuple[str, ...] = (),
    short: int = 0,
) -> bytes:
    """Return an MRC file of int16 zeros, ``short`` bytes shorter than it should be."""
    nz, ny, nx = shape
    head = bytearray(1024)
    struct.pack_into(order + "10i", head, 0, nx, ny, nz, mode, 0, 0, 0, nx, ny, nz)
    size = pixel or 0.0
    struct.pack_into(order + "3f", head, 40, nx * size, ny * size, nz * size)
    struct.pack_into(order + "2i", head, 88, group, len(extended))
    head[104:108] = kind.ljust(4, b"\0")[:4]
    head[208:216] = b"MAP " + (b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0")
    struct.pack_into(order + "i", head, 220, len(labels))
    for number, label in enumerate(labels):
        head[224 + 80 * number : 304 + 80 * number] = label.encode("latin-1").ljust(80)[:80]
    body = bytes(head) + extended + bytes(nx * ny * nz * 2)
    return body[: len(body) - short]


def fei_record(kind: str, order: str = "<", *, fields: dict[str, Any]) -> bytes:
    """Return one record of an FEI extended header with the bits of its ``fields`` set."""
    record = get_ext_header_dtype(kind.encode(), order)
    row = np.zeros(1, record)
    mask, bit = "", 0
    for name in record.names:
        if name.startswith("Bitmask"):
            mask, bit = name, 0
            continue
        if name in fields:
            row[name] = fields[name]
            if mask:
                row[mask] |= np.uint32(1 << bit)
        if mask:
            bit += 6 if name == "Unused range" else 1
    row["Metadata size"] = record.itemsize
    return row.tobytes()


def tiff(frames: int = 5, *, big: bool = False, extra: bytes = b"", **options: Any) -> bytes:
    """Return a TIFF with ``frames`` directories; ``extra`` is its tag 65001."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, bigtiff=big) as writer:
        for number in range(frames):
            tags = [(65001, 7, len(extra), extra, True)] if extra and not number else []
            writer.write(
                np.zeros((16, 32), np.uint8),
                photometric="minisblack",
                metadata=None,
                contiguous=False,
                extratags=tags,
                **options,
            )
    return stream.getvalue()


EER_XML = (
    b'<metadata><item name="acquisitionID">20240831_200413</item>'
    b'<item name="commercialName">Falcon 4i</item>'
    b'<item name="eerGainReference">\\\\camera\\gains\\20240829_gain.gain</item>'
    b'<item name="exposureTime" unit="s">3.5</item>'
    b'<item name="meanDoseRate" unit="e/pixel/s">9.6</item>'
    b'<item name="numberOfFrames">861</item>'
    b'<item name="sensorPixelSize.width" unit="m">1.4e-05</item>'
    b'<item name="timestamp">2024-08-31T20:03:13.25+02:00</item>'
    b'<item name="totalDose" unit="e/pixel">33.5</item></metadata>'
)


def eer(xml: bytes = EER_XML) -> bytes:
    """Return a BigTIFF with the metadata of a camera that counts events."""
    return tiff(3, big=True, extra=xml)


# DigitalMicrograph


def dm(tree: dict[str, Any], *, version: int = 3, little: bool = True) -> bytes:
    """Return a DM3 or DM4 file of a tree: numbers, texts, lists of numbers, groups."""
    wide = version == 4
    order = "<" if little else ">"
    body = _dm_group(tree, wide, order)
    length = struct.pack(">Q" if wide else ">I", len(body))
    return struct.pack(">I", version) + length + struct.pack(">I", int(little)) + body + bytes(8)


def _dm_integer(value: int, wide: bool) -> bytes:
    return struct.pack(">Q" if wide else ">I", value)


def _dm_group(tree: dict[str, Any], wide: bool, order: str) -> bytes:
    parts = [b"\1\0", _dm_integer(len(tree), wide)]
    for name, value in tree.items():
        label = b"" if name.isdigit() else name.encode("latin-1")
        is_group = isinstance(value, dict)
        body = _dm_group(value, wide, order) if is_group else _dm_value(value, wide, order)
        parts.append(struct.pack(">BH", 20 if is_group else 21, len(label)) + label)
        if wide:
            parts.append(struct.pack(">Q", len(body)))
        parts.append(body)
    return b"".join(parts)


def _dm_value(value: Any, wide: bool, order: str) -> bytes:
    if isinstance(value, str):
        raw = value.encode("utf-16-le" if order == "<" else "utf-16-be")
        info, data = [20, 4, len(raw) // 2], raw
    elif isinstance(value, bytes):  # an image
        info, data = [20, 2, len(value) // 2], value
    elif isinstance(value, tuple):  # a structure of floats
        info = [15, 0, len(value), *(part for _ in value for part in (0, 6))]
        data = struct.pack(f"{order}{len(value)}f", *value)
    elif isinstance(value, list):
        info, data = [20, 7, len(value)], struct.pack(f"{order}{len(value)}d", *value)
    elif isinstance(value, bool):
        info, data = [8], struct.pack("?", value)
    elif isinstance(value, int):
        info, data = [5], struct.pack(order + "I", value)
    else:
        info, data = [7], struct.pack(order + "d", value)
    head = b"%%%%" + _dm_integer(len(info), wide)
    return head + b"".join(_dm_integer(one, wide) for one in info) + data


def dm_tree(**bar: Any) -> dict[str, Any]:
    """Return the tags of a file with a thumbnail and one image."""
    axis = {"Origin": 0.0, "Scale": 0.21, "Units": "nm"}
    thumbnail = {"ImageData": {"Dimensions": {"0": 128, "1": 128}}, "ImageTags": {}}
    image = {
        "ImageData": {
            "Calibrations": {"Dimension": {"0": dict(axis), "1": dict(axis)}},
            "Data": bytes(20_000),
            "Dimensions": {"0": 100, "1": 80},
        },
        "ImageTags": {
            "Acquisition": {
                "Device": {"Name": "K2 Summit"},
                "Parameters": {"High Level": {"Binning": {"0": 2, "1": 2}, "Exposure (s)": 1.5}},
            },
            "DataBar": {"Device Name": "K2", **bar},
            "GMS Version": {"Created": "3.32.2403.0"},
            "Microscope Info": {
                "Cs(mm)": 2.7,
                "Illumination Mode": "TEM NANOPROBE",
                "Imaging Mode": "MAG1",
                "Indicated Magnification": 37000.0,
                "Microscope": "FEI Titan",
                "Operation Mode": "IMAGING",
                "Stage Position": {"Stage Alpha": 10.5},
                "Voltage": 300000.0,
            },
            "Session Info": {"Specimen": "gold on carbon"},
        },
        "Name": "image of ours",
    }
    return {
        "Thumbnails": {"0": {"ImageIndex": 0}},
        "ImageList": {"0": thumbnail, "1": image},
    }


# Velox


def velox_metadata() -> dict[str, Any]:
    """Return the metadata of a STEM image, with the keys that Velox writes."""
    return {
        "Acquisition": {
            "AcquisitionStartDatetime": {"DateTime": "1687510131"},
            "SourceType": "XFEG",
            "BeamType": "",
        },
        "BinaryResult": {
            "Detector": "HAADF",
            "PixelSize": {"width": "3.2151387122105889e-09", "height": "3.2151387122105889e-09"},
            "PixelUnitX": "m",
            "PixelUnitY": "m",
        },
        "CustomProperties": {
            "StemMagnification": {"type": "double", "value": "14000"},
            "Aperture[C2].Name": {"type": "string", "value": "70"},
            "Aperture[OBJ].Name": {"type": "string", "value": "None"},
        },
        "Detectors": {
            "Detector-0": {
                "DetectorName": "BM-Ceta",
                "DetectorType": "ImagingDetector",
                "Binning": {"width": "1", "height": "1"},
                "ExposureTime": "1",
                "Enabled": "false",
                "Inserted": "false",
            },
            "Detector-4": {
                "DetectorName": "HAADF",
                "DetectorType": "ScanningDetector",
                "Enabled": "true",
                "Inserted": "true",
                "CollectionAngleRange": {"begin": "0.0836185", "end": "0.2"},
            },
        },
        "Instrument": {
            "ComputerName": "TITAN52335100",
            "ControlSoftwareVersion": "2.15.3",
            "InstrumentClass": "Titan",
            "InstrumentId": "3510",
            "InstrumentModel": "Themis",
            "Manufacturer": "FEI Company",
        },
        "Optics": {
            "AccelerationVoltage": "300000",
            "BeamConvergence": "0.024334622015728898",
            "CameraLength": "0.102",
            "Defocus": "-3.0232263817627249e-07",
            "IlluminationMode": "Probe",
            "LastMeasuredScreenCurrent": "1.703352990537486e-09",
            "OperatingMode": "2",
            "ProbeMode": "1",
            "TemOperatingSubMode": "None",
        },
        "Sample": {"SampleDescription": "a powder", "SampleId": "CP440F"},
        "Scan": {
            "DwellTime": "2e-06",
            "FrameTime": "10.428428",
            "ScanSize": {"width": "2048", "height": "2048"},
        },
        "Stage": {"AlphaTilt": "0.054080728109530005", "HolderType": "FEI Double Tilt"},
    }


def velox(*signals: tuple[str, dict[str, Any]]) -> bytes:
    """Return a Velox file with these signals: kind and metadata."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as emd:
        emd["Version"] = [json.dumps({"format": "Velox", "version": "1.7"})]
        for number, (kind, metadata) in enumerate(signals or (("Image", velox_metadata()),)):
            group = emd.create_group(f"Data/{kind}/{number:032x}")
            raw = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
            column = np.zeros((max(len(raw), 60), 2), np.uint8)
            column[: len(raw), 0] = raw
            group["Metadata"] = column
            group["Data"] = np.zeros((24, 32, 2), np.uint16)
    return stream.getvalue()


# PRZ


def prz_metadata() -> dict[str, Any]:
    """Return the metadata of a scan with an energy axis, with the keys that Panta Rhei writes."""
    return {
        "camera.binning": (1, 2),
        "camera.exposure_time": 0.05,
        "camera.pixel_size": 7.5e-05,
        "condenser.mode": "NP:PROBE",
        "content.types": ["Energy", "ScanX", "ScanY"],
        "device.calib": [
            {"name": "EnergyLoss", "unit": "eV", "value": 0.187, "offset": 2481.6},
            {"name": "Length", "unit": "m", "value": 8.566337719298246e-10, "pixel_factor": 16.0},
            {"name": "Length", "unit": "m", "value": 8.566337719298246e-10, "pixel_factor": 16.0},
        ],
        "electron_gun.voltage": np.float64(300000.0),
        "filter.dispersion": 0.0004010695,
        "filter.mode": "EELS",
        "image_size": (1028, 512),
        "projector.camera_length": 0.06,
        "repo_id": "SI.21",
        "scan_driver.magnification": 28500,
        "scan_generator.start_time": "2024-05-22T13:30:06.683628",
        "source": {"type": "scan_generator", "name": "USG"},
    }


def prz(metadata: Any, shape: tuple[int, ...] = (5, 7, 11), *, as_json: bool = False) -> bytes:
    """Return a PRZ file: the metadata as Panta Rhei wrote them, or as newer versions do."""
    stream = io.BytesIO()
    arrays: dict[str, Any] = {"data": np.zeros(shape, np.float32), "data_model": [{}]}
    if as_json:
        arrays["meta_data_json"] = json.dumps([metadata])
    else:
        arrays["meta_data"] = [metadata]
    np.savez(stream, **arrays)
    return stream.getvalue()


# TIA


def emi(*labels: tuple[str, str, str], before: int = 3000) -> bytes:
    """Return an .emi file with one object in it."""
    data = "".join(
        f"<Data><Label>{label}</Label><Value>{value}</Value><Unit>{unit}</Unit></Data>"
        for label, value, unit in labels
    )
    xml = (
        "<ObjectInfo><ExperimentalConditions><MicroscopeConditions><AcceleratingVoltage>200000"
        "</AcceleratingVoltage></MicroscopeConditions></ExperimentalConditions>"
        f"<ExperimentalDescription><Root>{data}</Root></ExperimentalDescription>"
        "<AcquireDate>Thu Nov 21 10:12:17 2013</AcquireDate><Manufacturer>FEI Company"
        "</Manufacturer><DetectorPixelHeight>1024</DetectorPixelHeight><DetectorPixelWidth>2048"
        "</DetectorPixelWidth></ObjectInfo>"
    )
    return b"JK\0\2" + bytes(before) + xml.encode() + bytes(500)


def ser(step: float = 1.5e-10, size: tuple[int, int] = (20, 10), *, version: int = 0x220) -> bytes:
    """Return a .ser file with one image."""
    wide = version >= 0x220
    head = struct.pack("<3H4I", 0x4949, 0x0197, version, 0x4122, 0x4152, 1, 1)
    start = len(head) + (12 if wide else 8)
    element = start + (8 if wide else 4)
    head += struct.pack("<QI" if wide else "<II", start, 0)
    head += struct.pack("<Q" if wide else "<I", element)
    scale = (0.0, step, 0, 0.0, step, 0)
    return head + struct.pack("<ddIddIHII", *scale, 2, *size) + bytes(size[0] * size[1] * 2)


# Damage


def damaged(whole: bytes, chance: random.Random) -> bytes:
    """Return a file with one to four faults: bits, cuts, repeats, large numbers, holes."""
    data = bytearray(whole)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(max(len(data), 1))
        kind = chance.randrange(7)
        if kind == 0 and data:
            data[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[place:]
        elif kind == 2:
            data[place:place] = data[place : place + chance.randrange(1, 200)]
        elif kind == 3:
            data[place : place + 4] = struct.pack("<I", chance.choice(_LARGE))
        elif kind == 4:
            data[place : place + 8] = struct.pack(">Q", chance.choice(_LARGE) << 16)
        elif kind == 5:
            data[place : place + chance.randrange(1, 60)] = bytes(chance.randrange(1, 60))
        else:
            del data[place : place + chance.randrange(1, 60)]
    return bytes(data)


_LARGE = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0x10000)
