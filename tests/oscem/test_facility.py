"""What the facility says of its microscopes, in sessions of one and of several of them."""

from __future__ import annotations

import pytest
from _epu_forms import write_images
from _extracted import KRIOS, TILTS, at, codes

import openem_nb as openem
from openem_nb.oscem.instruments import CameraInfo, Instrument, Instruments
from openem_nb.practice.sessions import KINDS, write_session

OTHER = Instrument(serial="TITAN00000002", name="Titan Krios", also=("TALOS00000003",), cs=2.6)


def asked(found) -> dict[str, str]:
    return {one.path: one.why for one in found.missing}


def test_nothing_is_said_of_one_microscope_where_there_are_images_of_two(tmp_path) -> None:
    serials = ["TITAN00000001", "TITAN00000002", "TITAN00000001"]
    write_images(tmp_path, 3, serial=serials, illumination="nil")
    found = openem.extract(tmp_path, instruments=Instruments((KRIOS, OTHER)))
    assert at(found, "instrument.cs") is None
    assert at(found, "acquisition.cryogen") is None
    assert at(found, "instrument.microscope.model") is None
    assert asked(found)["instrument.microscope.model"] == "the files do not agree on it"
    assert "the files do not agree on it</td>" in found._repr_html_()
    told = [one.message for one in found.findings if "TITAN00000002" in one.message]
    assert len(told) == 1, "one thing is said once"
    assert "more than one microscope" in told[0]


def test_two_names_of_one_microscope_are_one_microscope(tmp_path) -> None:
    write_images(tmp_path, 2, serial=["TITAN00000002", "TALOS00000003"])
    found = openem.extract(tmp_path, instruments=OTHER)
    assert at(found, "instrument.cs") == 2.6


def test_images_of_two_cameras_have_no_detector_in_common(tmp_path) -> None:
    """Only some of them say what their camera is called."""
    write_images(
        tmp_path,
        4,
        camera=["EF-CCD", "EF-CCD", "BM-Ceta", "BM-Ceta"],
        detector=["K3", "K3"] + 2 * [None],
    )
    found = openem.extract(tmp_path)
    assert "detectors" not in found.document["acquisition"]
    assert asked(found)["acquisition.detectors[0].name"] == "the files do not agree on it"


@pytest.mark.parametrize(
    ("cameras", "name"),
    [
        ({"EF-Falcon": CameraInfo("EF-Falcon", name="Falcon 4i")}, "Falcon 4i"),
        ({"A": CameraInfo("A", name="K3"), "B": CameraInfo("B", name="Ceta")}, None),
        ({"A": CameraInfo("A", pdbx="GATAN K3 (6k x 4k)")}, None),
    ],
)
def test_a_camera_that_no_file_names_is_the_only_one_of_the_microscope(
    tmp_path, cameras, name
) -> None:
    (tmp_path / "Position_1.mdoc").write_text(TILTS)
    found = openem.extract(tmp_path, instruments=Instrument("T1", detectors=cameras))
    assert at(found, "acquisition.detectors[0].name") == name
    if name is not None:
        origin = found.provenance["acquisition.detectors[0].name"]
        assert (origin.source, origin.rule) == (
            "instrument file",
            "the only camera of this microscope",
        )


def test_a_camera_that_files_name_is_not_taken_for_another(tmp_path) -> None:
    write_images(tmp_path, 2, camera="BM-Ceta", detector=None)
    only = {"EF-Falcon": CameraInfo("EF-Falcon", name="Falcon 4i")}
    found = openem.extract(tmp_path, instruments=Instrument("TITAN00000001", detectors=only))
    assert at(found, "acquisition.detectors[0].name") == "BM-Ceta"
    assert "unknown-detector" in codes(found)


@pytest.mark.parametrize("kind", KINDS)
def test_practice_sessions_are_read_as_what_they_are(tmp_path, kind) -> None:
    """All that is true of a session is found, and its instrument file completes the document."""
    truth = write_session(tmp_path, kind=kind, images=6)
    found = openem.extract(tmp_path, instruments=tmp_path / "instrument.toml")
    differ = {}
    for path, value in truth.values.items():
        expected, unit = value if isinstance(value, tuple) else (value, None)
        stands = at(found, path)
        if path == "acquisition.date_time":  # with the zone of the instrument file
            same = str(stands)[:19] == str(expected)[:19]
        elif path == "instrument.microscope.model":
            same = stands in (expected, "Titan Krios G4")
        else:
            same = stands == (pytest.approx(expected, rel=1e-9) if unit else expected)
        if not same:
            differ[path] = (expected, stands)
    assert not differ
    required = {one.path: one.why for one in found.missing if one.required}
    if kind == "velox":  # a scan has no binning, which the schema asks for all the same
        binning = "acquisition.binning_camera."
        assert set(required) == {f"{binning}height", f"{binning}width"}
        assert all("scanned image" in why for why in required.values())
        found = found.complete(dict.fromkeys(required, "1"))
    assert found.problems == ()
    found.write(tmp_path / "oscem.json")
