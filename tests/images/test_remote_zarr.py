"""OME-Zarr folders at an address: chunks as they are needed, small pictures from small sizes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from _range_server import Server, serving

from openem_nb import images
from openem_nb.errors import BadAnswer, DamagedFile, InvalidInput, NotFound
from openem_nb.images import _zarr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

zarr = pytest.importorskip("zarr")

DATA = np.random.default_rng(3).integers(0, 900, (2, 1024, 1200)).astype(np.uint16)
HALF = DATA.reshape(2, 512, 2, 600, 2).mean((2, 4)).astype(np.uint16)
QUARTER = DATA.reshape(2, 256, 4, 300, 4).mean((2, 4)).astype(np.uint16)


@pytest.fixture(autouse=True)
def no_thread_of_zarr() -> Iterator[None]:
    """End the thread in which the package zarr reads, and which it keeps for itself."""
    yield
    if "zarr" in sys.modules:
        from zarr.core.sync import cleanup_resources

        cleanup_resources()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as own:
        yield own


def published(server: Server, folder: Path, version: int, **more: Any) -> None:
    """Put an image of three sizes on the server, as a folder of files."""
    group = zarr.open_group(str(folder), mode="w", zarr_format=version)
    datasets = []
    for number, data in enumerate((DATA, HALF, QUARTER)):
        array = group.create_array(
            str(number), shape=data.shape, dtype=data.dtype, chunks=(1, 256, 300), **more
        )
        array[:] = data
        scale = [1.0, 0.11 * 2**number, 0.11 * 2**number]
        transform = [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(number), "coordinateTransformations": transform})
    axes: list[dict[str, str]] = [{"name": "z", "type": "space", "unit": "nanometer"}]
    axes += [{"name": name, "type": "space", "unit": "nanometer"} for name in "yx"]
    scales = [{"axes": axes, "datasets": datasets}]
    group.attrs.update(
        {"ome": {"multiscales": scales}} if version == 3 else {"multiscales": scales}
    )
    for path in folder.rglob("*"):
        if path.is_file():
            name = f"em/{folder.name}/{path.relative_to(folder).as_posix()}"
            server.files[name] = path.read_bytes()


@pytest.mark.parametrize("version", [2, 3])
def test_a_small_picture_comes_from_a_small_size(
    server: Server, tmp_path: Path, version: int
) -> None:
    published(server, tmp_path / "a.zarr", version)
    with images.open_image(server.url("em/a.zarr/?signature=secret")) as found:
        assert (found.format, found.name) == ("zarr", "a.zarr")
        assert "secret" not in found.source + repr(found)
        assert (found.shape, found.frames, found.axes) == ((1024, 1200), 2, ("z", "y", "x"))
        assert found.pixel_size == pytest.approx(1.1)
        assert len(server.asked) <= 18
        assert any("smaller sizes" in one for one in found.notes)
        before = server.sent
        small = found.thumbnail(300)
        assert np.array_equal(small, QUARTER[1])
        assert server.sent - before <= QUARTER[1].nbytes
        before = len(server.asked)
        assert np.array_equal(found.window(300, 320, 350, 380, frame=1), DATA[1, 300:320, 350:380])
        assert len(server.asked) == before + 1
        assert np.array_equal(found.frame(0), DATA[0])
        # a part of it, from the half size
        before = server.sent
        view = found.view(256, 768, 300, 900, height=128, width=150, frame=0)
        exact = images.block_mean(DATA[0, 256:768, 300:900], 4)
        assert np.abs(view - exact).max() < 1  # the half size has whole numbers
        assert server.sent - before < DATA[0].nbytes / 2
        assert found.bytes_fetched <= server.sent


def test_a_file_of_metadata_names_its_folder(server: Server, tmp_path: Path) -> None:
    published(server, tmp_path / "b", 3)
    with images.open_image(server.url("em/b/zarr.json")) as found:
        assert np.array_equal(found.thumbnail(600), HALF[1])
    published(server, tmp_path / "c.zarr", 2)
    with images.open_image(server.url("em/c.zarr/1")) as found:
        assert np.array_equal(found.frame(1), HALF[1])


def test_shards_are_read_in_ranges(server: Server, tmp_path: Path) -> None:
    published(server, tmp_path / "a.zarr", 3, shards=(2, 1024, 1200))
    for ranges in (True, False):
        server.ranges = ranges
        with images.open_image(server.url("em/a.zarr")) as found:
            before = server.sent
            part = found.window(300, 320, 350, 380, frame=1)
            assert np.array_equal(part, DATA[1, 300:320, 350:380])
            if ranges:
                assert server.sent - before < DATA.nbytes / 10


def test_what_is_not_there_is_told(server: Server, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no OME-Zarr image at http.*/none\.zarr"):
        images.open_image(server.url("none.zarr?signature=secret"))
    server.files["a.zarr/zarr.json"] = b"<html>"
    with pytest.raises(DamagedFile, match="Zarr cannot read"):
        images.open_image(server.url("a.zarr"))
    server.files["b.zarr/.zgroup"] = b'{"zarr_format": 2}'
    with pytest.raises(NotFound, match="does not say which image"):
        images.open_image(server.url("b.zarr"))
    with pytest.raises(InvalidInput):
        images.open_image(tmp_path)


def test_a_broken_chunk_is_told(server: Server, tmp_path: Path) -> None:
    published(server, tmp_path / "a.zarr", 3)
    name = next(one for one in server.files if "/0/c/" in one)
    server.files[name] = server.files[name][:100]
    with (
        images.open_image(server.url("em/a.zarr")) as found,
        pytest.raises(DamagedFile, match="a piece of it is broken"),
    ):
        np.asarray(found)


def test_an_endless_file_of_metadata_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openem_nb.images import _zarr_far

    monkeypatch.setattr(_zarr_far, "_LARGEST_METADATA", 1 << 16)
    server.files["a.zarr/zarr.json"] = b" " * (1 << 20)
    with pytest.raises(BadAnswer, match="more than 65,536 bytes"):
        images.open_image(server.url("a.zarr"))


@pytest.mark.parametrize(
    ("address", "folder"),
    [
        ("https://a.org/x/b.ome.zarr", "https://a.org/x/b.ome.zarr"),
        ("https://a.org/x/b.zarr/?sig=1.zarr", "https://a.org/x/b.zarr?sig=1.zarr"),
        ("https://a.org/x/b.zarr/0", "https://a.org/x/b.zarr/0"),
        ("https://a.org/x/.zattrs?s=1", "https://a.org/x?s=1"),
        ("https://a.org/x/b.mrc?name=c.zarr", None),
        ("https://my.zarr/x/b.mrc", None),
    ],
)
def test_addresses_of_folders(address: str, folder: str | None) -> None:
    assert _zarr.far_folder(address) == folder
