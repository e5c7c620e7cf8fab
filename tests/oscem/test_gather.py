"""Tallies of many readings, findings with bounded lists, and how files are found."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from openem_nb.errors import InvalidInput, NotFound
from openem_nb.oscem._gather import Findings, Gathered, Tally, Times, longest_pause
from openem_nb.oscem.readers import FORMATS, Finding, Reading, find, read, supplies


def tally(*values) -> Tally:
    found = Tally("first.xml", "tag", "")
    for value in values:
        found.add(value)
    return found


def test_a_tally_knows_count_range_mean_and_values() -> None:
    found = tally(2.0, 2.0, 5.0, 2.0, -1.0)
    assert found.count == 5
    assert (found.low, found.high) == (-1.0, 5.0)
    assert found.mean == pytest.approx(2.0)
    assert list(found.values.items()) == [(2.0, 3), (-1.0, 1), (5.0, 1)]
    assert not found.many


def test_a_tally_keeps_fifty_different_values_and_counts_all() -> None:
    found = tally(*range(1, 2001))
    assert found.count == 2000
    assert len(found.values) == 50
    assert found.many
    assert (found.low, found.high) == (1, 2000)
    assert found.mean == pytest.approx(1000.5)


def test_texts_have_no_range() -> None:
    found = tally("a", "b", "a")
    assert found.low is None
    assert found.values == {"a": 2, "b": 1}


def test_times_know_the_earliest_by_the_moment_not_by_the_text() -> None:
    times = Times()
    times.add("2025-03-30T03:10:00+02:00", "b")
    times.add("2025-03-30T01:50:00.1234567+01:00", "a")
    times.add("2025-03-30T04:00:00Z", "c")
    times.add("yesterday", "d")
    assert times.earliest[True][1] == "2025-03-30T01:50:00.1234567+01:00"
    assert times.file[True] == "a"
    assert times.latest[True][1] == "2025-03-30T04:00:00Z"
    assert (times.count, times.odd) == (3, 1)
    assert longest_pause(times.hours) == timedelta(hours=3)
    assert longest_pause(()) == timedelta()


def test_findings_are_merged_with_some_of_their_files() -> None:
    findings = Findings()
    for number in range(100):
        findings.add(Finding("empty", "Empty.", level="info"), f"{number}.xml")
    findings.add(Finding("unreadable", "No.", level="error"), "x")
    first, second = findings.all()
    assert first.code == "unreadable"
    assert (second.count, len(second.files)) == (100, 20)


def test_messages_of_findings_are_bounded() -> None:
    findings = Findings()
    for number in range(5000):
        findings.add(Finding("odd", f"Message {number}."), "x")
    found = findings.all()
    assert len(found) <= 201
    assert sum(one.count for one in found) == 5000


def test_readings_of_overviews_are_counted_and_say_nothing() -> None:
    gathered = Gathered()
    values = {"magnification": 580}
    gathered.add((Reading("epu", "overview", values, {"magnification": "M"}),), "a.xml")
    group = gathered.groups["epu", "overview"]
    assert (group.count, group.tallies) == (1, {})


def test_not_a_number_and_unknown_names_are_passed_over() -> None:
    gathered = Gathered()
    values = {"dose": float("nan"), "invented": 3, "exposure": 1.0}
    gathered.add((Reading("epu", "image", values, {}),), "a.xml")
    tallies = gathered.groups["epu", "image"].tallies
    assert "invented" not in tallies
    assert tallies["dose"].count == 0
    assert tallies["exposure"].count == 1


def test_movies_are_known_by_the_names_of_their_images() -> None:
    gathered = Gathered()
    gathered.add((Reading("epu", "image", {"movie": "FoilHole_1_Data_2"}, {}),), "a.xml")
    gathered.add((Reading("serialem", "tilt", {"movie": "TS_1_000.tif"}, {}),), "b.mdoc")
    assert gathered.is_movie("x/FoilHole_1_Data_2_Fractions.mrc")
    assert gathered.is_movie("x/FoilHole_1_Data_2_EER.eer")
    assert gathered.is_movie("x/FoilHole_1_Data_2.tiff")
    assert not gathered.is_movie("x/FoilHole_1_Data_2.mrc")  # an average of its frames
    assert gathered.is_movie("frames/TS_1_000.tif")
    assert not gathered.is_movie("rec/TS_1_bin4.rec")


def names(folder, **options) -> list[str]:
    return [found.name for found in find(folder, **options)]


def test_files_are_found_in_the_order_of_their_names(tmp_path) -> None:
    for name in ("b/2.XML", "b/1.xml", "a/x.mdoc", "z.eer", "c.jpg", ".hidden.xml", ".git/a.xml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    others: list[str] = []
    assert names(tmp_path, others=others.append) == ["z.eer", "a/x.mdoc", "b/1.xml", "b/2.XML"]
    assert others == [".jpg"]


def test_links_are_told_and_not_followed(tmp_path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "session"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret.xml").write_text("<a/>")
    (inside / "own.xml").write_text("<a/>")
    (inside / "link.xml").symlink_to(outside / "secret.xml")
    (inside / "again.xml").symlink_to(inside / "own.xml")
    (inside / "loop").symlink_to(inside)
    found = {one.name: one.problem for one in find(inside)}
    assert found == {"own.xml": "", "link.xml": "link", "again.xml": "link", "loop": "link"}


def test_a_link_to_a_folder_is_told(tmp_path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "session").mkdir()
    (tmp_path / "session" / "Data").symlink_to(tmp_path / "other")
    assert [(one.name, one.problem) for one in find(tmp_path / "session")] == [("Data", "link")]


def test_what_is_no_regular_file_is_left_alone(tmp_path) -> None:
    # reading from it would wait for ever
    os.mkfifo(tmp_path / "waits.xml")
    assert names(tmp_path) == []


def test_folders_are_not_looked_into_without_end(tmp_path) -> None:
    here = tmp_path
    for _ in range(40):
        here = here / "d"
        here.mkdir()
    (here / "a.xml").write_text("x")
    assert [one.problem for one in find(tmp_path)] == ["deep"]


def test_a_folder_that_cannot_be_opened_is_told(tmp_path, monkeypatch) -> None:
    (tmp_path / "closed").mkdir()
    opened = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return opened(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert [(one.name, one.problem) for one in find(tmp_path)] == [("closed/", "unreadable")]


def test_a_bad_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(NotFound, match="no folder"):
        list(find(tmp_path / "none"))
    (tmp_path / "a.xml").write_text("x")
    with pytest.raises(InvalidInput, match="is a file"):
        list(find(tmp_path / "a.xml"))


def test_settings_of_serialem_are_told_from_other_texts(tmp_path) -> None:
    (tmp_path / "SerialEMproperties.txt").write_text("SphericalAberration 2.7\n")
    (tmp_path / "notes.txt").write_text("SphericalAberration 0.1\n")
    (found,) = find(tmp_path)
    (reading,) = read(found)
    assert (reading.kind, reading.values["cs"]) == ("session", 2.7)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_reader_that_says_what_it_supplies(name, tmp_path) -> None:
    from openem_nb.oscem.readers import QUANTITIES

    assert supplies(name)
    assert supplies(name) <= set(QUANTITIES)
    path = tmp_path / f"empty{FORMATS[name].endings[0]}"
    path.touch()
    (found,) = find(tmp_path)
    readings = read(found)
    assert [finding.code for one in readings for finding in one.findings] == ["empty"]
    assert not any(one.values for one in readings)


def test_an_unknown_format_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="no format"):
        supplies("raw")
