"""Maps: axes, places and doubts of small files that the tests write, and what a level encloses."""

from __future__ import annotations

import base64
import gzip
import io
import math
import re
import struct
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import openem_nb as openem
from openem_nb import images
from openem_nb.errors import DamagedFile, InvalidInput, OpenEMError
from openem_nb.images.contours import CUBIC_ANGSTROM_PER_DALTON

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def packed(data: NDArray[Any], *, voxel: float = 1.5, order: str = "<", **fields: Any) -> bytes:
    """Return an MRC file; fields are bytes of the header by their place, as ``at76=...``."""
    kinds = {"i1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12}
    stored = data.astype(data.dtype.newbyteorder(order))
    nz, ny, nx = data.shape
    head = bytearray(1024)
    struct.pack_into(order + "4i", head, 0, nx, ny, nz, kinds[data.dtype.str[1:]])
    struct.pack_into(order + "3i3f", head, 28, nx, ny, nz, nx * voxel, ny * voxel, nz * voxel)
    struct.pack_into(order + "3f3i", head, 52, 90, 90, 90, 1, 2, 3)
    real = data.astype(np.float64)
    struct.pack_into(order + "3f", head, 76, real.min(), real.max(), real.mean())
    struct.pack_into(order + "i", head, 88, 1)
    struct.pack_into(order + "f", head, 216, real.std())
    head[208:214] = b"MAP " + (b"\x44\x44" if order == "<" else b"\x11\x11")
    for name, (kind, *values) in fields.items():
        struct.pack_into(order + kind, head, int(name[2:]), *values)
    return bytes(head) + stored.tobytes()


def ball(side: int = 32, radius: float = 8.0, centre: float | None = None) -> NDArray[np.float32]:
    """Return a ball whose value is 1 at its surface and rises by 0.1 a voxel inwards."""
    middle = (side - 1) / 2 if centre is None else centre
    z, y, x = np.ogrid[:side, :side, :side]
    away = np.sqrt((z - middle) ** 2.0 + (y - middle) ** 2 + (x - middle) ** 2)
    return (1 + (radius - away) / 10).astype(np.float32)


SMALL = np.random.default_rng(4).integers(-90, 90, (5, 6, 7))


@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "f2", "f4"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_slices_are_those_of_the_array(tmp_path: Path, kind: str, order: str) -> None:
    data = np.abs(SMALL).astype(kind)
    path = tmp_path / "a.map"
    path.write_bytes(packed(data, order=order))
    with openem.open_map(path) as found:
        assert found.shape == (5, 6, 7)
        assert np.array_equal(np.asarray(found), data)
        for axis, number in (("z", 0), ("y", 1), ("x", 2)):
            for index in range(data.shape[number]):
                assert np.array_equal(found.slice(axis, index), data.take(index, number))
            mean = data.mean(axis=number, dtype=np.float64)
            assert found.projection(axis) == pytest.approx(mean, rel=1e-5)
        assert found.voxel_size == pytest.approx((1.5, 1.5, 1.5))
        assert found.statistics.mean == pytest.approx(data.mean(dtype=np.float64), rel=1e-5)
        assert found.statistics.rms == pytest.approx(data.std(dtype=np.float64), rel=1e-5)


@pytest.mark.parametrize("axes", [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)])
def test_any_order_of_axes_is_put_in_order(axes: tuple[int, int, int]) -> None:
    data = SMALL.astype("f4")  # z, y, x
    turned = data.transpose([3 - axis for axis in axes[::-1]])  # sections, rows, columns
    start = tuple(10 * axis for axis in axes)
    content = packed(turned, at64=("3i", *axes), at16=("3i", *start))
    # the grid and the cell of a header are along x, y, z, whatever the axes are
    grid = struct.pack("<3i3f", 7, 6, 5, 7 * 1.0, 6 * 2.0, 5 * 3.0)
    with images.open_map(content[:28] + grid + content[52:]) as found:
        assert found.shape == (5, 6, 7)
        assert np.array_equal(found.data, data)
        assert found.start == (30, 20, 10)
        assert found.voxel_size == (3, 2, 1)
        assert found.origin == (90, 40, 10)
        told = [doubt for doubt in found.doubts if "run along" in doubt]
        assert len(told) == (axes != (1, 2, 3))


def test_what_is_packed_is_the_same() -> None:
    data = SMALL.astype("f4")
    content = gzip.compress(packed(data))
    with images.open_map(content) as found:
        assert np.array_equal(found.data, data)
    with pytest.raises(DamagedFile), images.open_map(content[:-40]) as cut:
        _ = cut.data


def test_origin_is_taken_before_start_and_a_quarrel_is_told() -> None:
    content = packed(SMALL.astype("f4"), at196=("3f", 1, 2, 3))
    with images.open_map(content) as found:
        assert found.origin == (3, 2, 1)
        assert not [doubt for doubt in found.doubts if "Origin" in doubt]
    content = packed(SMALL.astype("f4"), at196=("3f", 1, 2, 3), at16=("3i", 50, 0, 0))
    with images.open_map(content) as found:
        assert found.origin == (3, 2, 1)
        assert [doubt for doubt in found.doubts if "programs differ" in doubt]


CUBE = np.random.default_rng(5).standard_normal((6, 6, 6), np.float32)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"at88": ("i", 0)}, "stack of images"),
        ({"at40": ("3f", 0, 0, 0)}, "how large a voxel"),
        ({"at40": ("3f", 6, 6, 6)}, "exactly 1 Å"),
        ({"at40": ("3f", 6, 6, 9)}, "not cubes"),
        ({"at52": ("3f", 90, 90, 120)}, "angles"),
        ({"at64": ("3i", 1, 1, 2)}, "make no sense"),
        ({"at76": ("f", -50)}, "smallest value is -50"),
        ({"at80": ("f", 50)}, "largest value is 50"),
        ({"at84": ("f", 3)}, "mean value is 3"),
        ({"at216": ("f", 7)}, "deviation value is 7"),
        ({"at196": ("f", math.nan)}, "no place"),
    ],
)
def test_doubts_are_told(fields: dict[str, Any], words: str) -> None:
    with images.open_map(packed(CUBE)) as found:
        assert found.doubts == ()
    with images.open_map(packed(CUBE, **fields)) as found:
        assert any(words in doubt for doubt in found.doubts), found.doubts


def test_what_was_not_calculated_is_no_claim() -> None:
    with images.open_map(packed(CUBE, at76=("3f", 0, -1, -2), at216=("f", -1))) as found:
        assert found.doubts == ()


def test_holes_boxes_and_cuts_are_told() -> None:
    data = SMALL.astype("f4")
    data[1, 2, 3] = math.nan
    with images.open_map(packed(data)[: -6 * 7 * 4]) as found:
        assert found.shape == (4, 6, 7)
        assert found.statistics.not_finite == 1
        assert found.statistics.max == np.nanmax(data[:4])
        told = " ".join(found.doubts)
        assert "1 voxels hold no number" in told
        assert "no cube" in told
        assert "cut off: 4 of 5" in told
        assert found.histogram(10)[0].sum() == 4 * 6 * 7 - 1
        assert "alt=" in found._repr_html_()


def test_a_map_of_one_value_has_nothing_to_see() -> None:
    with images.open_map(packed(np.ones((4, 4, 4), np.float32))) as found:
        assert "All voxels have the same value." in found.doubts
        assert "same value" in found._repr_html_()
        for ask in (found.histogram, found.suggest_level, found.picture):
            with pytest.raises(InvalidInput, match="same value"):
                ask()


def test_one_section_is_a_map_one_voxel_thick() -> None:
    data = SMALL[:1].astype("f4")
    with images.open_map(packed(data)) as found:
        assert found.shape == (1, 6, 7)
        assert np.array_equal(found.slice("y", 2), data[:, 2])
        assert len(found.picture(level=0.0)) > 1000


def test_volumes_one_behind_the_other() -> None:
    data = np.arange(3 * 64, dtype=np.float32).reshape(12, 4, 4)
    content = packed(data, at88=("i", 401), at36=("i", 4))
    with images.open_map(content, volume=2) as found:
        assert found.shape == (4, 4, 4)
        assert np.array_equal(found.data, data[8:])
    with pytest.raises(InvalidInput, match="no volume 3"):
        images.open_map(content, volume=3)


def test_fourier_coefficients_and_pictures_are_no_maps(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.ones((4, 4, 3), np.complex64))
    with pytest.raises(InvalidInput, match="Fourier"):
        images.open_map(path)
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(InvalidInput, match="one image"):
        images.open_map(tmp_path / "a.png")


@pytest.mark.parametrize("ask", [("w", 0), ("z", 6), ("x", -1)])
def test_slices_that_are_not_there(ask: tuple[str, int]) -> None:
    with images.open_map(packed(CUBE)) as found, pytest.raises(InvalidInput):
        found.slice(*ask)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_viewer_sees_a_map_along_any_axis(axis: str) -> None:
    data = SMALL.astype("f4")
    with images.open_map(packed(data)) as found:
        stack = found.stack(axis)
        view = openem.MicrographView(stack)
        assert view.micrograph is stack
        assert np.array_equal(np.asarray(stack), np.moveaxis(data, "zyx".index(axis), 0))
        assert stack.pixel_size == 1.5
        assert f"across {axis}" in stack.caption
        view.close()


def test_histogram_counts_every_voxel() -> None:
    with images.open_map(packed(CUBE)) as found:
        counts, edges = found.histogram(8)
        expected, places = np.histogram(CUBE, 8)
        assert edges == pytest.approx(places, abs=1e-6)
        assert np.abs(counts - expected).max() <= 1  # a value on an edge may fall on either side
        assert counts.sum() == CUBE.size


def test_a_ball_encloses_what_a_ball_does() -> None:
    voxel = 1.5
    with images.open_map(packed(ball(), voxel=voxel)) as found:
        got = found.contour(1.0, molecular_weight=6.0)
        volume = 4 / 3 * math.pi * (8 * voxel) ** 3
        assert got.volume == pytest.approx(volume, rel=0.03)
        assert got.mass == pytest.approx(volume / 1212.2, rel=0.03)
        assert got.fraction == pytest.approx(got.voxels / 32**3)
        assert (got.pieces, got.dust, got.largest, got.touches_edge) == (1, 0, 1.0, False)
        assert "in one piece" in str(got)
        assert "times the 6 kDa" in str(got)
        assert "Nothing of the map" in str(found.contour(99))
        weight = got.voxels * voxel**3 * CUBIC_ANGSTROM_PER_DALTON**-1 / 1000
        again = found.suggest_level(molecular_weight=weight)
        assert again.level is not None
        assert found.contour(again.level).voxels == pytest.approx(got.voxels, abs=24)


def test_a_mass_that_does_not_fit_into_the_box_is_told() -> None:
    with images.open_map(packed(ball(), voxel=1.5)) as found:
        room = 48**3 / CUBIC_ANGSTROM_PER_DALTON / 1000  # 91 kDa
        words = str(found.contour(1.0, molecular_weight=480))
        assert f"480 kDa of protein do not fit in: the whole box has room for {room:.3g}" in words
        assert "times" not in words
        assert "% of the 90 kDa" in str(found.contour(1.0, molecular_weight=90))
        asked = found.suggest_level(molecular_weight=480)
        assert asked.level is None
        assert f"room for {room:.3g} kDa" in asked.words
        little = found.suggest_level(molecular_weight=1e-4)
        assert little.level is None
        assert "less than one voxel" in little.words


@pytest.mark.parametrize("level", [None, "high", math.nan])
def test_a_level_that_is_no_number_is_refused(level: Any) -> None:
    """An entry of EMDB may have none."""
    with (
        images.open_map(packed(ball(16, 5), voxel=2.0)) as found,
        pytest.raises(InvalidInput, match=r"level is .*, and has to be a number") as raised,
    ):
        found.contour(level)
    assert "suggest_level" in raised.value.hint


def test_a_masked_map_has_no_level_for_a_mass_that_it_does_not_hold() -> None:
    """All voxels of the mask have one value, so that a level encloses them all or none."""
    noise = np.random.default_rng(1).normal(1, 0.1, (32, 32, 32)).astype(np.float32)
    inside = ball(32, 10) > 1
    masked = np.where(inside, noise, np.float32(0))
    kilodalton = CUBIC_ANGSTROM_PER_DALTON * 1000
    held, room = inside.sum() * 8 / kilodalton, masked.size * 8 / kilodalton
    with images.open_map(packed(masked, voxel=2.0)) as found:
        for weight in (1.5 * held, 0.7 * room):
            asked = found.suggest_level(molecular_weight=weight)
            assert asked.level is None
            assert f"{held:,.3g} kDa lie above 0, and {room:,.3g} kDa with" in asked.words
        asked = found.suggest_level(molecular_weight=1.1 * held)
        assert asked.level == masked[inside].min()
        assert f"{held:,.3g} kDa of protein" in asked.words
        part = found.suggest_level(molecular_weight=0.5 * held)
        assert part.level is not None
        assert found.contour(part.level).mass == pytest.approx(0.5 * held, rel=0.01)
    with images.open_map(packed(-masked, voxel=2.0)) as found:
        assert found.suggest_level(molecular_weight=held).level is None


def test_the_level_of_whole_numbers_says_what_it_encloses() -> None:
    data = np.zeros((32, 32, 32), np.int16)
    data[ball(32, 10) > 1], data[ball(32, 8) > 1] = 2, 3
    with images.open_map(packed(data, voxel=2.0)) as found:
        inner, outer = (found.contour(level).mass for level in (3, 2))
        assert inner is not None
        assert outer is not None
        asked = found.suggest_level(molecular_weight=1.15 * inner)
        assert asked.level == 3
        assert f"{inner:.3g} kDa" in asked.words
        assert found.suggest_level(molecular_weight=outer).words.startswith("2: encloses")
        assert found.suggest_level(molecular_weight=(inner * outer) ** 0.5).level is None


def test_pieces_and_faces() -> None:
    data = np.zeros((20, 20, 20), np.float32)
    data[5:15, 5:15, 5:15] = 1
    data[2, 2, 2] = data[17, 17, 17] = 1  # dust
    data[0:3, 16:19, 1:5] = 1
    with images.open_map(packed(data)) as found:
        got = found.contour(0.5)
        assert (got.pieces, got.dust, got.touches_edge) == (4, 2, True)
        assert got.largest == pytest.approx(1000 / 1038)
        assert "4 pieces, of which 2 are dust" in str(got)
        assert "cut off there" in str(got)


def test_the_level_of_noise_finds_the_particle() -> None:
    rng = np.random.default_rng(1)
    noise = 0.1 * rng.standard_normal((40, 40, 40), np.float32)
    inside = ball(40, 9) > 1
    data = noise + inside.astype(np.float32)
    with images.open_map(packed(data)) as found:
        level = found.suggest_level().level
        assert level is not None
        above = data >= level
        assert (above & ~inside).sum() <= 0.03 * above.sum()
        assert (above & inside).sum() >= 0.99 * inside.sum()
    with images.open_map(packed(np.where(ball(40, 15) > 1, data, 0))) as found:
        masked = found.suggest_level()
        assert masked.level is None
        assert "masked" in masked.words


def test_surfaces_show_the_right_side_from_three_sides() -> None:
    data = np.zeros((48, 48, 48), np.float32)
    data[30:40, 8:16, 20:28] = 1  # high in z, low in y, the middle of x
    with images.open_map(packed(data)) as found:
        shown = found.isosurface(0.5, size=48)
    # rows from the top: z = 30..40 is at rows 8..18
    expected = {
        "front": ((8, 18), (20, 28)),
        "side": ((8, 18), (8, 16)),
        "top": ((32, 40), (20, 28)),
    }
    for name, (rows, columns) in expected.items():
        dark = np.argwhere(shown[name] < 240)
        assert np.abs(dark.min(axis=0) - (rows[0], columns[0])).max() <= 1, name
        assert np.abs(dark.max(axis=0) + 1 - (rows[1], columns[1])).max() <= 1, name


def test_a_ball_is_bright_in_its_middle_and_what_is_near_hides_what_is_far() -> None:
    with images.open_map(packed(ball())) as found:
        for picture in found.isosurface(1.0, size=128).values():
            assert picture.shape == (128, 128)
            middle, rim = picture[64, 64], picture[64, 64 + 29]
            assert middle > rim + 60
            assert np.abs(picture[1:].astype(int) - picture[1:, ::-1]).max() <= 12  # a ball
    pair = np.zeros((32, 32, 32), np.float32)
    pair[:, 2:6, 4:12] = pair[:, 26:30, 20:28] = 1
    with images.open_map(packed(pair)) as found:
        front = found.isosurface(0.5, size=32)["front"]
    assert front[16, 8] > front[16, 24] + 20  # seen from -y, the first one is nearer


def test_report_and_pictures_without_a_kernel(tmp_path: Path) -> None:
    with images.open_map(packed(ball(), at88=("i", 0)), name="<b>.map") as found:
        report = found.report(1.0, molecular_weight=6)
        page = report._repr_html_()
        assert len(page) < 600_000
        assert "&lt;b&gt;.map" in page
        assert "<b>" not in page
        assert 'alt="Map' in page
        assert "Doubtful: " in page
        data = re.findall(r"data:image/png;base64,([^\"]+)", page)
        with Image.open(io.BytesIO(base64.b64decode(data[0]))) as picture:
            assert picture.width > 600
        assert "encloses" in str(report)
        assert found.picture(tmp_path / "views.png", level=1.0) == tmp_path / "views.png"
        with Image.open(tmp_path / "views.png") as saved:
            assert saved.size == picture.size


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), min_size=1, max_size=12))
def test_mutated_headers_give_typed_errors(changes: list[tuple[int, int]]) -> None:
    content = bytearray(packed(CUBE))
    for place, value in changes:
        content[place] = value
    try:
        with images.open_map(bytes(content)) as found:
            _ = found.doubts, found.slices()
    except OpenEMError as error:
        assert error.hint  # noqa: PT017  (most headers are read)
