"""Tilt series of which each exposure is a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _header_files import FRAME_SET, tilt_series

import openem_nb as openem
from openem_nb.oscem import _gather
from openem_nb.oscem.readers.serialem import read_serialem

if TYPE_CHECKING:
    from pathlib import Path

ANGLES = [0, 3, -3, -6, 6, 9, -9, -12, 12]


def single(
    folder: Path, name: str, angle: float, number: int, *, prior: float | None = None
) -> None:
    """Write the mdoc of one movie: ``number`` counts minutes, ``prior`` is the dose before it."""
    mine = {
        "TiltAngle": f"{angle:.4f}",
        "DateTime": f"03-May-23  {13 + number // 60}:{number % 60:02}:10",
        "ExposureDose": "3",
        "SubFramePath": rf"X:\frames\{name}.tif",
    }
    if prior is not None:
        mine["PriorRecordDose"] = f"{prior:g}"
    kept = [line for line in FRAME_SET.splitlines() if line.partition(" =")[0] not in mine]
    lines = [*kept, *(f"{key} = {value}" for key, value in mine.items())]
    (folder / f"{name}.tif.mdoc").write_text("\n".join(lines) + "\n")


def codes(found) -> set[str]:
    return {one.code for one in found.findings}


def test_single_movies_at_many_tilts_are_tilt_series(tmp_path) -> None:
    """Two series that were taken in turns, as scripts for many targets do."""
    for number, angle in enumerate(ANGLES):
        for series in (1, 2):
            name = f"ts_{series:03}_{number:03}_{angle:.1f}"
            single(tmp_path, name, angle + 0.01, 2 * number + series, prior=3.0 * number)
    found = openem.extract(tmp_path, time_zone="Europe/Zurich")
    assert found.technique == "subtomo"
    acquisition = found.document["acquisition"]
    assert acquisition["images_generated"] == 18
    assert acquisition["tilt_angle"]["minimal"]["value"] == -11.99
    assert acquisition["tilt_angle"]["maximal"]["value"] == 12.01
    assert acquisition["tilt_angle"]["increment"]["value"] == 3
    assert acquisition["date_time"] == "2023-05-03T13:01:10+02:00"
    assert acquisition["dose_per_movie"]["value"] == 3
    assert {"single-tilts", "technique-taken"} <= codes(found)
    assert "set-aside" not in codes(found)
    (told,) = (one.message for one in found.findings if one.code == "tilt-series")
    assert told == "2 tilt series, 18 exposures: dose-symmetric (2)."
    tilts = found.tilts()
    assert list(tilts["series"].unique()) == ["ts_001", "ts_002"]
    assert [round(one) for one in tilts[tilts["series"] == "ts_001"]["angle"]] == ANGLES
    assert found.provenance["acquisition.tilt_angle.minimal"].tag == "TiltAngle"
    assert found.files == {"serialem": {"tilt": 18}}


def test_series_of_one_name_begin_where_the_dose_begins_again(tmp_path) -> None:
    for number in range(18):
        angle, prior = ANGLES[number % 9], 3.0 * (number % 9)
        single(tmp_path, f"grid_{number:05}_{angle:.1f}_May03_13.{number:02}", angle, number)
        single(tmp_path, f"dosed_{number:05}_{angle:.1f}_May03", angle, number, prior=prior)
    series = openem.extract(tmp_path).tilts().groupby("series").size().to_dict()
    assert series == {"dosed (1)": 9, "dosed (2)": 9, "grid (1)": 9, "grid (2)": 9}


def test_names_without_a_tilt_are_told_apart_by_their_numbers(tmp_path) -> None:
    for number, angle in enumerate(ANGLES):
        single(tmp_path, f"position_{number:04}", angle, number)
    assert set(openem.extract(tmp_path).tilts()["series"]) == {"position"}


def test_few_tilts_are_a_series_where_the_dose_rises_and_single_particles_where_not(
    tmp_path,
) -> None:
    rising, tilted = tmp_path / "rising", tmp_path / "tilted"
    rising.mkdir()
    tilted.mkdir()
    for number, angle in enumerate((0, 30, -30)):
        single(rising, f"a_{number}_{angle:.1f}", angle, number, prior=20.0 * number)
    for number in range(12):  # particles of preferred orientation, on a tilted stage
        single(tilted, f"b_{number:05}", (0, 20, 40)[number % 3], number, prior=0.0)
    assert openem.extract(rising).technique == "subtomo"
    found = openem.extract(tilted)
    assert found.technique == "spa"
    assert found.tilts().empty
    assert "single-tilts" not in codes(found)


@pytest.mark.parametrize(("technique", "tilts"), [("spa", 0), ("cellular_tomo", 2), (None, 0)])
def test_a_person_says_what_two_tilts_are(tmp_path, technique, tilts) -> None:
    for number, angle in enumerate((0, 30)):
        single(tmp_path, f"a_{number}_{angle:.1f}", angle, number)
    found = openem.extract(tmp_path, technique=technique)
    assert len(found.tilts()) == tilts
    assert found.technique == (technique or "spa")


def test_movies_beside_the_file_of_their_series_are_not_said_to_be_others(tmp_path) -> None:
    angles = [0.0, 3.0]
    text = tilt_series(angles)
    names = [f"ts_{number}_{angle:.1f}" for number, angle in enumerate(angles)]
    for name, angle in zip(names, angles, strict=True):
        single(tmp_path, name, angle, 1)
    lines = iter(names)
    kept = [
        f"SubFramePath = X:\\{next(lines)}.tif" if line.startswith("SubFramePath") else line
        for line in text.splitlines()
    ]
    (tmp_path / "ts.mrc.mdoc").write_text("\n".join(kept) + "\n")
    found = openem.extract(tmp_path)
    assert found.document["acquisition"]["images_generated"] == 2
    assert "movies-of-series" in codes(found)
    assert "set-aside" not in codes(found)


def test_exposures_of_a_long_session_that_is_not_tilted_are_not_kept(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_gather, "_SINGLES", 3)
    gathered = _gather.Gathered()
    for number in range(8):
        single(tmp_path, f"a_{number}", 0.02 * number, number)
    for path in sorted(tmp_path.iterdir()):
        gathered.add(read_serialem(path), path.name)
    assert gathered.singles == []
    assert next(iter(gathered.groups.values())).count == 8
