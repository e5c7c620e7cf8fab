"""What the viewer shows first of each kind of image: right frame, all pixels, right way up."""

from __future__ import annotations

import io
import itertools
import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import tifffile
from _events import eer
from _gatan import dm
from _range_server import serving
from image_files import write_mrc
from PIL import Image

from openem_nb.panels.micrograph import MicrographView

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHAPE = (96, 128)
MANY = 5
_keys = itertools.count()


@dataclass(frozen=True)
class Kind:
    """An image, and what is to be seen of it."""

    source: str
    seen: Any
    """Pixels of the first view, the first row of the file first."""
    up: bool = False
    """Whether that row lies at the bottom."""
    frame: int | str = 0
    pixel_size: float | None = None
    noun: str = "Frame"


def one(frames: int = 0) -> Any:
    """Return counts whose first rows are bright on the left; each frame a little brighter."""
    shape = (frames, *SHAPE) if frames else SHAPE
    found = np.random.default_rng(3).poisson(20, shape)
    found[..., : SHAPE[0] // 2, : SHAPE[1] // 2] += 60
    if frames:
        found += np.arange(frames)[:, None, None]
    return found.astype(np.int16)


def mrc(folder: Path) -> Kind:
    return Kind(str(write_mrc(folder / "a.mrc", one())), one(), up=True, pixel_size=2)


def mrc_movie(folder: Path) -> Kind:
    path = write_mrc(folder / "a.mrc", one(MANY))
    return Kind(str(path), one(MANY).mean(0), up=True, frame="sum", pixel_size=2)


def volume(folder: Path) -> Kind:
    path = write_mrc(folder / "a.mrc", one(MANY))
    content = bytearray(path.read_bytes())
    content[88:92] = (1).to_bytes(4, "little")  # space group 1: a volume
    path.write_bytes(content)
    return Kind(str(path), one(MANY)[2], True, 2, 2, "Section")


def tilts(folder: Path) -> Kind:
    path = write_mrc(folder / "a.st", one(MANY))
    sections = (f"[ZValue = {i}]\nTiltAngle = {3 * i - 6}\n\n" for i in range(MANY))
    (folder / "a.st.mdoc").write_text("Voltage = 300\n\n" + "".join(sections))
    return Kind(str(path), one(MANY)[2], True, 2, 2, "Tilt")


def tiff_movie(folder: Path) -> Kind:
    path = folder / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for frame in one(MANY).astype(np.uint8):
            file.write(frame, compression="lzw", contiguous=False)
    return Kind(str(path), one(MANY).mean(0), frame="sum")


def events(folder: Path) -> Kind:
    rng = np.random.default_rng(4)
    frames, counts = [], np.zeros(SHAPE)
    for _ in range(8):
        places = np.flatnonzero(rng.random(SHAPE) < one() / 400)
        frames.append((places, rng.integers(0, 16, len(places))))
        counts.ravel()[places] += 1
    path = folder / "a.eer"
    path.write_bytes(eer(frames, SHAPE))
    return Kind(str(path), counts / 8, frame="sum")


def gatan3(folder: Path) -> Kind:
    path = folder / "a.dm3"
    path.write_bytes(dm(one(), version=3))
    return Kind(str(path), one(), pixel_size=2)


def gatan4(folder: Path) -> Kind:
    path = folder / "a.dm4"
    path.write_bytes(dm(one().astype(np.float32), version=4))
    return Kind(str(path), one(), pixel_size=2)


def velox(folder: Path) -> Kind:
    path = folder / "a.emd"
    meta = {"BinaryResult": {"PixelSize": {"width": "2e-10"}, "PixelUnitX": "m"}}
    raw = np.frombuffer(json.dumps(meta).encode().ljust(500, b"\0"), np.uint8)
    with h5py.File(path, "w") as file:
        group = file.create_group("Data/Image/0123456789abcdef")
        group["Data"] = np.moveaxis(one(MANY), 0, -1)
        group["Metadata"] = np.repeat(raw[:, None], MANY, axis=1)
    return Kind(str(path), one(MANY).mean(0), frame="sum", pixel_size=2)


def ncem(folder: Path) -> Kind:
    path = folder / "a.emd"
    with h5py.File(path, "w") as file:
        group = file.create_group("data/stack")
        group.attrs["emd_group_type"] = 1
        group["data"] = one().T
        for number, size in enumerate(one().T.shape, 1):
            axis = group.create_dataset(f"dim{number}", data=np.arange(size) * 0.2)
            axis.attrs["name"], axis.attrs["units"] = np.bytes_("xy"[number - 1]), np.bytes_("nm")
    return Kind(str(path), one(), pixel_size=2)


def png(folder: Path) -> Kind:
    path = folder / "a.png"
    Image.fromarray(one().astype(np.uint8)).save(path)
    return Kind(str(path), one())


KINDS = [mrc, mrc_movie, volume, tilts, tiff_movie, events, gatan3, gatan4, velox, ncem, png]


def check(kind: Kind) -> None:
    """Open the viewer as a front end does, and compare what it would draw."""
    sent: list[tuple[dict[str, Any], list[Any]]] = []
    with closing(MicrographView(kind.source)) as view:
        canvas = view.canvas
        canvas.send = lambda answer, buffers=(): sent.append((answer, list(buffers)))
        about, settings = canvas.about, canvas.settings
        assert (about["up"], settings["frame"], about["noun"]) == (kind.up, kind.frame, kind.noun)
        assert about["pixel_size"] == (kind.pixel_size and pytest.approx(kind.pixel_size))
        if kind.frame == "sum":
            view._views.begin_average().result(120)  # until then the first frame stands in
        wish = {"y0": 0, "y1": SHAPE[0], "x0": 0, "x1": SHAPE[1], "factor": 1}
        wish["frame"] = settings["frame"]
        message = {"type": "request", "key": f"{next(_keys)}", "action": "view", "content": wish}
        canvas._handle_custom_msg(message, [])
        ((answer, buffers),) = sent
        content = answer["content"]
        levels = np.frombuffer(bytes(buffers[0]), "<u2").reshape(SHAPE)
        found = content["offset"] + content["scale"] * levels.astype(np.float64)
        assert content["pending"] == ""
        assert np.abs(found - kind.seen).max() <= content["scale"]
        kept = np.asarray(Image.open(io.BytesIO(view.picture())).convert("L"), np.float64)
        rows = kept[kept.shape[0] // 2 :] if kind.up else kept[: kept.shape[0] // 2]
        left, right = np.array_split(rows, 2, axis=1)
        assert left[:, : left.shape[1] // 2].mean() > right.mean() + 20


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_first_view(make: Any, tmp_path: Path) -> None:
    check(make(tmp_path))


@pytest.fixture
def far() -> Iterator[Any]:
    with serving() as server:
        yield server


def test_first_view_of_an_address(far: Any, tmp_path: Path) -> None:
    kind = mrc(tmp_path)
    far.files["a.mrc"] = (tmp_path / "a.mrc").read_bytes()
    check(Kind(far.url("a.mrc"), kind.seen, up=True, pixel_size=2))


def test_of_a_movie_at_an_address_one_frame_comes(far: Any, tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", np.repeat(one(MANY), 20, axis=0))
    far.files["a.mrc"] = path.read_bytes()
    check(Kind(far.url("a.mrc"), one(MANY)[0], up=True, pixel_size=2))
    assert far.sent < path.stat().st_size / 4
