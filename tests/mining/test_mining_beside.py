"""What the mdoc file beside an image knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from _mined_files import write_mrc

from openem_nb import mining
from openem_nb.mining import images_of
from openem_nb.mining._beside import optics_beside

if TYPE_CHECKING:
    from pathlib import Path

SERIES = "Voltage = 300\nPixelSpacing = 2.5\n\n"


def stack(path: Path, mdoc: str, name: str = "series.st.mdoc", pixel_size: float = 0) -> Path:
    noise = np.random.default_rng(1).normal(100, 5, (3, 64, 64)).astype(np.float32)
    write_mrc(path / "series.st", noise, pixel_size)
    sections = (f"[ZValue = {i}]\nTiltAngle = {3 * i}\n\n" for i in range(3))
    (path / name).write_text(mdoc + "".join(sections))
    return path


@pytest.mark.parametrize("name", ["series.st.mdoc", "series.mdoc"])
def test_a_tilt_series_is_told_voltage_and_pixel_size(tmp_path: Path, name: str) -> None:
    mined = mining.mine(stack(tmp_path, SERIES, name), measures=["ctf"], workers=1)
    assert mined.frame["voltage"].tolist() == [300]
    assert mined.frame["pixel_size"].tolist() == [2.5]
    assert "2.5 Å is from its mdoc file" in mined.frame["notes"][0]
    assert "not known" not in mined.frame["left_out"][0]
    assert "are not fitted" in mined.frame["left_out"][0]


def test_the_header_of_a_file_and_what_is_given_count_first(tmp_path: Path) -> None:
    folder = stack(tmp_path, SERIES, pixel_size=1.25)
    with images_of(folder)[0].open() as found:
        assert (found.pixel_size, found.voltage) == (1.25, 300)
    assert images_of(folder)[0].told
    mined = mining.mine(folder, measures=["statistics"], voltage=200, workers=1)
    assert mined.frame["voltage"].tolist() == [200]


@pytest.mark.parametrize(
    ("mdoc", "expected"),
    [
        ("", (None, None)),
        ("Voltage = 0\nPixelSpacing = -1\n\n", (None, None)),
        ("Voltage = 300000\nPixelSpacing = nan\n\n", (None, None)),
        ("Voltage = high\nPixelSpacing = 2.5\n\n", (2.5, None)),
        ("[ZValue = 9]\nVoltage = 300\nPixelSpacing = 2.5\n\n", (2.5, 300)),
        ("PixelSpacing = 5\n\n[ZValue = 9]\nVoltage = 300\nPixelSpacing = 2.5\n\n", (None, 300)),
        ("[FrameSet = 0]\nVoltage = 300\nPixelSpacing = 2.5\n\n", (None, 300)),
        ("\0\xff no mdoc", (None, None)),
    ],
)
def test_only_what_is_clear_is_taken(
    tmp_path: Path, mdoc: str, expected: tuple[float | None, float | None]
) -> None:
    assert optics_beside(stack(tmp_path, mdoc) / "series.st") == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_marks_of_windows_before_the_first_line_are_no_part_of_it(
    tmp_path: Path, encoding: str
) -> None:
    stack(tmp_path, "")
    place = tmp_path / "series.st.mdoc"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    place.write_bytes(f"{mark}{SERIES}{place.read_text()}".encode(encoding))
    with images_of(tmp_path)[0].open() as found:
        assert (found.pixel_size, found.voltage) == (2.5, 300)
        assert found.tilts == (0, 3, 6)


def test_what_is_no_number_is_told(tmp_path: Path) -> None:
    stack(tmp_path, "Voltage = 300\nPixelSpacing = 1,37\n\n")
    with images_of(tmp_path)[0].open() as found:
        assert (found.pixel_size, found.voltage) == (None, 300)
        assert "PixelSpacing = 1,37 in its mdoc file is no number." in found.notes
    mined = mining.mine(tmp_path, measures=["statistics"], workers=1)
    assert "PixelSpacing = 1,37" in mined.frame["notes"][0]


def test_an_image_without_an_mdoc_file_is_told_nothing(tmp_path: Path) -> None:
    (stack(tmp_path / "other", "") / "series.st.mdoc").unlink()
    assert not images_of(tmp_path / "other")[0].told
    assert optics_beside(tmp_path / "a.mrc") == (None, None)
    (tmp_path / "a.mdoc").mkdir()
    assert optics_beside(tmp_path / "a.mrc") == (None, None)
