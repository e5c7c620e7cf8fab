"""What is wrong or doubtful with a document, in words; files in and out."""

from __future__ import annotations

import json
import math
import stat
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from _documents import ANY, small
from hypothesis import given
from hypothesis import strategies as st

from openem_nb import oscem
from openem_nb.errors import InvalidInput, InvalidMetadata, NotFound
from openem_nb.oscem.document import set_at

if TYPE_CHECKING:
    from pathlib import Path


def wrong(document: Any, technique: str | None = None) -> dict[str, str]:
    return {one.path: one.message for one in oscem.validate(document, technique=technique)}


def spoilt(path: str, value: Any, technique: str = "spa") -> dict[str, Any]:
    document = small(technique)
    set_at(document, path, value)
    return document


@pytest.mark.parametrize(
    ("path", "value", "told", "message"),
    [
        (
            *("acquisition.pixel_size", {"value": 0.8}, "acquisition.pixel_size.unit"),
            "is missing: a text such as Å.",
        ),
        (
            *("acquisition.pixel_size.value", "0.8", ""),
            'is the text "0.8"; expected a number, in Å or as its unit says.',
        ),
        (
            *("acquisition.pixelSize", 1, ""),
            "is not a field of OSC-EM; did you mean pixel_size?",
        ),
        (
            *("acquisition.detector", "K3", ""),
            "is not a field of OSC-EM; did you mean detectors?",
        ),
        (
            *("instrument.microscope.colour", "blue", ""),
            "is not a field of OSC-EM; instrument.microscope has manufacturer, model.",
        ),
        (
            *("acquisition.detectors[0].name", 4, ""),
            "is the number 4; expected a text.",
        ),
        (
            *("acquisition.date_time", "2024-08-31T20:03:13", ""),
            (
                'is the text "2024-08-31T20:03:13": the time zone is missing: '
                "Z for UTC, or an offset such as +02:00."
            ),
        ),
        (
            *("acquisition.date_time", "31.8.2024", ""),
            'is the text "31.8.2024": a day is written as year-month-day, such as 2024-08-31.',
        ),
        (
            *("acquisition.date_time", "2024-02-30T20:03:13Z", ""),
            'is the text "2024-02-30T20:03:13Z": there is no such day in the calendar.',
        ),
        (
            *("acquisition.date_time", "2024-08-31 20:03:13Z", ""),
            'is the text "2024-08-31 20:03:13Z": a T stands between day and time.',
        ),
        (
            *("sample.overall_molecule", {"assembly": None}, "sample.overall_molecule.assembly"),
            (
                "is null, which may not stand there: "
                'one of "FILAMENT", "HELICAL ARRAY", "PARTICLE", or leave it out.'
            ),
        ),
        (
            *("acquisition.technique", "subtomo", ""),
            'is the text "subtomo"; expected "spa".',
        ),
        (
            *("acquisition.detectors", "K3", ""),
            (
                'is the text "K3"; expected a list of objects with any of collection_angle, '
                "dispersion, mode, name."
            ),
        ),
        (
            *("acquisition.dose_per_movie", 40, ""),
            'is the number 40; expected a number with its unit, {"value": ..., "unit": "1/Å^2"}.',
        ),
        (
            *("acquisition.exposure_time.value", math.nan, ""),
            "is the number nan, which JSON does not know; leave it out.",
        ),
        (
            *("acquisition.holder", {"model"}, ""),
            "is a value of the Python type set, which JSON does not know; leave it out.",
        ),
    ],
)
def test_problems_are_told_in_words(path: str, value: Any, told: str, message: str) -> None:
    found = wrong(spoilt(path, value), "spa")
    assert found[told or path] == f"{told or path} {message}"


def test_what_is_missing_at_the_root_may_be_misspelt() -> None:
    document = small()
    document["aquisition"] = document.pop("acquisition")
    found = wrong(document, "spa")
    assert found["acquisition"].startswith("acquisition is missing (aquisition is nearly so): ")


@pytest.mark.parametrize("document", [None, [], "text", 3, ()])
def test_what_is_no_object_is_told(document: object) -> None:
    (problem,) = oscem.validate(document)
    assert problem.path == ""
    assert "expected an object with acquisition and instrument" in problem.message
    assert oscem.technique_of(document) == "general"
    assert oscem.doubts(document) == ()


def test_a_document_deeper_than_any_is_told_and_not_walked() -> None:
    document: dict[str, Any] = small()
    here = document["extra"] = {}
    for _ in range(5000):
        here["more"] = here = {}  # type: ignore[assignment]
    here["loop"] = document
    (problem,) = oscem.validate(document)
    assert problem.path == "extra.more.more"
    assert "deeper than 100 levels" in problem.message


def test_a_key_that_is_no_text_is_told() -> None:
    document: dict[Any, Any] = small()
    document["acquisition"][1] = 2
    assert "key that is no text: 1" in wrong(document)["acquisition"]


def test_half_a_character_is_told() -> None:
    found = wrong(spoilt("acquisition.holder", "\ud800"))
    assert "half a character" in found["acquisition.holder"]


@given(st.recursive(ANY, lambda below: st.lists(below) | st.dictionaries(st.text(), below)))
def test_any_value_at_all_is_judged(value: object) -> None:
    for technique in oscem.TECHNIQUES:
        for problem in oscem.validate({"acquisition": value, "sample": value}, technique=technique):
            assert problem.message.endswith((".", "?"))
            assert len(problem.message) < 700
    oscem.doubts({"acquisition": value, "sample": {"specimen": value}})


def test_an_endless_name_makes_no_endless_sentence() -> None:
    document = small()
    document["acquisition"]["x" * 10_000] = "y" * 10_000
    (problem,) = oscem.validate(document)
    assert len(problem.message) < 500


def test_a_list_of_millions_of_problems_is_cut() -> None:
    document = spoilt("acquisition.detectors", [1] * 5000)
    assert len(oscem.validate(document)) == 1000


@pytest.mark.parametrize(
    ("document", "technique"),
    [
        (small("cellular_tomo"), "cellular_tomo"),
        ({"acquisition": {"technique": "spa", "tilt_angle": {}}}, "spa"),
        ({"acquisition": {"tilt_axis_angle": 3}}, "subtomo"),
        ({"acquisition": {"technique": "tomo", "tilt_angle": {}}}, "subtomo"),
        ({"sample": {"specimen_env": {}}}, "env_tomo"),
        ({"sample": {"specimen_env": {}, "growth_condition": {}}}, "cellular_tomo"),
        ({"processing": {}}, "spa"),
        ({"sample": {"overall_molecule": {}}}, "spa"),
        ({"acquisition": []}, "general"),
        ({}, "general"),
    ],
)
def test_the_technique_is_known_by_the_document(document: dict[str, Any], technique: str) -> None:
    assert oscem.technique_of(document) == technique


def test_check_raises_with_the_first_problems() -> None:
    oscem.check(small())
    with pytest.raises(InvalidMetadata, match="binning_camera is missing") as caught:
        oscem.check({"acquisition": {}, "instrument": {}}, technique="spa")
    assert len(caught.value.problems) == 10
    assert "- and 5 more" in str(caught.value)
    assert "10 problems" in str(caught.value)


# -- doubts ---------------------------------------------------------------------------------------


def doubted(path: str, value: Any, technique: str = "spa") -> list[tuple[str, str]]:
    document = spoilt(path, value, technique)
    assert oscem.validate(document) == ()
    return [(one.path, one.message) for one in oscem.doubts(document)]


@pytest.mark.parametrize("technique", oscem.TECHNIQUES)
def test_a_plausible_document_raises_no_doubt(technique: str) -> None:
    assert oscem.doubts(small(technique)) == ()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("acquisition.dose_per_movie", {"value": 1310, "unit": "1/Å^2"}, "linear mode"),
        ("acquisition.dose_per_movie", {"value": 24100, "unit": "1/nm^2"}, "linear mode"),
        ("acquisition.dose_per_movie", {"value": 0, "unit": "e/Å²"}, "larger than zero"),
        ("acquisition.dose_per_movie", {"value": 4.3, "unit": "e/px"}, "dose per pixel"),
        ("acquisition.pixel_size", {"value": -0.4, "unit": "Å"}, "larger than zero"),
        ("acquisition.pixel_size", {"value": 0.4, "unit": "furlong"}, "no known unit"),
        ("acquisition.pixel_size", {"value": 0.4, "unit": "kV"}, "measures voltage"),
        ("acquisition.nominal_defocus.maximal", {"value": 1.0, "unit": "um"}, "negative"),
        ("instrument.acceleration_voltage", {"value": 300000, "unit": "kV"}, "10 to 1500 kV"),
        ("instrument.acceleration_voltage", {"value": 300, "unit": "V"}, "10 to 1500 kV"),
        ("instrument.acceleration_voltage", {"value": 1e308, "unit": "MV"}, "10 to 1500 kV"),
        ("instrument.cs", {"value": 0, "unit": "mm"}, "larger than zero"),
        ("instrument.cs", {"value": 2700, "unit": "mm"}, "a few millimetres"),
        (
            "instrument.c2_aperture",
            {"value": 70, "unit": "um", "valueSI": 7e-8, "unitSI": "m"},
            "valueSI is 7e-08 m, but 70 um are 7e-05 m",
        ),
        (
            "instrument.c2_aperture",
            {"value": 70, "unit": "um", "valueSI": 7e-5, "unitSI": "V"},
            "the SI unit is m",
        ),
        ("instrument.c2_aperture", {"value": 70, "unit": "um", "valueSI": 7e-5}, "other half"),
        ("acquisition.frames_per_movie", 0, "larger than zero"),
        ("acquisition.gainref_flip_rotate", " ", "says nothing"),
        ("acquisition.date_time", "1899-12-30T00:00:00Z", "digital cameras"),
        ("sample", {"overall_molecule": {"name_sample": "a", "source": "b"},
                    "specimen": {"ph": 74}}, "between 0 and 14"),
    ],
)  # fmt: skip
def test_what_is_hard_to_believe_is_told(path: str, value: Any, words: str) -> None:
    found = doubted(path, value)
    assert len(found) >= 1
    assert words in found[0][1]
    assert found[0][0].startswith(path)


def test_a_right_si_pair_raises_no_doubt() -> None:
    pair = {"value": 300, "unit": "kV", "valueSI": 300000, "unitSI": "V"}
    assert doubted("instrument.acceleration_voltage", pair) == []
    pair["unitSI"] = "kgm^2s^-3/A"
    assert doubted("instrument.acceleration_voltage", pair) == []
    pair |= {"unitSI": "kV", "valueSI": 300}
    assert doubted("instrument.acceleration_voltage", pair) == []


def test_a_range_that_runs_backwards_is_told() -> None:
    found = doubted("acquisition.nominal_defocus.minimal", {"value": -0.5, "unit": "µm"})
    assert [path for path, _ in found] == ["acquisition.nominal_defocus"]
    assert "-0.5 µm and -1000 nm" in found[0][1]
    box = {"x_min": {"value": 2, "unit": "um"}, "x_max": {"value": 1, "unit": "um"}}
    assert doubted("acquisition.imageshift", box)[0][0] == "acquisition.imageshift"


def test_beam_shift_may_be_an_angle_or_a_length() -> None:
    for unit in ("um", "mrad"):
        assert doubted("acquisition.beamshift", {"x_max": {"value": 0.2, "unit": unit}}) == []


def test_the_published_example_has_a_wrong_si_value(samples: Path) -> None:
    file = samples / "oscem_json" / "schema_examples" / "example_valid_subtomo.json"
    found = {one.path: one for one in oscem.doubts(oscem.read(file))}
    assert "70 um are 7e-05 m" in found["instrument.c2_aperture.valueSI"].message


def test_members_of_ones_own_are_not_judged() -> None:
    assert doubted("note", "") == []


# -- a second opinion -----------------------------------------------------------------------------


def test_a_schema_file_is_asked_as_well(tmp_path: Path) -> None:
    schema = tmp_path / "stricter.schema.json"
    schema.write_text(
        json.dumps({"properties": {"acquisition": {"required": ["holder"]}}, "type": "object"})
    )
    assert oscem.validate(small()) == ()
    (problem,) = oscem.validate(small(), schema=schema)
    assert problem.path == "acquisition"
    assert "'holder' is a required property" in problem.message
    assert "stricter.schema.json" in problem.message


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"type": 7}', '{"$ref": "http://127.0.0.1:9/schema.json"}', "Ø"]
)
def test_a_file_that_is_no_schema_is_refused(tmp_path: Path, content: str) -> None:
    schema = tmp_path / "schema.json"
    schema.write_bytes(content.encode("utf-16" if content == "Ø" else "utf-8"))
    with pytest.raises(InvalidInput, match=r"schema\.json"):
        oscem.validate(small(), schema=schema)


def test_a_schema_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        oscem.validate(small(), schema=tmp_path / "none.json")


# -- files ----------------------------------------------------------------------------------------


def test_a_document_comes_back_from_its_file(tmp_path: Path) -> None:
    document = small()
    oscem.write(document, tmp_path / "session.json")
    assert oscem.read(tmp_path / "session.json") == document
    assert "Å" in (tmp_path / "session.json").read_text("utf-8")
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(document).encode())
    assert oscem.read(str(tmp_path / "marked.json")) == document


def test_what_is_not_valid_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "session.json").write_text("older")
    with pytest.raises(InvalidMetadata, match="not valid OSC-EM"):
        oscem.write({}, tmp_path / "session.json")
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["session.json"]
    assert (tmp_path / "session.json").read_text() == "older"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b'{"a": 1', "line 1, column 8"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b'{"a": {"b": 1, "b": 2}}', "the key 'b' stands twice"),
        (b"[1]", "holds no object"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        (b'{"a": ' + b"[" * 100_000, "nested far too deeply"),
        (b'{"a": ' + b"1" * 5000 + b"}", "cannot be used"),
        (b"acquisition:\n  technique: spa\n", "is no JSON file"),
    ],
)
def test_what_is_no_document_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "session.json"
    file.write_bytes(content)
    with pytest.raises(InvalidMetadata, match="session") as caught:
        oscem.read(file)
    assert message in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        oscem.read(tmp_path / "none.json")
    with pytest.raises(InvalidMetadata, match="cannot be read"):
        oscem.read(tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as stream:
        stream.truncate(200_000_000)
    with pytest.raises(InvalidMetadata, match="too large"):
        oscem.read(file)
    assert stat.S_ISREG(file.stat().st_mode)


# -- files of any content -------------------------------------------------------------------------


def mutated(content: bytes, random: Random) -> bytes:
    """Return a file with some bytes changed, cut out, doubled or exchanged for others of JSON."""
    made = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at = random.randrange(len(made) + 1)
        to = min(len(made), at + random.randint(0, 12))
        match random.randrange(9):
            case 0:
                made[at:to] = random.randbytes(random.randint(0, 4))
            case 1:
                del made[at:to]
            case 2:
                made[at:at] = made[at:to] * random.randint(1, 40)
            case 3:
                made[at:to] = random.choice(_PIECES)
            case 4:
                del made[at:]
            case _:  # most often what leaves it JSON
                made[at : at + 1] = random.choice((b"0", b"9", b"x", b"e", b" ", b"-", b"1e7"))
        if not made:
            return b""
    return bytes(made)


_PIECES = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"null",
    b"1e999",
    b"-0.0",
    b"\\ud800",
    b"true",
)
_PIECES += (b'{"value": 1e308, "unit": "MV", "valueSI": 1, "unitSI": "kg"}', b"[" * 90, b'"unit"')


def read_any(folder: Path, count: int, seed: int) -> int:
    """Read, judge and upgrade files of any content; return how many could be read."""
    random = Random(seed)
    full = small("subtomo") | {"sample": {"specimen": {"ph": 7}, "molecule": [{"name_mol": "a"}]}}
    seeds = [json.dumps(one).encode() for one in (small(), full)]
    usable = 0
    for _ in range(count):
        file = folder / "any.json"
        file.write_bytes(mutated(random.choice(seeds), random))
        try:
            document = oscem.read(file)
            done = oscem.upgrade(document)
            oscem.doubts(done.document)
            oscem.validate(done.document)
        except (InvalidMetadata, InvalidInput):  # no JSON, or far too deep
            continue
        usable += 1
        assert not oscem.diff(done.document, oscem.upgrade(done.document).document)
    return usable


def test_files_of_any_content_are_read_or_told(tmp_path: Path) -> None:
    assert 30 < read_any(tmp_path, 300, 1) < 300


@pytest.mark.nightly
def test_many_files_of_any_content_are_read_or_told(tmp_path: Path) -> None:
    assert 1000 < read_any(tmp_path, 10_000, 2) < 10_000
