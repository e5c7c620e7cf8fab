"""Maps at an address: slices in ranges, the whole once, and never on disk."""

from __future__ import annotations

import gzip
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from _range_server import Server, serving
from image_files import write_mrc

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.images import maps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = np.random.default_rng(9).normal(0, 1, (80, 90, 100)).astype(np.float32)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving() as own:
        own.files["a.map"] = write_mrc(tmp_path / "a.mrc", DATA).read_bytes()
        own.files["a.map.gz"] = gzip.compress(own.files["a.map"], 1)
        yield own


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every temporary file."""

    def refused(*_: object, **__: object) -> Any:
        raise AssertionError("a temporary file was asked for")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)


def test_a_slice_is_one_request_and_the_rest_another(server: Server) -> None:
    with images.open_map(server.url("a.map")) as found:
        assert found.shape == DATA.shape
        assert len(server.asked) == 1
        assert found.bytes_fetched == 1 << 16
        assert np.array_equal(found.slice("z", 40), DATA[40])
        assert len(server.asked) == 2
        assert found.bytes_fetched == (1 << 16) + DATA[40].nbytes
        assert server.sent < len(server.files["a.map"]) / 10
        assert np.array_equal(found.slice("x", 7), DATA[:, :, 7])
        assert len(server.asked) == 3
        assert np.array_equal(found.slice("z", 3), DATA[3])
        assert found.statistics.max == pytest.approx(DATA.max())
        assert len(server.asked) == 3


def test_a_packed_map_comes_once(server: Server) -> None:
    with images.open_map(server.url("a.map.gz")) as found:
        assert len(server.asked) == 1
        assert np.array_equal(found.slice("z", 40), DATA[40])
        assert np.array_equal(np.asarray(found), DATA)
        assert len(server.asked) == 2
        assert server.sent <= len(server.files["a.map.gz"]) + (1 << 16)


@pytest.mark.parametrize("name", ["a.map", "a.map.gz"])
def test_one_that_is_too_large_is_to_be_downloaded(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "_MOST_FAR", DATA.nbytes - 1)
    with images.open_map(server.url(name)) as found:
        with pytest.raises(InvalidInput, match="of memory") as caught:
            found.slice("x")
        assert "Download it" in (caught.value.hint or "")
        assert len(server.asked) == 1
