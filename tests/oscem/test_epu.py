"""XML of EPU: every value by its tag, forms that differ, files that are broken or hostile."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from _epu_forms import fractions_xml, image_xml, session_xml

from openem_nb.oscem.readers import FORMATS, QUANTITIES, _image_xml, epu, tomo5

DATA = Path("Images-Disc1/GridSquare_7/Data/FoilHole_1_Data_2_3_20250301_100000.xml")


def one(text: str | bytes, path: Path = DATA):
    data = text.encode() if isinstance(text, str) else text
    (reading,) = epu.read_epu(path, data=data)
    return reading


def codes(reading) -> list[str]:
    return [finding.code for finding in reading.findings]


def test_every_value_of_an_image_is_in_its_unit() -> None:
    reading = one(image_xml(tilt=0.5, holder="CompuStage"))
    assert (reading.source, reading.kind) == ("epu", "image")
    assert not reading.findings
    expected = {
        "serial": "TITAN00000001",
        "electron_source": "FieldEmission",
        "illumination": "Parallel",
        "imaging": "BrightField",
        "operating_mode": "TEM",
        "time": "2025-03-01T10:00:00.1234567+01:00",
        "software": "EPU",
        "software_version": "3.8.1.7603",
        "camera": "EF-Falcon",
        "fractionation": "EerFractionation",
        "voltage": 300.0,
        "defocus_nominal": -1500.0,
        "defocus_lens": 1000.0,
        "exposure": 2.5,
        "pixel_size": 0.82,
        "beam_shift_x": 0.01,
        "beam_shift_y": -0.02,
        "stage_tilt": math.degrees(0.5),
        "magnification": 165000,
        "width": 4096,
        "height": 4096,
        "binning_x": 1,
        "binning_y": 1,
        "detector": "Falcon 4i",
        "counting": True,
        "gain_reference": "20250301_EER_Gain.gain",
        "dose": 40.0,
        "dose_per_pixel": 26.896,
        "c2_aperture": 50.0,
        "c2_name": "50",
        "objective_aperture": "None",
        "slit_used": True,
        "slit_width": 10.0,
        "phase_plate_used": False,
        "holder": "CompuStage",
        "grid_square": "GridSquare_7",
        "movie": DATA.stem,
    }
    assert dict(reading.values) == pytest.approx(expected)
    for name in expected:
        assert reading.tags[name], name


def test_the_second_file_of_a_form_is_read_without_a_parser_and_says_the_same(monkeypatch) -> None:
    _image_xml._forms.clear()
    whole = one(image_xml(dose=1e21))
    monkeypatch.setattr(_image_xml, "parse", pytest.fail)
    quick = one(image_xml(dose=3e21, time="2025-03-01T10:00:02+01:00"))
    assert quick.values["dose"] == pytest.approx(30)
    assert {**quick.values, "dose": 10.0, "time": whole.values["time"]} == pytest.approx(
        dict(whole.values)
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("Falcon 4i", "Falcon &amp; 4i"),
        lambda text: text.replace("<name>Empty</name>", "<name>Empty</name><!-- > < -->"),
        lambda text: text.replace(">AppliedDefocus<", ">Other<"),
        lambda text: text.replace("a:", "zz:").replace("xmlns:a=", "xmlns:zz="),
        lambda text: text.replace("<BeamConvergence i:nil='true'/>", "<BeamConvergence/>"),
        lambda text: text.replace("<name>Empty</name>", '<name x="a>b">Empty</name>'),
        lambda text: text.replace("<name>Empty</name>", "<name><![CDATA[a < b]]></name>"),
        lambda text: '<?xml version="1.0" encoding="utf-8"?>' + text,
        lambda text: "\ufeff" + text,
    ],
)
def test_what_differs_in_the_least_is_read_as_it_is(change) -> None:
    """Whatever is kept of an earlier file, the same bytes give the same values."""
    text = change(image_xml(defocus=-2e-06))
    _image_xml._forms.clear()
    first = dict(one(text).values)
    _image_xml._forms.clear()
    one(image_xml())
    assert dict(one(text).values) == first
    assert dict(one(text).values) == first
    if ">Other<" in text:
        assert "defocus_nominal" not in first
    else:
        assert first["defocus_nominal"] == pytest.approx(-2000)
    if "&amp;" in text:
        assert first["detector"] == "Falcon & 4i"


def test_another_encoding_is_read_by_what_it_says() -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>' + image_xml(holder="Küvette")
    for _ in range(2):
        assert one(text.encode("latin-1")).values["holder"] == "Küvette"
    assert one(text.replace("ISO-8859-1", "utf-16").encode("utf-16")).values["holder"] == "Küvette"


def test_forms_that_are_kept_are_bounded() -> None:
    _image_xml._forms.clear()
    for number in range(60):
        one(image_xml().replace("<name>Empty</name>", f"<name{number}>x</name{number}>"))
    assert len(_image_xml._forms) <= 32
    _image_xml._forms.clear()


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"dose": None}, "dose", 26.896 / 0.82**2),
        ({"dose": None, "dose_on_camera": None}, "dose", None),
        ({"dose": 0, "dose_on_camera": 0}, "dose", None),
        ({"counting": "false"}, "dose", None),
        ({"counting": "false"}, "dose_linear", 40.0),
        ({"counting": "false"}, "counting", False),
        ({"counting": None}, "counting", None),
        ({"c2": "None"}, "c2_aperture", None),
        ({"slit": "false", "slit_width": 20}, "slit_used", False),
        ({"slit": "false", "slit_width": 20}, "slit_width", 20.0),
        ({"slit": None}, "slit_used", None),
        ({"illumination": "nil"}, "illumination", None),
        ({"exposure": 0}, "exposure", None),
        ({"pixel": "nil"}, "pixel_size", None),
        ({"magnification": "nil"}, "magnification", None),
        ({"fractionation": "EquidistantFractionation", "fractions": 40}, "frames", 40),
        ({"fractionation": "VaridistantFractionation", "fractions": 3}, "frames", 3),
        ({}, "frames", None),
        ({"detector": None}, "detector", None),
        ({"software": "Fei EPU"}, "software", "EPU"),
        ({"phase_plate": "true", "phase_plate_name": "Ph P4"}, "phase_plate", "Ph P4"),
        ({"holder": "Unspecified"}, "holder", None),
        ({"super_resolution": 2}, "super_resolution", None),
    ],
)
def test_values_by_their_rules(changes, name, value) -> None:
    found = one(image_xml(**changes)).values.get(name)
    assert found == (None if value is None else pytest.approx(value))


def test_the_rule_of_a_dose_tells_where_it_is_from() -> None:
    assert one(image_xml()).tags["dose"] == "CustomData[Dose]"
    derived = one(image_xml(dose=None))
    assert derived.tags["dose"] == "CustomData[DoseOnCamera]"
    assert "pixel" in derived.rules["dose"]


def test_no_number_where_one_belongs_is_told() -> None:
    reading = one(image_xml(voltage="three hundred"))
    assert "voltage" not in reading.values
    assert codes(reading) == ["no-number"]
    assert "voltage" not in one(image_xml(voltage="NaN")).values


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("GridSquare_7/Data/FoilHole_1_Data_2_3_20250301_100000.xml", "image"),
        ("GridSquare_7/GridSquare_20250301_100000.xml", "overview"),
        ("GridSquare_7/FoilHoles/FoilHole_1_20250301_100000.xml", "overview"),
        ("Atlas/Atlas_1.xml", "overview"),
        ("Atlas/Tile_3_1_0.xml", "overview"),
        ("Sample1/SearchMaps/SearchMap_2.xml", "overview"),
        ("Batch/Position_1_search.xml", "overview"),
        ("anything.xml", "image"),
        ("xml_1_8_falcon_2.xml", "image"),
    ],
)
def test_overviews_are_told_from_data_by_their_names(path, kind) -> None:
    assert one(image_xml(magnification=580), Path(path)).kind == kind


def test_tomography_writes_the_same_form() -> None:
    text = image_xml(software="Tomography", tilt=-1.0471975512)
    reading = one(text, Path("Position_1_003[-60.00]_20250301.xml"))
    assert (reading.source, reading.kind) == ("tomo5", "tilt")
    assert reading.values["tilt_angle"] == pytest.approx(-60)
    assert tomo5.read_tomo5(DATA, data=text.encode())[0].source == "tomo5"


def test_what_the_camera_wrote_of_a_movie() -> None:
    path = Path("FoilHole_1_Data_2_3_20250301_100000_Fractions.xml")
    reading = one(fractions_xml(), path)
    assert reading.kind == "fractions"
    assert dict(reading.values) == {"detector": "Falcon-3", "frames": 22, "counting": True}
    fewer = one(fractions_xml(recorded=20, expected=22, counting="Off"), path)
    assert fewer.values["frames"] == 20
    assert fewer.values["counting"] is False
    assert codes(fewer) == ["fractions-lost"]
    assert codes(one(fractions_xml()[:-30], path)) == ["truncated"]
    assert codes(one("<Acquisition><Other/></Acquisition>", path)) == ["unknown-xml"]


def test_a_session_file_is_followed_to_what_it_refers_to() -> None:
    reading = one(session_xml(), Path("EpuSession.dm"))
    assert reading.kind == "session"
    assert dict(reading.values) == pytest.approx(
        {
            "session_name": "grid 4",
            "session_time": "2025-03-01T08:00:00.0000000Z",
            "output_format": "Gain normalized",
            "grid_type": "HoleyCarbon",
            "grid": "4",
            "defocus_planned_min": -1200.0,
            "defocus_planned_max": -800.0,
            "software": "EPU",
            "software_version": "3.11.0.9330",
        }
    )
    assert reading.extra["ClusteringMode"] == "ClusteringWithImageBeamShift"


def test_a_session_file_that_breaks_off_says_what_stands_before() -> None:
    text = session_xml()
    cut = text[: text.index("<StartDateTime>2025") + 20]
    reading = one(cut, Path("EpuSession.dm"))
    assert codes(reading) == ["truncated"]
    assert reading.values["output_format"] == "Gain normalized"
    assert "session_time" not in reading.values  # what is cut in the middle is no value


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \r\n\0\0\0", "empty"),
        (b"blubb", "truncated"),
        (image_xml()[:4000].encode(), "truncated"),
        (image_xml().encode()[:-3], "truncated"),
        (image_xml().replace("</gun>", "</gnu>").encode(), "damaged"),
        (image_xml().encode() + b"\0" * 512, "truncated"),
        (b"\xff\xfe\x00\xd8" * 30 + b">", "damaged"),
        (b"<Other/>", "unknown-xml"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><MicroscopeImage/>', "refused"),
        (b"x" * 100 + b"<a></b>", "damaged"),
    ],
)
def test_broken_files_are_findings(data, code) -> None:
    assert codes(one(data)) == [code]
    assert not one(data).values


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path) -> None:
    (reading,) = epu.read_epu(tmp_path / "none.xml")
    assert codes(reading) == ["unreadable"]
    assert reading.findings[0].level == "error"


def test_a_file_larger_than_its_format_is_not_read(tmp_path, monkeypatch) -> None:
    from openem_nb.oscem.readers import _xml

    path = tmp_path / "FoilHole_1_Data_2.xml"
    with path.open("wb") as stream:
        stream.truncate(_xml.LIMIT + 10)
        stream.write(b"<MicroscopeImage>")
    assert codes(epu.read_epu(path)[0]) == ["too-large"]


LAUGHS = (
    '<!DOCTYPE MicroscopeImage [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "&a;" * 10}">' for n in range(12))
    + "]><MicroscopeImage><name>&a11;</name></MicroscopeImage>"
)


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><MicroscopeImage>&x;</MicroscopeImage>',
        '<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://127.0.0.1:9/x"><MicroscopeImage/>',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]><MicroscopeImage/>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_neither_expanded_nor_fetched(text, encoding) -> None:
    reading = one(text.encode(encoding))
    assert codes(reading) == ["refused"]
    assert not reading.values


def test_an_include_is_no_more_than_an_element() -> None:
    text = image_xml().replace(
        "<name>Empty</name>",
        '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>',
    )
    reading = one(text)
    assert "root:" not in str(reading)
    assert reading.values["dose"] == pytest.approx(40)


def test_deep_nesting_is_refused_not_followed() -> None:
    data = b"<MicroscopeImage>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</MicroscopeImage>"
    assert codes(one(data)) == ["damaged"]


def test_tomo5_session_also_where_it_breaks_off() -> None:
    text = (
        '<?xml version="1.0"?>\n<TomographySession xmlns="Applications.Tomography.Version.2">\n'
        "  <DMPSession><Name>not this</Name></DMPSession>\n"
        "  <DoseFractionsFormat>MrcGainNormalized</DoseFractionsFormat>\n"
        "  <Mode>Eftem</Mode>\n  <Name>lamella 3</Name>\n  <SpecimenType>Slab</SpecimenType>\n"
        "</TomographySession>"
    )
    (whole,) = tomo5.read_tomo5(Path("Session.dm"), data=text.encode())
    assert whole.values["session_name"] == "lamella 3"
    assert whole.values["output_format"] == "MrcGainNormalized"
    assert whole.extra["Mode"] == "Eftem"
    cut = text[: text.index("<SpecimenType>") + 16]
    (part,) = epu.read_epu(Path("Session.dm"), data=cut.encode())
    assert (part.source, part.kind) == ("tomo5", "session")
    assert codes(part) == ["truncated"]
    assert part.values["session_name"] == "lamella 3"
    assert "SpecimenType" not in part.extra
    (none,) = tomo5.read_tomo5(Path("Session.dm"), data=b"")
    assert codes(none) == ["empty"]


@pytest.mark.parametrize("reader", [epu, tomo5])
def test_readers_give_what_they_say_they_supply(reader) -> None:
    assert set(QUANTITIES) >= reader.SUPPLIES
    assert reader.SOURCE in FORMATS
    given = set()
    for text, path in (
        (image_xml(holder="x", phase_plate="true", phase_plate_name="y", counting="false"), DATA),
        (image_xml(fractionation="EquidistantFractionation", fractions=3, illumination="P"), DATA),
        (image_xml(software="Tomography"), Path("P_1[3.00].xml")),
        (fractions_xml(), Path("x_Fractions.xml")),
        (session_xml(), Path("EpuSession.dm")),
    ):
        given |= set(one(text, path).values)
    assert given <= epu.SUPPLIES | tomo5.SUPPLIES | {"defocus_planned_min"}
    unread = reader.SUPPLIES - given - {"beam_convergence", "frames_planned", "beam_tilt_x"}
    assert unread <= {"beam_tilt_y", "image_shift_x", "image_shift_y"}


def test_texts_are_of_a_length_and_form_that_a_person_reads() -> None:
    text = image_xml(detector="Falcon\n 4i", holder="x" * 100_000, source="a\u202eb")
    values = one(text).values
    assert values["detector"] == "Falcon 4i"
    assert len(values["holder"]) == 400
    assert "\u202e" not in values["electron_source"]
