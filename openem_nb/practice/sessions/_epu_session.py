"""The files of a practice session in EPU's form: images, overviews, fractions and the plan."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from openem_nb.practice.sessions._epu import image_xml
from openem_nb.practice.sessions._markup import ARRAYS, element, nil
from openem_nb.practice.sessions._plan import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openem_nb.practice.sessions._plan import Image, Plan

__all__ = ["fractions_xml", "session_dm", "session_files"]

_PERSISTENCE: Final = "http://schemas.datacontract.org/2004/07/Applications.Epu.Persistence"
_SERIALISED: Final = "http://schemas.microsoft.com/2003/10/Serialization/"
_SQUARE: Final = 580
_HOLE: Final = 15_000
"""Magnifications of the overviews."""


def session_files(
    plan: Plan, images: Sequence[Image], *, overviews: bool
) -> Iterator[tuple[str, str]]:
    """Give path and text of each file of a session, relative to the session's folder.

    Parameters
    ----------
    plan, images :
        What was drawn.
    overviews :
        Also the images of grid squares and foil holes, and the fractions' files.
    """
    yield "EpuSession.dm", session_dm(plan)
    seen: set[str] = set()
    square = replace(plan, magnification=_SQUARE, pixel=plan.pixel * plan.magnification / _SQUARE)
    hole = replace(plan, magnification=_HOLE, pixel=plan.pixel * plan.magnification / _HOLE)
    for image in images:
        yield f"{image.path}.xml", image_xml(plan, image.values)
        if not overviews:
            continue
        yield f"{image.path}_Fractions.xml", fractions_xml(plan, image)
        folder, _, name = image.path.rpartition("/Data/")
        stamp = image.path[-15:]
        if folder not in seen:
            seen.add(folder)
            yield f"{folder}/GridSquare_{stamp}.xml", image_xml(square, image.values, overview=True)
        target = name.partition("_Data_")[0]
        if target not in seen:
            seen.add(target)
            path = f"{folder}/FoilHoles/{target}_{stamp}.xml"
            yield path, image_xml(hole, image.values, overview=True)


def fractions_xml(plan: Plan, image: Image) -> str:
    """Return what the camera notes of one movie: declared, without a namespace, on many lines."""
    each = plan.exposure / plan.fractions
    on = "On" if plan.counting else "Off"
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<!--Date format Year/Month/Day, time is 24 hour based.-->",
        "<Acquisition>",
        "    <Info>",
        f"        <Detector>{plan.microscope.detector.replace(' ', '-')}</Detector>",
        f"        <AcquisitionID>practice_{image.path[-15:]}</AcquisitionID>",
        f"        <DateTimeWithTimeZone>{_with_zone(image.time)}</DateTimeWithTimeZone>",
        f"        <ExpectedNumberOfFractions>{plan.fractions}</ExpectedNumberOfFractions>",
        f"        <RecordedNumberOfFractions>{plan.fractions}</RecordedNumberOfFractions>",
        "        <RegionOfInterest>",
        "            <Top>0</Top>",
        "            <Left>0</Left>",
        "            <Width>4096</Width>",
        "            <Height>4096</Height>",
        "        </RegionOfInterest>",
        "        <Binning>1</Binning>",
        "        <DarkCorrection>On</DarkCorrection>",
        "        <GainCorrection>On</GainCorrection>",
        f"        <ElectronCounting>{on}</ElectronCounting>",
        "    </Info>",
        "    <Fractions>",
    ]
    for number in range(plan.fractions):
        time = image.time + dt.timedelta(seconds=number * each)
        lines += [
            "        <Fraction>",
            f"            <Index>{number}</Index>",
            f"            <DateTimeWithTimeZone>{_with_zone(time)}</DateTimeWithTimeZone>",
            f"            <ExposureTime>{each:.9f}</ExposureTime>",
            "        </Fraction>",
        ]
    return "\n".join([*lines, "    </Fractions>", "</Acquisition>", ""])


def _with_zone(time: dt.datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def session_dm(plan: Plan) -> str:
    """Return the session's plan as EPU saves it: objects with numbers and references to them."""
    assembly = f"Applications.Epu.Persistence, Version={VERSION}, Culture=neutral"
    steps = "".join(element("a:double", f"{value * 1e-6:.2E}") for value in plan.defocus)
    defocus = element(
        "Defocus",
        steps,
        attributes=f'z:Id="21" z:Type="System.Double[]" z:Size="{len(plan.defocus)}"',
    )
    exposure = element("ExposureTime", plan.exposure)
    areas = [
        element("ImageAcquisitionSettingXml", defocus, exposure, attributes='z:Id="20"'),
        # the other areas refer to the list of the first one
        element(
            "ImageAcquisitionSettingXml",
            '<Defocus z:Ref="21" i:nil="true"/>',
            exposure,
            attributes='z:Id="22"',
        ),
    ]
    sample = element(
        "SampleXml",
        element("AtlasId", r"D:\Atlas\practice\Sample1\Atlas\Atlas.dm", attributes='z:Id="15"'),
        nil("EndDateTime"),
        element("GridGeometry", "Square"),
        element("GridType", "HoleyCarbon"),
        element("StartDateTime", plan.start.isoformat(timespec="microseconds")),
        element(
            "TargetAreaTemplate",
            element("DataAcquisitionAreas", *areas, attributes=f'z:Id="19" xmlns:a="{ARRAYS}"'),
            element("DelayAfterImageShift", 0.5),
            attributes='z:Id="18"',
        ),
        attributes='z:Id="14"',
    )
    utc = plan.start.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return element(
        "EpuSessionXml",
        element("AutoFocusEnabled", "true"),
        element("AutoloaderSlot", 4),
        element("ClusteringMode", "ClusteringWithImageBeamShift"),
        element("ClusteringRadius", "1.2E-05"),
        element("DoseFractionsOutputFormat", "Gain normalized", attributes='z:Id="10"'),
        element("ImageFileFormat", "Mrc"),
        nil("MicroscopeName"),
        element("Name", plan.name, attributes='z:Id="11"'),
        element("PhasePlateEnabled", "false"),
        element(
            "Samples",
            element("_items", sample, nil("SampleXml"), attributes='z:Id="13" z:Size="2"'),
            element("_size", 1),
            attributes='z:Id="12"',
        ),
        element("StartDateTime", utc),
        element("TiltAngle", 0),
        element("TiltedAcquisitionEnabled", "false"),
        attributes=f'z:Id="1" z:Type="Applications.Epu.Persistence.EpuSessionXml" '
        f'z:Assembly="{assembly}" xmlns="{_PERSISTENCE}" '
        f'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:z="{_SERIALISED}"',
    )
