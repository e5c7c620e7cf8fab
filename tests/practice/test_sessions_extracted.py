"""What is extracted from practice sessions against their truth, whole and with planted faults."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import oscem
from openem_nb.practice.sessions import INSTRUMENT, KINDS, write_session

if TYPE_CHECKING:
    from openem_nb.practice.sessions import SessionTruth


def agree(document: dict[str, Any], truth: SessionTruth) -> None:
    """Assert that a document says what is true, and nothing of what no file says."""
    wrong = {}
    for path, expected in truth.values.items():
        found = oscem.get_at(document, path)
        if isinstance(expected, tuple):
            value, unit = expected
            same = found is not None and (found["value"], found["unit"]) == (
                pytest.approx(value, rel=1e-9),
                unit,
            )
        elif path == "acquisition.date_time" and found is not None:
            # a file without a zone has local time, which for these is that of Zurich
            moment = datetime.fromisoformat(found)
            zone = datetime.fromisoformat(expected).tzinfo and moment.tzinfo
            same = moment.replace(tzinfo=zone) == datetime.fromisoformat(expected)
        else:
            same = found == expected
        if not same:
            wrong[path] = (found, expected)
    assert not wrong
    for path in truth.absent:
        assert oscem.get_at(document, path) is None, path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2, 7])
def test_a_session_is_read_as_it_is(tmp_path, kind, seed) -> None:
    truth = write_session(tmp_path / "a", kind=kind, images=30, seed=seed)
    found = oscem.extract(tmp_path / "a", time_zone="Europe/Zurich")
    assert found.technique == truth.technique
    agree(found.document, truth)
    assert not [one for one in found.findings if one.level == "error"]


@pytest.mark.parametrize("kind", KINDS)
def test_empty_files_are_told_and_counted_out(tmp_path, kind) -> None:
    truth = write_session(tmp_path / "a", kind=kind, images=50, faults=["empty"])
    found = oscem.extract(tmp_path / "a", time_zone="Europe/Zurich")
    agree(found.document, truth)
    told = {file for one in found.findings for file in one.files}
    assert set(truth.faults["empty"]) <= told


def test_a_truncated_file_is_told_and_counted_out(tmp_path) -> None:
    truth = write_session(tmp_path / "a", images=20, faults=["truncated", "empty"])
    found = oscem.extract(tmp_path / "a")
    agree(found.document, truth)
    told = {file for one in found.findings for file in one.files}
    assert {*truth.faults["truncated"], *truth.faults["empty"]} <= told


def test_a_dose_that_was_not_counted_is_not_published(tmp_path) -> None:
    truth = write_session(tmp_path / "a", images=20, faults=["linear"])
    found = oscem.extract(tmp_path / "a")
    agree(found.document, truth)
    assert any("dose" in one.message.lower() for one in found.findings)


def test_mixed_magnifications_are_told(tmp_path) -> None:
    truth = write_session(tmp_path / "a", images=20, faults=["magnifications"])
    found = oscem.extract(tmp_path / "a")
    agree(found.document, truth)
    assert oscem.get_at(found.document, "acquisition.nominal_magnification") is None
    assert oscem.get_at(found.document, "acquisition.pixel_size") is None
    assert any("magnification" in one.message.lower() for one in found.findings)
    assert "acquisition.pixel_size" in {one.path.removesuffix(".value") for one in found.missing}


def test_two_sessions_in_one_folder_are_told(tmp_path) -> None:
    truth = write_session(tmp_path / "a", images=20, faults=["two sessions"])
    found = oscem.extract(tmp_path / "a")
    agree(found.document, truth)
    assert any("session" in one.code or "serial" in one.code for one in found.findings), [
        one.code for one in found.findings
    ]


@pytest.mark.parametrize("kind", ["epu", "serialem", "serialem-spa"])
def test_what_the_files_do_not_say_comes_from_the_file_of_the_microscope(tmp_path, kind) -> None:
    truth = write_session(tmp_path / "a", kind=kind, images=20)
    found = oscem.extract(tmp_path / "a", instruments=tmp_path / "a" / INSTRUMENT)
    assert found.problems == ()
    assert oscem.get_at(found.document, "instrument.cs")["value"] == 2.7
    assert oscem.get_at(found.document, "instrument.microscope.model") == "Titan Krios G4"
    assert found.provenance["instrument.cs"].source == "instrument file"
    known = {path: value for path, value in truth.values.items() if "microscope.model" not in path}
    for path, value in known.items():
        if path.startswith("acquisition.") and not isinstance(value, tuple | str):
            assert oscem.get_at(found.document, path) == value
