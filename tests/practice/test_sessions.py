"""Practice sessions against an independent reading of their files, and their planted faults."""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from datetime import datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import h5py
import pytest

from openem_nb.errors import CannotWrite, InvalidInput
from openem_nb.practice.sessions import KINDS, write_session

if TYPE_CHECKING:
    from pathlib import Path

IMAGES = "Images-Disc1/GridSquare_*/Data/FoilHole_*_Data_*[0-9].xml"


def content(folder: Path) -> dict[str, str]:
    """Return a digest of each file by its name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def local(path: Path) -> dict[str, list[str]]:
    """Return the texts of an XML file by local name, and of pairs by their key."""
    found: dict[str, list[str]] = {}
    root = ElementTree.fromstring(path.read_bytes())
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        if name == "KeyValueOfstringanyType":
            key, value = element
            name, element = f"[{key.text}]", value
        if element.text:
            found.setdefault(name, []).append(element.text)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_writes_the_same_files_and_another_one_others(tmp_path, kind) -> None:
    truth = write_session(tmp_path / "a", kind=kind, images=12, seed=4)
    assert write_session(tmp_path / "b", kind=kind, images=12, seed=4).values == truth.values
    write_session(tmp_path / "c", kind=kind, images=12, seed=5)
    first, again, other = (content(tmp_path / name) for name in "abc")
    assert first == again
    beside = {first["PRACTICE.txt"], first["instrument.toml"]}
    assert set(first.values()) & set(other.values()) == beside


@pytest.mark.parametrize("kind", KINDS)
def test_every_session_says_that_it_is_practice(tmp_path, kind) -> None:
    truth = write_session(tmp_path / "a", kind=kind, images=3)
    assert truth.name.startswith("practice")
    assert re.fullmatch(r"PRACTICE-\d{4}", truth.serial)
    assert "No microscope took it" in (tmp_path / "a" / "PRACTICE.txt").read_text()
    written = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(written) == truth.files + 2
    assert sum(b"practice" in path.read_bytes().lower() for path in written) >= truth.files / 2


def test_the_xml_of_epu_holds_the_truth(tmp_path) -> None:
    truth = write_session(tmp_path / "a", images=30, seed=2)
    texts = [local(path) for path in sorted((tmp_path / "a").glob(IMAGES))]
    assert len(texts) == truth.images == truth.values["acquisition.images_generated"] == 30
    doses = [float(text["[Dose]"][0]) * 1e-20 for text in texts]
    assert truth.values["acquisition.dose_per_movie"] == (
        pytest.approx(statistics.fmean(doses), rel=1e-12),
        "1/Å^2",
    )
    pixel = {float(text["numericValue"][2]) * 1e10 for text in texts}
    assert truth.values["acquisition.pixel_size"] == (pytest.approx(*pixel), "Å")
    for text, dose in zip(texts, doses, strict=True):
        per_pixel = float(text["[DoseOnCamera]"][0])
        assert per_pixel / next(iter(pixel)) ** 2 == pytest.approx(dose)
    steps = [float(text["[AppliedDefocus]"][0]) * 1e9 for text in texts]
    assert truth.values["acquisition.nominal_defocus.minimal"] == (pytest.approx(min(steps)), "nm")
    assert truth.values["acquisition.nominal_defocus.maximal"] == (pytest.approx(max(steps)), "nm")
    times = [datetime.fromisoformat(text["acquisitionDateTime"][0]) for text in texts]
    assert datetime.fromisoformat(truth.values["acquisition.date_time"]) == min(times)
    assert {text["NominalMagnification"][0] for text in texts} == {
        str(truth.values["acquisition.nominal_magnification"])
    }
    assert {text["InstrumentModel"][0] for text in texts} == {truth.serial}
    for path in sorted((tmp_path / "a").glob(IMAGES)):
        assert not path.read_bytes().startswith(b"<?xml")  # EPU writes no declaration there


def test_what_lies_beside_the_images_of_epu(tmp_path) -> None:
    truth = write_session(tmp_path / "a", images=60)
    fractions = sorted((tmp_path / "a").rglob("*_Fractions.xml"))
    assert len(fractions) == 60
    assert fractions[0].read_bytes().startswith(b"<?xml")
    root = ElementTree.fromstring(fractions[0].read_bytes())
    assert root.tag == "Acquisition"
    count = truth.values["acquisition.frames_per_movie"]
    assert root.findtext("Info/RecordedNumberOfFractions") == str(count)
    assert len(root.findall("Fractions/Fraction")) == count
    squares = sorted((tmp_path / "a").glob("Images-Disc1/*/GridSquare_*.xml"))
    holes = sorted((tmp_path / "a").glob("Images-Disc1/*/FoilHoles/FoilHole_*.xml"))
    assert len(squares) == 2
    assert len(holes) == 15
    for path in (*squares, *holes):
        text = local(path)
        assert text["NominalMagnification"][0] != str(
            truth.values["acquisition.nominal_magnification"]
        )
        assert "[Dose]" not in text
    plan = local(tmp_path / "a" / "EpuSession.dm")
    assert truth.name in plan["Name"]
    planned = [float(value) * 1e9 for value in plan["double"]]
    assert truth.values["acquisition.nominal_defocus.minimal"][0] >= min(planned) - 1e-6
    truth = write_session(tmp_path / "b", images=60, overviews=False)
    assert truth.files == 61


@pytest.mark.parametrize("kind", ["serialem", "tomo5"])
def test_tilt_series_hold_the_truth(tmp_path, kind) -> None:
    truth = write_session(tmp_path / "a", kind=kind, images=42, seed=3)
    paths = sorted((tmp_path / "a").glob("*.mdoc"))
    assert len(paths) == 2
    text = "".join(path.read_bytes().decode() for path in paths)
    assert "\r\n" in text

    def all_of(key: str) -> list[str]:
        return [value.strip() for value in re.findall(rf"^{key} = (.*?)\r$", text, re.MULTILINE)]

    angles = [float(value) for value in all_of("TiltAngle")]
    assert len(angles) == truth.images == 82
    assert truth.values["acquisition.tilt_angle.minimal"] == (min(angles), "°")
    assert truth.values["acquisition.tilt_angle.maximal"] == (max(angles), "°")
    steps = [b - a for a, b in zip(sorted(angles)[::2], sorted(angles)[2::2], strict=False)]
    assert statistics.median(steps) == pytest.approx(3.0, abs=0.01)
    form = "%d-%b-%Y  %H:%M:%S" if kind == "tomo5" else "%d-%b-%y  %H:%M:%S"
    times = [datetime.strptime(value, form) for value in all_of("DateTime")]  # noqa: DTZ007
    assert truth.values["acquisition.date_time"] == min(times).isoformat()
    if kind == "serialem":
        assert times != sorted(times)  # the sections stand by angle, not by time
    assert set(all_of("ExposureDose")) == {
        f"{truth.values['acquisition.dose_per_movie'][0]:{'.2f' if kind == 'tomo5' else ''}}"
    }


def test_both_forms_of_titles_of_tomography_occur(tmp_path) -> None:
    titles = set()
    for seed in range(8):
        write_session(tmp_path / str(seed), kind="tomo5", images=1, seed=seed)
        titles.add((tmp_path / str(seed) / "Position_1.mdoc").read_text().split("Tomography")[0])
    assert titles == {"[T = ", "T = "}


def test_movies_of_serialem_hold_the_truth(tmp_path) -> None:
    truth = write_session(tmp_path / "a", kind="serialem-spa", images=20)
    texts = [path.read_text() for path in (tmp_path / "a").rglob("*.tif.mdoc")]
    assert len(texts) == 20
    assert all(text.count("[FrameSet = 0]") == 1 for text in texts)
    targets = [float(re.search(r"TargetDefocus = (\S+)", text)[1]) * 1000 for text in texts]
    assert truth.values["acquisition.nominal_defocus.minimal"] == (min(targets), "nm")
    assert truth.values["acquisition.nominal_defocus.maximal"] == (max(targets), "nm")


def test_images_of_velox_hold_the_truth(tmp_path) -> None:
    truth = write_session(tmp_path / "a", kind="velox", images=3)
    stamps = []
    for path in sorted((tmp_path / "a").glob("*.emd")):
        with h5py.File(path) as file:
            (group,) = file["Data/Image"].values()
            text = group["Metadata"][:, 0].tobytes().rstrip(b"\0")
        metadata = json.loads(text)
        stamps.append(int(metadata["Acquisition"]["AcquisitionStartDatetime"]["DateTime"]))
        current = float(metadata["Optics"]["LastMeasuredScreenCurrent"]) * 1e9
        assert truth.values["acquisition.screen_current"] == (pytest.approx(current), "nA")
    first = datetime.fromisoformat(truth.values["acquisition.date_time"])
    assert first.timestamp() == min(stamps)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_file_is_counted_out(tmp_path, kind) -> None:
    whole = write_session(tmp_path / "a", kind=kind, images=50)
    truth = write_session(tmp_path / "b", kind=kind, images=50, faults={"empty"})
    (path,) = truth.faults["empty"]
    assert (tmp_path / "b" / path).stat().st_size == 0
    assert truth.images == whole.images - (41 if kind in ("serialem", "tomo5") else 1)
    differs = {
        name
        for name, digest in content(tmp_path / "b").items()
        if digest != content(tmp_path / "a")[name]
    }
    assert differs == {path}


def test_a_truncated_file_ends_in_the_middle(tmp_path) -> None:
    truth = write_session(tmp_path / "a", images=10, faults=["truncated", "empty"])
    (path,) = truth.faults["truncated"]
    with pytest.raises(ElementTree.ParseError):
        ElementTree.fromstring((tmp_path / "a" / path).read_bytes())
    assert truth.images == 8


def test_faults_of_a_whole_session_leave_nothing_doubtful_in_the_truth(tmp_path) -> None:
    linear = write_session(tmp_path / "a", images=10, faults=["linear"])
    text = local(tmp_path / "a" / linear.faults["linear"][0])
    assert text["[ElectronCountingEnabled]"] == ["false"]
    assert float(text["[Dose]"][0]) * 1e-20 > 200
    assert "acquisition.dose_per_movie" not in linear.values
    assert "acquisition.dose_per_movie" in linear.absent

    mixed = write_session(tmp_path / "b", images=10, faults=["magnifications"])
    seen = {
        local(path)["NominalMagnification"][0] for path in sorted((tmp_path / "b").glob(IMAGES))
    }
    assert len(seen) == 2
    assert len(mixed.faults["magnifications"]) == 2
    assert "acquisition.pixel_size" not in mixed.values

    two = write_session(tmp_path / "c", images=11, faults=["two sessions"])
    assert two.images == 11
    names = {local(tmp_path / "c" / path)["Name"][0] for path in two.faults["two sessions"]}
    assert len(names) == 2
    assert "instrument.microscope.model" not in two.values


def test_what_cannot_be_written_is_refused(tmp_path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(CannotWrite, match="holds something"):
        write_session(tmp_path)
    with pytest.raises(CannotWrite, match="holds something"):
        write_session(tmp_path / "mine.txt")
    with pytest.raises(InvalidInput, match="no kind of practice session 'leginon'"):
        write_session(tmp_path / "a", kind="leginon")
    with pytest.raises(InvalidInput, match="cannot have the fault 'linear'"):
        write_session(tmp_path / "a", kind="serialem", faults=["linear"])
    with pytest.raises(InvalidInput, match="cannot have 0 images"):
        write_session(tmp_path / "a", images=0)
    assert not (tmp_path / "a").exists()


def test_a_session_that_was_broken_off_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openem_nb.practice.sessions import _write

    def broken(folder: Path, *_: object, **__: object) -> None:
        (folder / "half").write_text("")
        raise KeyboardInterrupt

    monkeypatch.setitem(_write._WRITERS, "epu", broken)
    with pytest.raises(KeyboardInterrupt):
        write_session(tmp_path / "session")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    there = tmp_path / "there"
    there.mkdir()
    truth = write_session(there, images=2)
    assert truth.folder == there
    assert (there / "PRACTICE.txt").is_file()
    assert list(tmp_path.iterdir()) == [there]
