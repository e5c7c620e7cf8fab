"""Stacks of tilts are known by their angles, wherever these stand, whatever the file is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest
from image_files import write_mrc
from mrcfile.dtypes import get_ext_header_dtype

from openem_nb import MicrographView, images
from openem_nb.mining import mine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ANGLES = (-40.0, -20.0, 0.0, 20.0, 40.0)


def levels() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return sections that tell themselves by their level; their mean is 70."""
    return np.stack([np.full((64, 64), level, np.float32) for level in (10, 20, 30, 90, 200)])


def with_mdoc(folder: Path, angles: Sequence[float] = ANGLES) -> Path:
    """Write a stack as SerialEM may name it, its angles in the mdoc file alone."""
    path = write_mrc(folder / "TS_01.mrc", levels())
    text = "".join(f"[ZValue = {z}]\nTiltAngle = {one}\n\n" for z, one in enumerate(angles))
    path.with_name("TS_01.mrc.mdoc").write_text("PixelSpacing = 2.0\n\n" + text)
    return path


def with_fei(kind: str, order: str, folder: Path, angles: Sequence[float] = ANGLES) -> Path:
    """Write a stack with a record of Tomography for each section."""
    path = write_mrc(folder / "Position_1.mrc", levels())
    records = np.zeros(len(angles), get_ext_header_dtype(kind.encode(), order))
    records["HT"], records["Alpha tilt"] = 3e5, angles
    with mrcfile.open(path, "r+") as file:
        file.set_extended_header(np.frombuffer(records.tobytes(), "V1"))
        file.header.exttyp = kind.encode()
    return path


@pytest.mark.parametrize("where", ["mdoc", "FEI1<", "FEI1>", "FEI2<"])
def test_opener_viewer_gallery_and_mining_agree(tmp_path: Path, where: str) -> None:
    path = with_mdoc(tmp_path) if where == "mdoc" else with_fei(where[:4], where[4:], tmp_path)
    found = images.open_image(path)
    assert found.tilts == ANGLES
    assert found.axes == ("tilt", "y", "x")
    assert not found.is_movie
    assert "5 tilts" in found.caption
    assert (found.thumbnail(32) == 30).all()
    view = MicrographView(path)
    assert view.canvas.about["noun"] == "Tilt"
    assert view.canvas.settings["frame"] == 2
    view.close()
    mined = mine(path, measures=["statistics", "ctf"], voltage=300, cs=2.7, out=tmp_path / "out")
    assert mined.frame["mean"].item() == 30
    assert "are not fitted" in mined.frame["left_out"].item()


@pytest.mark.parametrize("angles", [(1.0, 1.01, 0.99, 1.0, 1.02), (0, 10, 20, 30, 400), ANGLES[:3]])
def test_records_that_are_no_series_leave_a_movie(tmp_path: Path, angles: Sequence[float]) -> None:
    found = images.open_image(with_fei("FEI1", "<", tmp_path, angles))
    assert found.tilts == ()
    assert found.is_movie


def test_angles_of_fewer_sections_are_those_of_another_stack(tmp_path: Path) -> None:
    assert images.open_image(with_mdoc(tmp_path, ANGLES[:4])).is_movie
