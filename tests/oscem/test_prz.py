"""PRZ files of Panta Rhei, and pickles that are read without running them."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _header_files import prz, prz_metadata

from openem_nb.formats.pickled import Refused, plain
from openem_nb.oscem.readers._reading import QUANTITIES, Reading
from openem_nb.oscem.readers.prz import SUPPLIES, read_prz


def read(data: bytes) -> Reading:
    (reading,) = read_prz(Path("a.prz"), data=data)
    return reading


def as_json(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: float(one) if hasattr(one, "dtype") else one for key, one in metadata.items()}


def camera_metadata() -> dict[str, Any]:
    meta = prz_metadata()
    meta.update(
        {
            "content.types": [None, None, "Index"],
            "device.calib": [None, None, None],
            "source": {"type": "camera", "detector_config": {"description": "Dectris ELA"}},
            "electron_gun.voltage_target": 300000,
            "filter.slit.mode": "open",
            "filter.collection_semi_angle": 0.03,
            "condenser.convergence_semi_angle": 0.0214,
            "camera.time": "2022-04-07T11:51:45.425123",
        }
    )
    del meta["electron_gun.voltage"], meta["scan_generator.start_time"]
    return meta


@pytest.mark.parametrize("in_json", [False, True])
def test_a_spectrum_image_in_our_units(in_json: bool) -> None:
    meta = as_json(prz_metadata()) if in_json else prz_metadata()
    reading = read(prz(meta, as_json=in_json))
    assert reading.kind == "signal"
    assert reading.findings == ()
    assert dict(reading.values) == {
        "binning_x": 1,
        "binning_y": 2,
        "dispersion": 0.187,
        "exposure": 0.05,
        "height": 5,
        "illumination": "NP:PROBE",
        "imaging": "EELS",
        "magnification": 28500.0,
        "operating_mode": "STEM",
        "pixel_size": pytest.approx(137.0614035),
        "software": "Panta Rhei",
        "time": "2024-05-22T13:30:06.683628",
        "voltage": 300.0,
        "width": 7,
    }


def test_a_camera_series_has_the_size_of_its_images_and_no_scan() -> None:
    values = read(prz(camera_metadata(), (100, 512, 1028))).values
    assert (values["width"], values["height"]) == (1028, 512)
    assert values["operating_mode"] == "TEM"
    assert values["detector"] == "Dectris ELA"
    assert values["voltage"] == 300.0
    assert values["slit_used"] is False
    assert values["time"] == "2022-04-07T11:51:45.425123"
    assert "magnification" not in values  # the scan driver's says nothing of a camera image
    assert "pixel_size" not in values  # the pitch of the sensor is none


def test_the_reader_gives_what_it_promises() -> None:
    given = set(read(prz(prz_metadata())).values) | set(read(prz(camera_metadata())).values)
    assert given == SUPPLIES
    assert set(QUANTITIES) >= SUPPLIES


def test_pickles_of_all_protocols_and_numbers_of_numpy_are_read() -> None:
    value = {
        "a": [1, 2.5, True, None, "ä", -3, 2**70],
        "b": (np.float32(0.5), np.int16(-7), np.bool_(True)),
        "c": np.arange(4, dtype=">i4"),
        "d": {"e": {"f": b"bytes"}},
        "g": np.array([{"h": 1}], dtype=object),
    }
    expected = {
        "a": [1, 2.5, True, None, "ä", -3, 2**70],
        "b": [0.5, -7, True],
        "c": [0, 1, 2, 3],
        "d": {"e": {"f": "bytes"}},
        "g": [{"h": 1}],
    }
    for protocol in (2, 3, 4, 5):
        assert plain(pickle.dumps(value, protocol=protocol)) == expected


class Evil:
    """Would call a function when it is loaded."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch {}",)),
        (eval, ("open('{}', 'w')",)),
        (exec, ("open('{}', 'w')",)),
        (open, ("{}", "w")),
        (getattr, (os, "system")),
        (np.load, ("{}",)),
        (np.fromfile, ("{}",)),
    ],
)
def test_a_pickle_that_calls_anything_is_refused_and_calls_nothing(
    tmp_path: Path, protocol: int, function: Any, arguments: tuple[Any, ...]
) -> None:
    target = tmp_path / "called"
    filled = [one.format(target) if isinstance(one, str) else one for one in arguments]
    if os in filled:  # a module cannot be pickled; its name does as well
        filled = ["os", "system"]
    data = pickle.dumps({"x": [Evil(function, *filled)]}, protocol=protocol)
    with pytest.raises(Refused):
        plain(data)
    assert not target.exists()


def test_a_hostile_file_is_a_finding_that_says_what_to_do(tmp_path: Path) -> None:
    target = tmp_path / "called"
    meta = prz_metadata() | {"x": Evil(os.system, f"touch {target}")}
    reading = read(prz(meta))
    assert dict(reading.values) == {}
    assert [one.code for one in reading.findings] == ["pickled"]
    assert "JSON" in reading.findings[0].hint
    assert not target.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"cos\nsystem\n(S'true'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy\ndtype\n(I1\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x02(((",
        b"\x80\x02}q\x00h\x00h\x00s.",  # a dict as its own key
        b"\x80\x02]q\x00h\x00a.",  # a list in itself
        b"\x80\x02K\x01r\xff\xff\xff\x7fh\x05.",  # a place in memory that is far away
        b"\x80\x02X\xff\xff\xff\x7fa.",  # a text that is longer than the file
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x02C\x01aU\x01b\x85R.",
        b"\x80\x02]q\x00" + b"]q\x01h\x00ah\x00a0h\x01q\x00" * 40 + b"h\x00.",
        b"\x80\x02P1\n.",
        b"\x80\x02\x82\x01.",
        b"N" * 10_000,
    ],
)
def test_pickles_that_are_broken_or_hostile_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        plain(data)


def test_a_value_that_contains_another_many_times_does_not_fill_the_memory() -> None:
    grown: Any = ["x"] * 10
    for _ in range(20):
        grown = [grown] * 10
    with pytest.raises(Refused):
        plain(pickle.dumps(grown))


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"no zip", "damaged"),
        (prz({"a": 1})[:200], "damaged"),
        (archive(), "damaged"),
        (archive(other=b"x"), "damaged"),
        (archive(meta_data=b"x"), "damaged"),
        (archive(meta_data_json=b"\x93NUMPY\1\0\x0a\0{'descr':x" + b"{"), "damaged"),
        (prz([1, 2], as_json=True), "damaged"),
        (archive(meta_data=bytes(40 << 20)), "damaged"),  # 40 MiB of zeros in 40 kB
    ],
)
def test_what_is_no_prz_file_is_a_finding(data: bytes, code: str) -> None:
    reading = read(data)
    assert [one.code for one in reading.findings] == [code]
    assert not reading.values


def test_an_archive_with_a_huge_list_of_members_is_not_opened() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for number in range(15_000):
            file.writestr(f"{number:040}.npy", b"")
    assert [one.code for one in read(stream.getvalue()).findings] == ["damaged"]


def test_members_in_other_compressions_are_not_unpacked() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("meta_data.npy", b"x" * 100)
    assert [one.code for one in read(stream.getvalue()).findings] == ["damaged"]


def test_rosettasciio_finds_the_same(tmp_path: Path) -> None:
    pantarhei = pytest.importorskip("rsciio.pantarhei", reason="the extra is not installed")
    path = tmp_path / "a.prz"
    meta = as_json(prz_metadata()) | {"type": "Stack", "source.type": "scan_generator"}
    meta["device.calib"] = [one | {"offset": 0.0} for one in meta["device.calib"]]
    path.write_bytes(prz(meta, as_json=True))
    (theirs,) = pantarhei.file_reader(str(path))
    (ours,) = read_prz(path)
    axes = {one["name"]: one for one in theirs["axes"]}
    assert ours.values["width"] == axes["ScanX"]["size"]
    assert ours.values["height"] == axes["ScanY"]["size"]
    assert ours.values["pixel_size"] == pytest.approx(axes["ScanX"]["scale"] * 1e10)
    assert ours.values["dispersion"] == pytest.approx(axes["Energy"]["scale"])
