"""The ring of crystalline ice."""

from __future__ import annotations

import numpy as np
import pytest

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.practice import micrographs


def ring(strength: float, **values: float) -> images.Ice:
    image, truth = micrographs.simulate(
        (2048, 2048), ice_ring=strength, dose=50, b_factor=40, seed=8, **values
    )
    return images.ice(images.periodogram(image, pixel_size=truth.pixel_size))


def test_ring_grows_with_the_ice() -> None:
    found = [ring(strength) for strength in (0, 3, 8)]
    values = [one.ring for one in found]
    assert values[0] == pytest.approx(1.01, abs=0.04)
    assert values[0] < values[1] < values[2]
    assert [one.crystalline for one in found] == [False, False, True] or values[1] >= 1.08
    assert found[2].distance == pytest.approx(3.67, abs=0.06)
    assert found[2].words.startswith("Crystalline ice: a ring at 3.6")
    assert found[0].words == "No ring of ice."


@pytest.mark.parametrize("defocus", [1500, 2500, 4000, 8000, 20_000])
def test_thon_rings_of_a_good_micrograph_are_no_ice(defocus: float) -> None:
    image, truth = micrographs.simulate(
        (1536, 1536),
        pixel_size=0.83,
        defocus_u=defocus,
        defocus_v=defocus,
        dose=400,
        b_factor=20,
        seed=defocus,
    )
    power = images.periodogram(image, pixel_size=truth.pixel_size)
    band = power.radial[(power.frequency > 0.83 / 5) & (power.frequency < 0.83 / 3)]
    assert band.max() > 1.2 * np.median(band), "there are rings"
    assert images.ice(power).ring == pytest.approx(1, abs=0.03)


def test_ice_is_found_among_thon_rings() -> None:
    found = ring(5, defocus_u=4000, defocus_v=4000)
    assert found.crystalline
    assert found.distance == pytest.approx(3.9, abs=0.06) or found.distance == pytest.approx(
        3.67, abs=0.06
    )


def test_noise_has_no_ring() -> None:
    rng = np.random.default_rng(7)
    found = [images.ice(rng.normal(size=(512, 512)), pixel_size=0.83).ring for _ in range(20)]
    assert max(found) < 1.05


def test_image_and_spectrum_say_the_same() -> None:
    image, truth = micrographs.simulate((1024, 1024), ice_ring=8, dose=100, b_factor=20, seed=1)
    direct = images.ice(image, pixel_size=truth.pixel_size)
    through = images.ice(images.periodogram(image, pixel_size=truth.pixel_size))
    assert direct.ring == pytest.approx(through.ring, rel=0.05)


def test_large_pixels_cannot_tell() -> None:
    image = np.random.default_rng(0).random((512, 512))
    found = images.ice(image, pixel_size=2.5)
    assert found.ring is None
    assert found.crystalline is None
    assert found.words.startswith("No ring of ice can be told: pixels are too large")


def test_empty_images_have_no_ring() -> None:
    assert images.ice(np.zeros((256, 256)), pixel_size=1.0).ring is None


def test_pixel_size_has_to_be_known() -> None:
    with pytest.raises(InvalidInput, match="without the pixel size"):
        images.ice(np.zeros((256, 256)))
