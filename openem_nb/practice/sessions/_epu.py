"""The XML file that EPU writes beside each image, for a microscope that does not exist."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from openem_nb.practice.sessions._markup import (
    DRAWING,
    OMP,
    SHARED,
    TYPES,
    UNITS,
    element,
    nil,
    pairs,
    point,
)
from openem_nb.practice.sessions._plan import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.practice.sessions._plan import Plan

__all__ = ["image_xml"]


def image_xml(
    plan: Plan, values: Mapping[str, object], *, overview: bool = False, program: str = "EPU"
) -> str:
    """Return the XML file of one exposure.

    Parameters
    ----------
    plan :
        What the session was set to.
    values :
        What is the exposure's own, by the names that an image of the plan has.
    overview :
        For a grid square, a foil hole or a search map, which have no dose and no defocus.
    program :
        Name of the program that took it.
    """
    return _template(plan, overview, program) % values


@cache
def _template(plan: Plan, overview: bool, program: str) -> str:
    """Return the text of an image's file with places for what differs between exposures."""
    scope = plan.microscope
    detector = f"Detectors[{scope.camera}]"
    counting = str(plan.counting).lower()
    custom: dict[str, tuple[str, object]] = {
        "DoseOnCamera": ("double", "%(on_camera)s"),
        "Aperture[C1].Name": ("string", 2000),
        "Aperture[C2].Name": ("string", scope.c2),
        "Aperture[C3].Name": ("string", 2000),
        "Aperture[OBJ].Name": ("string", 100),
        "Aperture[SA].Name": ("string", "None"),
        "StemMagnification": ("boolean", "false"),
        f"{detector}.ExposureTime": ("double", plan.exposure),
        f"{detector}.ElectronCounted": ("boolean", counting),
        f"{detector}.CommercialName": ("string", scope.detector),
        f"{detector}.CameraSerialNumber": ("string", f"{scope.serial}-CAMERA"),
        f"{detector}.TotalDose": ("double", "%(on_camera)s"),
        f"{detector}.DoseRate": ("double", "%(rate)s"),
        f"{detector}.GainReference": (
            "string",
            f"ImagesForProcessing/{scope.camera}/{scope.kilovolts}kV/practice.gain",
        ),
        "IlluminationIntensity": ("double", 0),
        "BeamCurrent": ("double", "5.1E-09"),
        "Dose": ("double", "%(dose)s"),
        "PhasePlateUsed": ("boolean", "false"),
        "BinaryResult.Detector": ("string", scope.camera),
        "DetectorCommercialName": ("string", scope.detector),
        "AppliedDefocus": ("double", "%(applied)s"),
    }
    if overview:
        for key in ("DoseOnCamera", "Dose", "AppliedDefocus"):
            del custom[key]
    meters = element(
        "unit",
        element("a:_x003C_PrefixExponent_x003E_k__BackingField", 1),
        element("a:_x003C_Symbol_x003E_k__BackingField", "m"),
        attributes=f'xmlns:a="{UNITS}"',
    )

    def length(name: str, value: object) -> str:
        return element(name, element("numericValue", value), meters)

    pixel = f"{plan.pixel * 1e-10:.16E}"
    corner = [element(f"a:_{name}", 0) for name in ("m11", "m12", "m21", "m22")]
    return element(
        "MicroscopeImage",
        element("name", "Empty"),
        element("uniqueID", "%(id)s"),
        pairs("CustomData", custom),
        nil("IntensityScale"),
        element(
            "ReferenceTransformation",
            element(
                "matrix",
                *corner,
                attributes='xmlns:a="http://schemas.datacontract.org/2004/07/System.Windows.Media"',
            ),
            meters,
        ),
        element(
            "SpatialScale",
            element("offset", length("x", 0), length("y", 0)),
            element("pixelSize", length("x", pixel), length("y", pixel)),
        ),
        element("microscopeData", *_microscope_data(plan, program)),
        attributes=f'xmlns="{SHARED}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"',
    )


def _microscope_data(plan: Plan, program: str) -> tuple[str, ...]:
    scope = plan.microscope
    return (
        element(
            "acquisition",
            element("acquisitionDateTime", "%(time)s"),
            element("analyticalDetectors"),
            _camera(plan),
            element("plateCamera", element("ExposureTime", 0), element("Use", "false")),
            element(
                "scanSettings",
                element("DwellTime", 0),
                f'<ReducedArea i:nil="true" xmlns:a="{DRAWING}"/>',
                point("Resolution", DRAWING, height=0, width=0),
                point("ScanArea", DRAWING, height=0, width=0, x=0, y=0),
                element("ScanRotation", 0),
            ),
            element(
                "scanningDetector",
                element("DetectorType", "SecondaryElectrons"),
                nil("Gain"),
                element("Inserted", "false"),
                nil("Name", "Offset"),
            ),
        ),
        element(
            "core",
            element("ApplicationSoftware", program),
            element("ApplicationSoftwareVersion", VERSION),
            element("Guid", "%(guid)s"),
        ),
        element(
            "gun",
            element("AccelerationVoltage", scope.kilovolts * 1000),
            element("ExtractorVoltage", 4100),
            nil("Filament"),
            element("GunLens", 2),
            element("Sourcetype", "FieldEmission"),
            nil("WehneltBias"),
        ),
        element(
            "instrument",
            nil("AcquisitionSoftware", "AcquisitionSoftwareVersion"),
            element("ComputerName", scope.serial),
            element("InstrumentID", 1),
            element("InstrumentModel", scope.serial),
        ),
        _optics(plan),
        element("sample", nil("Description", "ID")),
        element(
            "stage",
            element("Holder", "Unspecified"),
            element(
                "Position",
                element("A", 0),
                element("B", 0),
                element("X", "%(stage_x)s"),
                element("Y", "%(stage_y)s"),
                element("Z", "-4.2E-05"),
            ),
            element("SampleLoader", "None"),
        ),
        element(
            "vacuum",
            element("ProjectionChamberPressure", 0),
            element("SamplePressure", 0),
            element("VacuumMode", "Ready"),
        ),
    )


def _camera(plan: Plan) -> str:
    count = element("b:NumberOffractions", plan.fractions)
    settings = element(
        "a:Value", count, attributes=f'i:type="b:EquidistantFractionation" xmlns:b="{OMP}"'
    )
    specific: dict[str, tuple[str, object]] = {
        "AlignIntegratedImageEnabled": ("boolean", "false"),
        "SuperResolutionFactor": ("int", 1),
        "ElectronCountingEnabled": ("boolean", str(plan.counting).lower()),
        "ApplyDefinedShutter": ("boolean", "true"),
        "FixedReadoutArea": ("string", "Full"),
        "EnableCompression": ("boolean", "false"),
    }
    return element(
        "camera",
        point("Binning", DRAWING, x=1, y=1),
        element("CameraLocation", "EnergyFilter"),
        pairs("CameraSpecificInput", specific, f"FractionationSettings={settings}"),
        element("DarkGainCorrection", "None"),
        element("ExposureTime", plan.exposure),
        element("FixedReadoutArea", "Full"),
        element("Inserted", "true"),
        element("Name", plan.microscope.camera),
        element("PreExposurePauseTime", 0),
        element("PreExposureSupported", "false"),
        element("PreExposureTime", 0),
        point("ReadoutArea", DRAWING, height=4096, width=4096, x=0, y=0),
        element("Shutter", "PreSpecimen"),
    )


def _optics(plan: Plan) -> str:
    zero = {"_x": 0, "_y": 0}
    return element(
        "optics",
        nil("Apertures", "BeamConvergence"),
        element("BeamDiameter", "8E-07"),
        point("BeamShift", TYPES, _x="%(shift_x)s", _y="%(shift_y)s"),
        point("BeamTilt", TYPES, _x="%(tilt_x)s", _y="%(tilt_y)s"),
        element("Cameralength", 0),
        element("ColumnOperatingMode", "TEM"),
        element("ColumnOperatingTemSubMode", "BrightField"),
        point("CondenserStigmator", TYPES, **zero),
        element("Defocus", "%(defocus)s"),
        element("DiffractionFocus", 0),
        point("DiffractionShift", TYPES, **zero),
        point("DiffractionStigmator", TYPES, **zero),
        element("EFTEMOn", "true"),
        element(
            "EnergyFilter",
            element("AccelerationVoltageOffset", 0),
            element("DriftTubeVoltage", 0),
            element("EnergySelectionSlitInserted", "true"),
            element("EnergySelectionSlitWidth", plan.slit),
            element("EnergyShift", 0),
            nil("EntranceApertureDiameter", "EntranceApertureType"),
        ),
        element("Focus", "-0.0009"),
        f'<GunStigmator i:nil="true" xmlns:a="{TYPES}"/>',
        element("IlluminationMode", "Parallel"),
        nil("IlluminationProbeSubMode"),
        point("ImageShift", TYPES, **zero),
        element("Intensity", 0),
        element("ObjectiveLensMode", "HM"),
        point("ObjectiveStigmator", TYPES, **zero),
        element("ProbeMode", "NanoProbe"),
        element("ProjectorMode", "Imaging"),
        element("SpotIndex", 5),
        element("StemDefocus", 0),
        nil("StemFieldOfView", "StemMagnification"),
        element("TemMagnification", element("NominalMagnification", plan.magnification)),
        element("XLModeOn", "false"),
    )
