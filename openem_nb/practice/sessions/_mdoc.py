"""Practice tilt series and movies as the text files of SerialEM and of Tomography 5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import datetime as dt

    from openem_nb.practice.sessions._tilts import Series

__all__ = ["movie_mdoc", "serialem_mdoc", "tomo5_mdoc", "tomo5_session"]

_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"


def _serialem_time(time: dt.datetime) -> str:
    return f"{time.day:02}-{_MONTHS[time.month - 1]}-{time.year % 100:02}  {time:%H:%M:%S}"


def _tomo5_time(time: dt.datetime) -> str:
    return f"{time.day:02}-{_MONTHS[time.month - 1]}-{time.year}  {time:%H:%M:%S}"


def serialem_mdoc(series: Series) -> str:
    """Return the mdoc of a tilt series as SerialEM leaves it: by angle, with CRLF."""
    start = "bidir = -9.0" if series.scheme == "bidirectional" else "dosym = 0.0"
    last = max(series.tilts, key=lambda tilt: tilt.time)
    lines = [
        f"PixelSpacing = {series.pixel}",
        f"Voltage = {series.kilovolts}",
        f"ImageFile = {series.name}.mrc",
        f"ImageSize = {series.width} {series.height}",
        "DataMode = 6",
        "",
        f"[T = SerialEM: Practice microscope {series.serial} {_serialem_time(last.time)}    ]",
        "",
        f"[T =     Tilt axis angle = {series.axis}, binning = 1  spot = 6  camera = 0 {start}]",
        "",
    ]
    for place, tilt in enumerate(sorted(series.tilts, key=lambda tilt: tilt.angle)):
        # Windows exponents and an angle with noise, as stages have it
        lines += [
            f"[ZValue = {place}]",
            f"TiltAngle = {tilt.angle}",
            "StagePosition = 4.97 -299.4",
            "StageZ = -5.85",
            f"Magnification = {series.magnification}",
            "Intensity = 1.34968e-001",
            f"ExposureDose = {series.dose}",
            f"DoseRate = {series.dose * series.pixel**2 / series.exposure:.5f}",
            f"PixelSpacing = {series.pixel}",
            "SpotSize = 6",
            # counted from where focus was last reset, so that it says nothing
            f"Defocus = {5.77 - 0.1 * place:.5f}",
            f"ImageShift = {tilt.shift[0]} {tilt.shift[1]}",
            f"RotationAngle = {series.axis + 90:.2f}",
            f"ExposureTime = {series.exposure}",
            "Binning = 1",
            "CameraIndex = 0",
            "DividedBy2 = 0",
            "OperatingMode = 1",
            "MagIndex = 28",
            "LowDoseConSet = 4",
            "CountsPerElectron = 38",
            f"TargetDefocus = {series.target}",
            f"PriorRecordDose = {tilt.prior}",
            rf"SubFramePath = X:\practice\frames\{series.name}_{tilt.order + 1:03}.tif",
            f"NumSubFrames = {series.frames}",
            f"FrameDosesAndNumber = {series.dose / series.frames:.5f} {series.frames}",
            f"DateTime = {_serialem_time(tilt.time)}",
            f"FilterSlitAndLoss = {series.slit} 0",
            "",
        ]
    return "\r\n".join(lines)


def movie_mdoc(
    series: Series,
    number: int,
    *,
    time: dt.datetime,
    target: float,
    shift: tuple[float, float],
) -> str:
    """Return the mdoc of one movie of single particles, as SerialEM writes it beside the frames.

    Parameters
    ----------
    series :
        Settings that all movies share.
    number :
        Number of the movie, from 1.
    time, target, shift :
        Local time, target defocus and image shift in micrometres.
    """
    path = f"X:\\practice\\frames\\{series.name}_{number:05}.tif"
    begun = _serialem_time(series.tilts[0].time)
    lines = [
        f"T = SerialEM: Practice microscope {series.serial} {begun}    ",
        f"Voltage = {series.kilovolts}",
        "",
        "[FrameSet = 0]",
        "TiltAngle = 0.001",
        "StagePosition = -47.2 28.4",
        "StageZ = -13.1",
        f"Magnification = {series.magnification}",
        "Intensity = 0.127476",
        f"ExposureDose = {series.dose}",
        f"DoseRate = {series.dose * series.pixel**2 / series.exposure:.5f}",
        f"PixelSpacing = {series.pixel}",
        "SpotSize = 7",
        f"Defocus = {target + 0.001 * (number % 50):.5f}",
        f"ImageShift = {shift[0]} {shift[1]}",
        f"RotationAngle = {series.axis + 90:.2f}",
        f"ExposureTime = {series.exposure}",
        "Binning = 1",
        "CameraIndex = 0",
        "DividedBy2 = 0",
        "OperatingMode = 1",
        "MagIndex = 33",
        "LowDoseConSet = 4",
        "CountsPerElectron = 1",
        f"TargetDefocus = {target}",
        f"SubFramePath = {path}",
        f"NumSubFrames = {series.frames}",
        f"FrameDosesAndNumber = {series.dose / series.frames:.5f} {series.frames}",
        f"DateTime = {_serialem_time(time)}",
        f"FilterSlitAndLoss = {series.slit} 0",
        "",
    ]
    return "\r\n".join(lines)


def tomo5_mdoc(series: Series, *, version: str) -> str:
    """Return the mdoc of a tilt series as Tomography 5 writes it: in the order of acquisition.

    Parameters
    ----------
    series :
        What was drawn.
    version :
        Version of the program; from 5.24 on the title has lost its opening bracket.
    """
    start = _tomo5_time(series.tilts[0].time)
    bracket = tuple(map(int, version.split(".")[:2])) >= (5, 24)
    title = f"T = Tomography_{version}" if bracket else "[T = Tomography"
    lines = [
        f"{title}: {series.serial}    {start}]",
        "",
        f"[T =   TiltAxisAngle = {-series.axis:.2f}  Binning = 1  SpotSize = 6]",
        "",
    ]
    for tilt in series.tilts:
        lines += [
            f"[ZValue = {tilt.order}]",
            f"TiltAngle = {tilt.angle:.2f}",
            "StagePosition = 112.64 -658.25 ",
            "StageZ = -71.25",
            f"Magnification = {series.magnification}",
            "Intensity = 0.00",
            f"ExposureDose = {series.dose:.2f}",
            f"PixelSpacing = {series.pixel:.2f}",
            "SpotSize = 6",
            f"Defocus = {series.target - 0.2:.2f}",
            f"ImageShift = {tilt.shift[0]:.2f} {tilt.shift[1]:.2f} ",
            f"RotationAngle = {series.axis:.2f}",
            f"ExposureTime = {series.exposure:.2f}",
            "Binning = 1",
            "MagIndex = 27",
            "CountsPerElectron = NaN",
            "MinMaxMean = 0.00 212.00 14.53 ",
            f"TargetDefocus = {series.target:.2f}",
            f"PriorRecordDose = {tilt.prior:.2f}",
            rf"SubFramePath = \\practice\DoseFractions\{series.name}_{tilt.order + 1:03}.tiff",
            f"NumSubFrames = {series.frames}",
            f"FrameDosesAndNumber = {series.dose / series.frames:.2f} {series.frames}  ",
            f"DateTime = {_tomo5_time(tilt.time)}",
            f"FilterSlitAndLoss = {series.slit:.2f} 0.00 ",
            "ChannelName = ",
            "CameraLength = NaN",
            "",
        ]
    return "\r\n".join(lines)


def tomo5_session(name: str) -> str:
    """Return the session's plan as Tomography 5 saves it."""
    lines = [
        '<?xml version="1.0"?>',
        f'<TomographySession xmlns:i="{_INSTANCE}" xmlns="Applications.Tomography.Version.2">',
        r"  <AtlasId>D:\Atlas\practice\Sample1\Atlas\Atlas.dm</AtlasId>",
        "  <Batch>true</Batch>",
        "  <Description />",
        "  <DoseFractionsFormat>TiffLzwNonGainNormalized</DoseFractionsFormat>",
        "  <LowDose>true</LowDose>",
        "  <Mode>Eftem</Mode>",
        f"  <Name>{name}</Name>",
        "  <SessionType>Normal</SessionType>",
        "  <SpecimenType>Slab</SpecimenType>",
        "</TomographySession>",
        "",
    ]
    return "\n".join(lines)
