"""Fourier shell correlation against what is known of maps that were made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
from scipy.fft import fftn, ifftn

from openem_nb import images
from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIDE = 48


def radius(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the distance of each coefficient from the middle, in cycles per voxel."""
    z, y, x = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    return np.sqrt(z**2 + y**2 + x**2)


def coloured(rng: np.random.Generator, amplitude: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return noise whose spectrum has an amplitude."""
    white = fftn(rng.standard_normal(amplitude.shape))
    return ifftn(white * amplitude).real.astype(np.float32)


def halves(shape: tuple[int, ...], ratio: Any, seed: int = 1) -> list[NDArray[np.float32]]:
    """Return two maps with a ratio of signal to noise, a function of the frequency."""
    rng = np.random.default_rng(seed)
    signal = coloured(rng, np.sqrt(ratio(radius(shape))))
    return [signal + rng.standard_normal(shape, np.float32) for _ in range(2)]


def test_by_the_definition_shell_by_shell() -> None:
    shape = (10, 11, 12)
    rng = np.random.default_rng(3)
    one, two = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    two += one
    found = images.fsc(one, two, voxel_size=2.0)
    f1, f2 = fftn(one), fftn(two)
    # shells are 1/12 cycles per voxel apart, and end where the shortest side ends
    shell = np.rint(radius(shape) * 12).astype(int)
    assert len(found.frequency) == 7
    for number, frequency in enumerate(found.frequency):
        there = shell == number
        assert found.voxels[number] == there.sum()
        expected = (f1 * f2.conj())[there].sum().real / np.sqrt(
            (abs(f1[there]) ** 2).sum() * (abs(f2[there]) ** 2).sum()
        )
        assert found.correlation[number] == pytest.approx(expected, abs=1e-5)
        assert frequency == pytest.approx(number / 24)


def test_a_map_is_one_with_itself_and_minus_one_with_its_negative() -> None:
    one = halves((20, 20, 20), np.ones_like)[0]
    same = images.fsc(one, one)
    assert same.correlation == pytest.approx(np.ones(11), abs=1e-6)
    assert images.fsc(one, -one).correlation == pytest.approx(-np.ones(11), abs=1e-6)
    assert same.resolution() is None
    assert "stays above 0.143" in same.reason()
    assert "no resolution" in same.words[0]


def test_known_ratio_of_signal_to_noise() -> None:
    ratio = lambda k: 40 * np.exp(-((k / 0.1) ** 2))  # noqa: E731
    found = images.fsc(*halves((SIDE,) * 3, ratio), voxel_size=1.2)
    k = found.frequency * 1.2
    expected = ratio(k) / (1 + ratio(k))
    far = found.voxels > 500
    assert np.abs(found.correlation - expected)[far].max() < 0.09
    for threshold in (0.143, 0.5):
        cross = 0.1 * np.sqrt(np.log(40 * (1 - threshold) / threshold))
        assert found.resolution(threshold) == pytest.approx(1.2 / cross, rel=0.06)
        assert found.reason(threshold) == ""
    assert f"{found.resolution():.3g} Å at 0.143" in found.words[0]


def test_noise_alone_has_no_resolution() -> None:
    one, two = halves((SIDE,) * 3, lambda k: 0 * k)
    found = images.fsc(one, two)
    assert np.abs(found.correlation[4:]).max() < 0.2
    assert "voxels" in (found.words[1] + found.unit)
    zero = images.fsc(np.zeros_like(one), two)
    assert zero.resolution(0.5) is None
    assert "first shell" in zero.reason(0.5)


def test_a_mask_that_correlates_by_itself_is_corrected() -> None:
    """A tight mask makes noise alike; random phases show how much, and the correction takes it."""
    rng = np.random.default_rng(7)
    shape = (SIDE,) * 3
    z, y, x = np.ogrid[:SIDE, :SIDE, :SIDE]
    away = np.sqrt((z - 24) ** 2 + (y - 24) ** 2.0 + (x - 24) ** 2)
    mask = (away < 12).astype(np.float32)  # a hard edge
    signal = 9 * coloured(rng, np.exp(-((radius(shape) / 0.05) ** 2))) * mask + 3 * mask
    one, two = (signal + 0.4 * rng.standard_normal(shape, np.float32) for _ in range(2))
    found = images.fsc(one, two, mask=mask, voxel_size=1.0)
    assert found.masked is not None
    assert found.randomised is not None
    assert found.unmasked == pytest.approx(images.fsc(one, two).correlation)
    far = slice(18, None)
    assert np.abs(found.correlation[far]).mean() <= np.abs(found.masked[far]).mean() + 0.02
    assert set(found.frame()) >= {"frequency", "correlation", "masked", "unmasked", "randomised"}
    again = images.fsc(one, two, mask=mask, voxel_size=1.0)
    assert np.array_equal(again.correlation, found.correlation)


def write(path: Path, data: NDArray[Any], *, voxel: float = 1.5, start: int = 0) -> Path:
    with mrcfile.new(path) as file:
        file.set_data(data)
        file.set_volume()
        file.voxel_size = voxel
        file.header.nxstart = start
    return path


def test_files_maps_and_arrays_are_the_same(tmp_path: Path) -> None:
    one, two = halves((16, 16, 16), np.ones_like)
    paths = write(tmp_path / "1.map", one), write(tmp_path / "2.map", two)
    found = images.fsc(*paths)
    with images.open_map(paths[0]) as first:
        assert np.array_equal(images.fsc(first, paths[1]).correlation, found.correlation)
    assert np.array_equal(images.fsc(one, two).correlation, found.correlation)
    assert found.unit == "Å"
    assert found.frequency[-1] == pytest.approx(1 / 3)
    svg = found.picture()
    assert b"<svg" in svg
    assert found.picture(tmp_path / "curve.png") == tmp_path / "curve.png"
    assert found.doubt == ""
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "stays above 0.143" in found._repr_html_()


def test_the_same_map_twice_is_doubtful() -> None:
    one = halves((16, 16, 16), np.ones_like)[0]
    for options in ({}, {"mask": np.ones_like(one)}):
        found = images.fsc(one, one.copy(), **options)
        assert "the same" in found.doubt
        assert found.doubt in found._repr_html_()


def test_a_mask_that_is_none_has_a_hint() -> None:
    one, two = halves((16, 16, 16), np.ones_like)
    with pytest.raises(InvalidInput, match="no mask 'sof'") as caught:
        images.fsc(one, two, mask="sof")
    assert '"soft"' in caught.value.hint


def test_maps_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    one = halves((16, 16, 16), np.ones_like)[0]
    path = write(tmp_path / "1.map", one)
    with pytest.raises(InvalidInput, match="shapes"):
        images.fsc(one, one[:-1])
    with pytest.raises(InvalidInput, match="voxels of"):
        images.fsc(path, write(tmp_path / "2.map", one, voxel=1.6))
    with pytest.raises(InvalidInput, match="begin at"):
        images.fsc(path, write(tmp_path / "3.map", one, start=4))
    with pytest.raises(InvalidInput, match="mask"):
        images.fsc(one, one, mask=one[:-1])
    holes = one.copy()
    holes[0, 0, 0] = np.nan
    with pytest.raises(InvalidInput, match="no number"):
        images.fsc(one, holes)
    with pytest.raises(InvalidInput, match="volume"):
        images.fsc(one[0], one[0])
    with pytest.raises(InvalidInput, match="threshold"):
        images.fsc(one, one).resolution(2)
