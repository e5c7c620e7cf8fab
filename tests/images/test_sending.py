"""Images and maps in other processes, and copies of them: opened anew, never by a number."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from image_files import write_mrc

from openem_nb import images
from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, name: str, level: float) -> Path:
    return write_mrc(folder / name, np.full((32, 40), level, np.float32))


def mean(opened: images.Micrograph) -> float:
    return float(opened.frame().mean())


def test_a_copy_has_its_own_file_and_closes_no_other(tmp_path: Path) -> None:
    first = images.open_image(written(tmp_path, "a.mrc", 1))
    sent = pickle.dumps(first)
    first.close()
    with images.open_image(written(tmp_path, "b.mrc", 2)) as other:  # has the number of the first
        arrived = pickle.loads(sent)
        assert arrived.name == "a.mrc"
        assert mean(arrived) == 1
        copied = copy.deepcopy(other)
        del arrived
        copied.close()
        assert mean(other) == 2


def test_what_it_was_told_and_opened_with_goes_along(tmp_path: Path) -> None:
    two = np.stack([np.full((32, 40), level, np.float32) for level in (1, 2)])
    np.save(tmp_path / "plain.npy", two)
    opened = images.open_image(tmp_path / "plain.npy", name="another").told(pixel_size=1.5)
    arrived = pickle.loads(pickle.dumps(opened))
    assert (arrived.name, arrived.pixel_size, arrived.frames) == ("another", 1.5, opened.frames)
    assert arrived.notes == opened.notes


def test_another_process_gets_images_and_maps(tmp_path: Path) -> None:
    volume = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    path = write_mrc(tmp_path / "map.mrc", volume)
    with (
        images.open_image(written(tmp_path, "a.mrc", 3)) as image,
        images.open_map(path, voxel_size=2.0) as volume_of,
    ):
        told = subprocess.run(
            [
                sys.executable,
                "-c",
                "import pickle, sys; print(pickle.load(sys.stdin.buffer).frame().mean())",
            ],
            input=pickle.dumps(image),
            capture_output=True,
            check=True,
        ).stdout
        assert float(told) == 3
        again = pickle.loads(pickle.dumps(volume_of))
        assert again.voxel_size == (2.0, 2.0, 2.0)
        assert again.statistics.max == volume_of.statistics.max == volume.max()
        again.close()
        assert volume_of.slice("z", 1).shape == (5, 6)


@pytest.mark.parametrize("what", ["bytes", "stack"])
def test_what_has_no_place_is_not_sent(tmp_path: Path, what: str) -> None:
    path = write_mrc(tmp_path / "map.mrc", np.arange(64, dtype=np.float32).reshape(4, 4, 4))
    with images.open_map(path, voxel_size=1.0) as volume:
        source: Any = volume.stack("x") if what == "stack" else images.open_image(path.read_bytes())
        with pytest.raises(InvalidInput, match="cannot be copied or sent"):
            pickle.dumps(source)


def test_a_closed_image_says_so(tmp_path: Path) -> None:
    with images.open_image(written(tmp_path, "a.mrc", 1)) as image:
        pass
    with pytest.raises(InvalidInput, match=r"a\.mrc was closed") as raised:
        image.frame()
    assert raised.value.hint == "Open it again."
    with pytest.raises(InvalidInput, match=r"a\.mrc was closed"):
        image.thumbnail()
