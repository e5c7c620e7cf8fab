"""XML in the form of EPU, with values that a test chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SHARED = "http://schemas.datacontract.org/2004/07/Fei.SharedObjects"
ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
TYPES = "http://schemas.datacontract.org/2004/07/Fei.Types"
COMMON = "http://schemas.datacontract.org/2004/07/Fei.Applications.Common.Types"
SCHEMA = "http://www.w3.org/2001/XMLSchema"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
MATH = "http://schemas.datacontract.org/2004/07/Fei.Common.Types"
DRAWING = "http://schemas.datacontract.org/2004/07/System.Drawing"
MEDIA = "http://schemas.datacontract.org/2004/07/System.Windows.Media"

DEFAULTS: dict[str, object] = {
    "serial": "TITAN00000001",
    "time": "2025-03-01T10:00:00.1234567+01:00",
    "software": "EPU",
    "version": "3.8.1.7603",
    "voltage": 300000,
    "source": "FieldEmission",
    "camera": "EF-Falcon",
    "location": "EnergyFilter",
    "exposure": 2.5,
    "width": 4096,
    "height": 4096,
    "binning": 1,
    "pixel": 8.2e-11,
    "magnification": 165000,
    "illumination": "Parallel",
    "imaging": "BrightField",
    "defocus": -1.5e-06,
    "lens": 1e-06,
    "slit": "true",
    "slit_width": 10,
    "beam_shift": (0.01, -0.02),
    "tilt": 0.0,
    "holder": "Unspecified",
    "dose": 4.0e21,
    "dose_on_camera": 26.896,
    "detector": "Falcon 4i",
    "counting": "true",
    "super_resolution": 1,
    "fractionation": "EerFractionation",
    "fractions": None,
    "c2": "50",
    "phase_plate": "false",
    "phase_plate_name": None,
}


def image_xml(**changes: object) -> str:
    """Return the XML of one image; None leaves a value out, ``nil`` marks it as such."""
    unknown = set(changes) - set(DEFAULTS)
    assert not unknown, unknown
    said = DEFAULTS | changes
    custom = "".join(
        _pair("a", name, value, "b")
        for name, value in (
            ("DoseOnCamera", said["dose_on_camera"]),
            ("Aperture[C2].Name", said["c2"]),
            ("Aperture[OBJ].Name", "None"),
            (f"Detectors[{said['camera']}].CommercialName", said["detector"]),
            (f"Detectors[{said['camera']}].EerGainReference", "x/20250301_EER_Gain.gain"),
            ("Dose", said["dose"]),
            ("PhasePlateUsed", said["phase_plate"]),
            ("PhasePlateApertureName", said["phase_plate_name"]),
            ("BinaryResult.Detector", said["camera"]),
            ("DetectorCommercialName", said["detector"]),
            ("AppliedDefocus", said["defocus"]),
        )
    )
    special = "".join(
        _pair("b", name, value, "c")
        for name, value in (
            ("ElectronCountingEnabled", said["counting"]),
            ("SuperResolutionFactor", said["super_resolution"]),
        )
    ) + _fractionation(said["fractionation"], said["fractions"])
    slit = (
        "<EnergyFilter i:nil='true'/>"
        if said["slit"] is None
        else "<EnergyFilter>"
        + _leaf("EnergySelectionSlitInserted", said["slit"])
        + _leaf("EnergySelectionSlitWidth", said["slit_width"])
        + "</EnergyFilter>"
    )
    x, y = said["beam_shift"]  # type: ignore[misc]
    return (
        f'<MicroscopeImage xmlns="{SHARED}" xmlns:i="{INSTANCE}"><name>Empty</name>'
        f'<CustomData xmlns:a="{ARRAYS}">{custom}</CustomData>'
        '<IntensityScale i:nil="true"/><SpatialScale><pixelSize><x>'
        + _leaf("numericValue", said["pixel"])
        + "</x><y>"
        + _leaf("numericValue", said["pixel"])
        + "</y></pixelSize></SpatialScale><microscopeData><acquisition>"
        + _leaf("acquisitionDateTime", said["time"])
        + f'<camera><Binning xmlns:a="{DRAWING}"><a:x>{said["binning"]}</a:x>'
        + f"<a:y>{said['binning']}</a:y></Binning>"
        + _leaf("CameraLocation", said["location"])
        + f'<CameraSpecificInput xmlns:b="{ARRAYS}">{special}</CameraSpecificInput>'
        + _leaf("ExposureTime", said["exposure"])
        + _leaf("Name", said["camera"])
        + f'<ReadoutArea xmlns:b="{MEDIA}"><b:height>{said["height"]}</b:height>'
        + f"<b:width>{said['width']}</b:width></ReadoutArea></camera></acquisition><core>"
        + _leaf("ApplicationSoftware", said["software"])
        + _leaf("ApplicationSoftwareVersion", said["version"])
        + "</core><gun>"
        + _leaf("AccelerationVoltage", said["voltage"])
        + _leaf("Sourcetype", said["source"])
        + "</gun><instrument>"
        + _leaf("InstrumentModel", said["serial"])
        + "</instrument><optics><BeamConvergence i:nil='true'/>"
        + f'<BeamShift xmlns:a="{TYPES}"><a:_x>{x}</a:_x><a:_y>{y}</a:_y></BeamShift>'
        + "<ColumnOperatingMode>TEM</ColumnOperatingMode>"
        + _leaf("ColumnOperatingTemSubMode", said["imaging"])
        + _leaf("Defocus", said["lens"])
        + slit
        + _leaf("IlluminationMode", said["illumination"])
        + "<TemMagnification>"
        + _leaf("NominalMagnification", said["magnification"])
        + "</TemMagnification></optics><stage>"
        + _leaf("Holder", said["holder"])
        + "<Position>"
        + _leaf("A", said["tilt"])
        + "</Position></stage></microscopeData></MicroscopeImage>"
    )


def _leaf(name: str, value: object) -> str:
    if value is None:
        return ""
    return f'<{name} i:nil="true"/>' if value == "nil" else f"<{name}>{value}</{name}>"


def _pair(prefix: str, name: str, value: object, kind: str) -> str:
    if value is None:
        return ""
    return (
        f"<{prefix}:KeyValueOfstringanyType><{prefix}:Key>{name}</{prefix}:Key>"
        f'<{prefix}:Value i:type="{kind}:string" xmlns:{kind}="{SCHEMA}">{value}'
        f"</{prefix}:Value></{prefix}:KeyValueOfstringanyType>"
    )


def _fractionation(kind: object, count: object) -> str:
    if kind is None:
        return ""
    inside = ""
    if kind == "EquidistantFractionation":
        inside = f"<c:NumberOffractions>{count}</c:NumberOffractions>"
    elif kind == "VaridistantFractionation":
        one = "<d:anyType><c:StartFrameNumber>1</c:StartFrameNumber></d:anyType>"
        inside = f'<c:DoseFractions xmlns:d="{ARRAYS}">{one * int(str(count))}</c:DoseFractions>'
    return (
        "<b:KeyValueOfstringanyType><b:Key>FractionationSettings</b:Key>"
        f'<b:Value i:type="c:{kind}" xmlns:c="{COMMON}">{inside}</b:Value>'
        "</b:KeyValueOfstringanyType>"
    )


def fractions_xml(
    *, detector: str = "Falcon-3", recorded: int = 22, expected: int = 22, counting: str = "On"
) -> str:
    """Return the camera's XML of one movie."""
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<Acquisition>\n  <Info>\n'
        f"    <Detector>{detector}</Detector>\n"
        f"    <ExpectedNumberOfFractions>{expected}</ExpectedNumberOfFractions>\n"
        f"    <RecordedNumberOfFractions>{recorded}</RecordedNumberOfFractions>\n"
        f"    <GainCorrection>On</GainCorrection>\n"
        f"    <ElectronCounting>{counting}</ElectronCounting>\n  </Info>\n  <Fractions>\n"
        + "".join(f"    <Fraction><Index>{n}</Index></Fraction>\n" for n in range(recorded))
        + "  </Fractions>\n</Acquisition>\n"
    )


def session_xml(
    *,
    start: str = "2025-03-01T08:00:00.0000000Z",
    name: str = "grid 4",
    defocus: tuple[str, ...] = ("-8E-07", "-1.2E-06"),
    slot: int = 4,
) -> str:
    """Return an ``EpuSession.dm``: a serialised object with references by number."""
    listed = "".join(f"<a:double>{one}</a:double>" for one in defocus)
    return (
        '<EpuSessionXml z:Id="1" z:Type="Applications.Epu.Persistence.EpuSessionXml" '
        'z:Assembly="Applications.Epu.Persistence, Version=3.11.0.9330, Culture=neutral" '
        'xmlns="http://schemas.datacontract.org/2004/07/Applications.Epu.Persistence" '
        f'xmlns:i="{INSTANCE}" xmlns:z="http://schemas.microsoft.com/2003/10/Serialization/">'
        f"<AutoloaderSlot>{slot}</AutoloaderSlot>"
        "<ClusteringMode>ClusteringWithImageBeamShift</ClusteringMode>"
        f'<DMPSession z:Id="3"><DatasetName z:Id="6">{name}</DatasetName></DMPSession>'
        '<DoseFractionsOutputFormat z:Id="10">Gain normalized</DoseFractionsOutputFormat>'
        '<Name z:Ref="6" i:nil="true"/><Samples z:Id="12"><_items><SampleXml z:Id="14">'
        "<GridType>HoleyCarbon</GridType>"
        "<StartDateTime>2019-01-01T00:00:00Z</StartDateTime><TargetAreaTemplate><value>"
        f'<ImageAcquisitionSettingXml><Defocus xmlns:a="{ARRAYS}">{listed}</Defocus>'
        "</ImageAcquisitionSettingXml></value></TargetAreaTemplate></SampleXml></_items>"
        f"</Samples><StartDateTime>{start}</StartDateTime></EpuSessionXml>"
    )


def write_images(
    folder: Path, count: int = 3, *, first: int = 0, **changes: object
) -> tuple[Path, ...]:
    """Write the XML of images as EPU does; a list among the changes gives a value to each."""
    data = folder / "Images-Disc1" / "GridSquare_7" / "Data"
    data.mkdir(parents=True, exist_ok=True)
    paths = []
    for at in range(first, first + count):
        own = {
            name: value[at - first] if isinstance(value, list) else value
            for name, value in changes.items()
        }
        own.setdefault("time", f"2025-03-01T10:{at // 60:02d}:{at % 60:02d}.1234567+01:00")
        path = data / f"FoilHole_1_Data_{at}_20250301_10{at:04d}.xml"
        path.write_text(image_xml(**own), encoding="utf-8")
        paths.append(path)
    return tuple(paths)
