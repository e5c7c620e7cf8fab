"""The soft mask of two half maps, and correlations under it, against a known truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, label

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.practice._half_maps import half_maps, true_fsc

if TYPE_CHECKING:
    from pathlib import Path

SIDE, VOXEL, RESOLUTION = 64, 1.06, 3.2


@pytest.fixture(scope="module")
def known() -> Any:
    return half_maps(SIDE, VOXEL, RESOLUTION, 11)


def curve(found: images.Fsc) -> Any:
    return np.array([true_fsc(one, RESOLUTION) for one in found.frequency])


def deviations(found: images.Fsc, expected: Any) -> Any:
    """Return how many of its standard deviations each shell is off (Bershad, Rockmore 1974)."""
    spread = (1 - expected**2) / np.sqrt(found.voxels / 2)
    return np.abs(found.correlation - expected)[1:] / np.maximum(spread, 1e-5)[1:]


def test_the_measured_curve_is_the_one_the_maps_were_made_by(known: Any) -> None:
    _, one, two = known
    found = images.fsc(one, two, voxel_size=VOXEL)
    assert deviations(found, curve(found)).max() < 4
    assert found.resolution(0.143) == pytest.approx(RESOLUTION, rel=0.02)
    half = RESOLUTION * (0.857 / 0.143) ** (1 / 8)
    assert found.resolution(0.5) == pytest.approx(half, rel=0.02)


def test_other_resolutions_give_other_curves() -> None:
    for resolution in (3.0, 4.5, 7.0):
        _, one, two = half_maps(48, 1.3, resolution, 2)
        found = images.fsc(one, two, voxel_size=1.3)
        assert found.resolution() == pytest.approx(resolution, rel=0.06)


def test_under_a_mask_noise_outside_no_longer_counts(known: Any) -> None:
    """White noise of a shell loses what lies outside, and a signal that is inside nothing."""
    _, one, two = known
    mask = images.soft_mask(one, two, voxel_size=VOXEL)
    found = images.fsc(one, two, voxel_size=VOXEL, mask="soft")
    whole = curve(found)
    inside = float((mask.values.astype(np.float64) ** 2).mean())
    ratio = whole / (1 - whole) / inside
    expected = ratio / (1 + ratio)
    far = slice(12, None)
    assert np.abs(found.correlation - expected)[far].max() < 0.06
    assert (expected - whole)[20] > 0.15, "the mask makes a difference that would be seen"
    assert found.resolution() < images.fsc(one, two, voxel_size=VOXEL).resolution()
    given = images.fsc(one, two, voxel_size=VOXEL, mask=mask.values)
    assert given.correlation == pytest.approx(found.correlation, abs=1e-5)
    assert found.words[-1].startswith("Soft mask: the mean filtered to 15 Å is above")
    assert not given.mask_words


def test_the_mask_holds_the_particle_and_has_a_soft_edge(known: Any) -> None:
    both, one, two = known
    mask = images.soft_mask(one, two, voxel_size=VOXEL)
    assert mask.values.dtype == np.float32
    assert (mask.values.min(), mask.values.max()) == (0, 1)
    assert mask.values[both > 0.4].min() == 1
    assert mask.values[0].max() == mask.values[:, :, -1].max() == 0
    assert 0.05 < mask.fraction < 0.45
    steps = max(np.abs(np.diff(mask.values, axis=axis)).max() for axis in range(3))
    assert steps < 0.3, "a cosine over six voxels"
    away = distance_transform_edt(mask.values < 1)
    assert mask.values[away > 6.5].max() < 0.01
    assert mask.values[(away > 0) & (away < 5)].min() > 0


def test_widths_are_voxels(known: Any) -> None:
    _, one, two = known
    narrow = images.soft_mask(one, two, voxel_size=VOXEL, extend=0, soft=0)
    assert set(np.unique(narrow.values)) == {0, 1}
    wide = images.soft_mask(one, two, voxel_size=VOXEL, extend=2, soft=0)
    expected = distance_transform_edt(narrow.values == 0) <= 2
    assert np.array_equal(wide.values == 1, expected)


def test_dust_is_left_out() -> None:
    rng = np.random.default_rng(4)
    z, y, x = np.indices((SIDE,) * 3)
    body = 8.0 * ((z - 32) ** 2 + (y - 32) ** 2 + (x - 32) ** 2 < 14**2)
    body[54:56, 54:56, 32:34] = 60  # two voxels along each side, and high
    one, two = (body + rng.normal(size=body.shape) for _ in range(2))
    mask = images.soft_mask(one, two, voxel_size=3.0, low_pass=15)
    assert label(mask.values > 0)[1] == 1
    assert mask.values[55, 55, 33] == 0


def test_corners_that_were_masked_need_another_rule(known: Any) -> None:
    _, one, two = known
    z, y, x = np.indices((SIDE,) * 3) - (SIDE - 1) / 2
    ball = z**2 + y**2 + x**2 < 28**2
    mask = images.soft_mask(one * ball, two * ball, voxel_size=VOXEL)
    assert "by Otsu" in mask.words
    assert 0.05 < mask.fraction < 0.4


def test_noise_alone_has_no_mask() -> None:
    rng = np.random.default_rng(5)
    one, two = (rng.standard_normal((40, 40, 40)).astype(np.float32) for _ in range(2))
    with pytest.raises(InvalidInput, match=r"Nothing .* stands out|would hold"):
        images.soft_mask(one, two, voxel_size=1.0)


@pytest.mark.parametrize("options", [{"low_pass": 0}, {"extend": -1}, {"soft": -0.5}])
def test_what_makes_no_mask_is_told(known: Any, options: dict[str, float]) -> None:
    _, one, two = known
    with pytest.raises(InvalidInput):
        images.soft_mask(one, two, voxel_size=VOXEL, **options)


def test_files_and_a_threshold_of_ones_own(known: Any, tmp_path: Path) -> None:
    paths = []
    for number, data in enumerate(known[1:]):
        paths.append(tmp_path / f"half{number}.map")
        with mrcfile.new(paths[-1]) as file:
            file.set_data(data)
            file.set_volume()
            file.voxel_size = VOXEL
    made = images.soft_mask(*paths)
    assert np.array_equal(made.values, images.soft_mask(*known[1:], voxel_size=VOXEL).values)
    higher = images.soft_mask(*paths, threshold=2 * made.threshold)
    assert "as it was given" in higher.words
    assert higher.fraction < made.fraction


def test_a_curve_below_nothing_is_drawn_whole() -> None:
    from matplotlib.axes import Axes

    one = np.random.default_rng(1).standard_normal((16, 16, 16)).astype(np.float32)
    limits: list[Any] = []
    keep = Axes.set_ylim

    def seen(axes: Any, *values: Any, **named: Any) -> Any:
        if len(values) == 2:
            limits.append(values)
        return keep(axes, *values, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Axes, "set_ylim", seen)
        images.fsc(one, -one).picture()
        images.fsc(one, one).picture()
    assert limits[0][0] < -1
    assert limits[1][0] == -0.15
