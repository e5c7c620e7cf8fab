"""Maps in files on disk: in pieces, in any order of axes, and cut off while they are open."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest

from openem_nb import images
from openem_nb.images import maps
from openem_nb.images._voxels import Voxels
from openem_nb.images.map_small import small_map

if TYPE_CHECKING:
    from pathlib import Path

DATA = np.random.default_rng(7).normal(0, 1, (24, 30, 36)).astype(np.float32)  # z, y, x
DATA[8:16, 10:20, 12:24] += 4


def written(path: Path, axes: tuple[int, int, int] = (1, 2, 3)) -> Path:
    """Write the map with its columns, rows and sections along other axes."""
    turned = np.ascontiguousarray(DATA.transpose([3 - axis for axis in axes[::-1]]))
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(turned)
        file.header["mapc"], file.header["mapr"], file.header["maps"] = axes
        grid = (36, 30, 24)
        file.header["mx"], file.header["my"], file.header["mz"] = grid
        file.header["cella"] = grid
    return path


@pytest.mark.parametrize("axes", [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)])
@pytest.mark.parametrize("held", [maps._HELD, 0])
def test_pieces_of_a_file_are_those_of_the_array(
    tmp_path: Path, axes: tuple[int, int, int], held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "_HELD", held)
    path = written(tmp_path / "a.mrc", axes)
    with images.open_map(path) as found, images.open_map(path.read_bytes()) as memory:
        assert isinstance(found.voxels, Voxels)
        assert not isinstance(memory.voxels, Voxels)
        assert np.array_equal(np.asarray(found), DATA)
        for number, axis in enumerate("zyx"):
            assert found.projection(axis) == pytest.approx(DATA.mean(axis=number), abs=1e-5)
            assert found.slice(axis, 5).tobytes() == DATA.take(5, number).tobytes()
        for one, other in (
            (found.statistics, memory.statistics),
            (found.contour(2.0), memory.contour(2.0)),
            (found.suggest_level(), memory.suggest_level()),
            (found.suggest_level(molecular_weight=0.5), memory.suggest_level(molecular_weight=0.5)),
        ):
            assert one == other
        assert np.array_equal(found.histogram(20)[0], memory.histogram(20)[0])
        small = DATA.reshape(12, 2, 15, 2, 18, 2).mean(axis=(1, 3, 5))
        assert small_map(found, longest=18).values == pytest.approx(small, abs=1e-5)
        if not held:
            assert isinstance(found.voxels, Voxels), "the whole is never in memory"
        assert np.array_equal(found.data, DATA)


CUT = """
import os, sys
from openem_nb import errors, images
path = sys.argv[1]
for ask in (
    lambda found: found.isosurface(2.0),
    lambda found: found.contour(2.0),
    lambda found: found.suggest_level(),
    lambda found: found.histogram(),
    lambda found: found.projection("y"),
    lambda found: found.slice("z", 23),
    lambda found: found.slice("y", 29),
    lambda found: found.slice("x", 35),
    lambda found: found.data.sum(),
):
    found = images.open_map(path)
    found.statistics
    size = os.path.getsize(path)
    content = open(path, "rb").read()
    os.truncate(path, 5000)
    try:
        ask(found)
    except errors.DamagedFile as error:
        assert "has become shorter" in str(error), error
        print("told")
    with open(path, "r+b") as file:
        file.write(content)
    found.close()
"""


def test_a_map_that_is_cut_off_while_it_is_open_is_an_error_and_no_end_of_the_process(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "a.mrc")
    done = subprocess.run(
        [sys.executable, "-c", CUT, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["told"] * 9), done.stderr
    assert struct.unpack("<3i", path.read_bytes()[:12]) == (36, 30, 24)
