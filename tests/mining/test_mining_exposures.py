"""What a file is decides how it is measured: movies, tilt series, images that are no movie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gemmi
import numpy as np
import pytest
import tifffile
from _mined_files import write_mrc

from openem_nb import images
from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.mining import Mined, mine
from openem_nb.mining.store import Store
from openem_nb.practice import micrographs

if TYPE_CHECKING:
    from pathlib import Path

RANGE = (3_000.0, 50_000.0)
LEVELS = (10, 20, 30, 90, 200)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Return a movie that moves, in a file that does not know its pixel size."""
    rng = np.random.default_rng(5)
    scene = np.kron(rng.random((90, 90)), np.ones((8, 8))) * 20
    frames = [np.roll(scene, (i, 2 * i), (0, 1))[100:612, 100:612] for i in range(10)]
    path = tmp_path / "in" / "movie.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, rng.poisson(frames).astype(np.uint8), photometric="minisblack")
    return path


@pytest.mark.parametrize("pixel_size", [1.0, 2.0])
def test_motion_is_in_angstrom(movie: Path, tmp_path: Path, pixel_size: float) -> None:
    mined = mine(movie, measures=["motion"], pixel_size=pixel_size, out=tmp_path / "out")
    known = images.motion(images.open_image(movie), pixel_size=pixel_size)
    row = mined.frame.iloc[0]
    assert row["motion_total"] == pytest.approx(known.total)
    assert row["motion_total"] == pytest.approx(9 * np.hypot(1, 2) * pixel_size, rel=0.05)
    assert row["motion_early"] + row["motion_late"] == pytest.approx(known.total)


def test_motion_of_noise_is_not_reliable(movie: Path, tmp_path: Path) -> None:
    counts = np.random.default_rng(1).poisson(1, (10, 256, 256)).astype(np.uint8)
    tifffile.imwrite(movie.with_name("noise.tif"), counts, photometric="minisblack")
    mined = mine(movie.parent, measures=["motion"], pixel_size=1.0, out=tmp_path / "out")
    found = mined.frame.set_index("name")
    assert found["motion_reliable"].to_dict() == {"movie.tif": True, "noise.tif": False}
    assert not found["left_out"]["movie.tif"]
    assert "The frames have too little in common" in found["left_out"]["noise.tif"]


def test_motion_is_left_out_where_the_pixel_size_is_not_known(movie: Path, tmp_path: Path) -> None:
    row = mine(movie, measures=["motion"], out=tmp_path / "out").frame.iloc[0]
    assert np.isnan(row["motion_total"])
    assert row["left_out"].startswith("motion: The pixel size is not known")


def test_early_motion_is_told_by_the_dose_and_only_then_written_for_relion(
    movie: Path, tmp_path: Path
) -> None:
    labels = {}
    for dose in (None, 10.0):
        mined = mine(movie, measures=["motion"], pixel_size=1.0, dose=dose, out=tmp_path / "out")
        each = None if dose is None else dose / 10
        known = images.motion(images.open_image(movie), pixel_size=1.0, dose_per_frame=each)
        assert mined.frame["motion_early"].item() == pytest.approx(known.early)
        marked = mined.frame.assign(mark="good", note="")
        star = images.write_selection(tmp_path / "s.star", marked)
        labels[dose] = {
            tag.removeprefix("_rlnAccumMotion")
            for block in gemmi.cif.read(str(star))
            for item in block
            if item.loop is not None
            for tag in item.loop.tags
            if tag.startswith("_rlnAccumMotion")
        }
    assert labels == {None: {"Total"}, 10.0: {"Total", "Early", "Late"}}


def test_the_gain_reference_multiplies_movies_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    series = np.stack([np.full((64, 64), level, np.float32) for level in LEVELS])
    write_mrc(folder / "a.st", series)
    write_mrc(folder / "b_average.mrc", np.full((64, 64), 20, np.float32))
    write_mrc(folder / "c.mrcs", np.full((4, 64, 64), 10, np.int16))
    gain = write_mrc(tmp_path / "gain.mrc", np.full((64, 64), 2, np.float32))
    without = mine(folder, measures=["statistics"], out=tmp_path / "out").frame
    assert without["mean"].tolist() == [30, 20, 10]
    assert without["notes"].isna().all()
    with_gain = mine(folder, measures=["statistics"], gain=gain, out=tmp_path / "out").frame
    assert with_gain["mean"].tolist() == [30, 20, 20]
    assert ["gain reference is not applied" in (one or "") for one in with_gain["notes"]] == [
        True,
        True,
        False,
    ]


def test_the_defocus_is_looked_for_in_the_range_that_is_given(tmp_path: Path) -> None:
    truth = {"defocus_u": 60_000, "defocus_v": 60_000, "pixel_size": 2.6, "dose": 100, "seed": 3}
    image, _ = micrographs.simulate((1024, 1024), **truth)
    path = write_mrc(tmp_path / "deep.mrc", image.astype(np.float32), pixel_size=2.6)
    found = {}
    for defocus in (None, (40_000, 80_000)):
        mined = mine(
            path, measures=["ctf"], voltage=300, cs=2.7, defocus=defocus, out=tmp_path / "out"
        )
        known = images.ctf(image, pixel_size=2.6, voltage=300, cs=2.7, defocus=defocus or RANGE)
        found[defocus] = mined.frame["ctf_defocus"].item()
        assert found[defocus] == pytest.approx(known.defocus, abs=150)
        assert mined.given.get("defocus") == defocus
    assert found[40_000, 80_000] == pytest.approx(60_000, abs=500)
    assert found[None] < 51_000


def test_the_rings_of_small_pixels_are_kept_apart(tmp_path: Path) -> None:
    truth = {"defocus_u": 28_000, "defocus_v": 27_000, "angle": 30.0, "dose": 60, "seed": 3}
    image, _ = micrographs.simulate((2400, 2400), pixel_size=0.65, signal=1.4, **truth)
    # the same values with another pixel size are another defocus: only the cells matter here
    for pixel_size, cells in ((0.65, 923), (0.9, 800)):
        path = write_mrc(tmp_path / f"{cells}.mrc", image.astype(np.float32), pixel_size=pixel_size)
        mined = mine(path, measures=["ctf"], voltage=300, cs=2.7, out=tmp_path / f"out_{cells}")
        defocus = {
            each: images.ctf(
                images.periodogram(image, pixel_size=pixel_size, cells=each), voltage=300, cs=2.7
            ).defocus
            for each in (800, 923)
        }
        assert defocus[800] != pytest.approx(defocus[923], abs=0.01)
        assert mined.frame["ctf_defocus"].item() == pytest.approx(defocus[cells], abs=0.001)


@pytest.mark.parametrize("wrong", [(3, 5), (9_000, 4_000), 5_000, "1-2", ("a", "b")])
def test_a_range_of_defocus_that_is_none_is_refused(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(InvalidInput):
        mine(tmp_path, defocus=wrong)


def test_a_gain_reference_is_looked_at_before_anything_is_measured(
    movie: Path, tmp_path: Path
) -> None:
    (tmp_path / "gain.mrc").write_text("no image")
    with pytest.raises(OpenEMError, match=r"gain\.mrc"):
        mine(movie, gain=tmp_path / "gain.mrc", out=tmp_path / "out")
    with pytest.raises(InvalidInput, match="no way to turn"):
        mine(movie, flip_rotate="sideways", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_without_a_row_yet_has_all_columns(movie: Path, tmp_path: Path) -> None:
    mined = mine(movie, measures=["statistics"], out=tmp_path / "out")
    columns = [*mined.frame]
    mined.ask_for([])
    assert len(mined.frame) == 0
    assert [*mined.frame] == columns
    empty = Mined(Store(tmp_path / "new"), "none", ("statistics",))
    empty.ask_for([])
    assert [*empty.frame] == columns
