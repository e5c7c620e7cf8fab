"""The file servers: EMDB's tree, EMPIAR's listings, ranges."""

from __future__ import annotations

import gzip
import html
import io
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin
from xml.etree import ElementTree

import mrcfile
import numpy as np
import pytest
import requests
from matplotlib import image as pictures

from openem_nb.practice import _volumes
from openem_nb.practice._emdb_entry import entry_json
from openem_nb.practice._empiar_entry import image_sets
from openem_nb.practice._tree import _rounded

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.practice import EmdbTruth, Facility

_CELL = r'</td><td align="right">([^<]*)'
_ROW = re.compile(rf'<a href="([^"?][^"]*)">([^<]*)</a>{_CELL}{_CELL}<')


def _rows(page: str) -> list[tuple[str, str, str]]:
    """Return href, shown name and size of a listing's rows."""
    return [
        (html.unescape(href), html.unescape(name), size.strip())
        for href, name, _, size in _ROW.findall(page)
    ]


def _emdb(practice: Facility) -> str:
    return f"{practice.description()['services']['emdb_files']}/structures"


def _released(practice: Facility) -> list[EmdbTruth]:
    return [entry for entry in practice.truth.emdb.values() if entry.status == "REL"]


def _walk(url: str) -> dict[str, int]:
    """Return every file below a listing with its true size."""
    found: dict[str, int] = {}
    for href, _, _size in _rows(requests.get(url, timeout=10).text):
        if href.startswith("/"):
            continue
        if href.endswith("/"):
            found |= _walk(urljoin(url, href))
        else:
            answer = requests.head(urljoin(url, href), timeout=10)
            found[urljoin(url, href)] = int(answer.headers["Content-Length"])
    return found


def test_maps_are_what_the_entry_says(practice: Facility, tmp_path: Path) -> None:
    checked: set[str] = set()
    for entry in _released(practice)[:40]:
        data = entry_json(entry, practice.truth.seed)
        maps = [("map", data["map"])]
        inside = data.get("interpretation", {})
        maps += [("other", item) for item in inside.get("half_map_list", {}).get("half_map", [])]
        maps += [
            ("other", i) for i in inside.get("additional_map_list", {}).get("additional_map", [])
        ]
        for folder, described in maps:
            if described.get("instance_type", "map") in checked:
                continue
            checked.add(described.get("instance_type", "map"))
            answer = requests.get(
                f"{_emdb(practice)}/{entry.emdb_id}/{folder}/{described['file']}", timeout=10
            )
            assert answer.content[:2] == b"\x1f\x8b"
            path = tmp_path / "x.map"
            path.write_bytes(gzip.decompress(answer.content))
            assert mrcfile.validate(path, print_file=io.StringIO())
            with mrcfile.open(path) as volume:
                edge = described["dimensions"]["col"]
                assert volume.data.shape == (edge, edge, edge)
                assert volume.voxel_size.x == pytest.approx(
                    float(described["pixel_spacing"]["x"]["valueOf_"])
                )
                assert volume.header.dmean == pytest.approx(volume.data.mean(), abs=1e-5)
                assert path.stat().st_size // 1000 + 1 == described["size_kbytes"]
    assert checked == {"map", "half_map", "additional_map"}


def test_half_maps_differ_only_in_noise() -> None:
    one, two = (_volumes.mrc_map(16, 1.0, "x", seed) for seed in (1, 2))
    first, second = (np.frombuffer(data[1024:], "<f4") for data in (one, two))
    assert 0.9 < np.corrcoef(first, second)[0, 1] < 1


def test_masks_are_plain_maps_of_zeros_and_ones(practice: Facility, tmp_path: Path) -> None:
    for entry in _released(practice):
        inside = entry_json(entry, practice.truth.seed).get("interpretation", {})
        for mask in inside.get("segmentation_list", {}).get("segmentation", []):
            path = tmp_path / "mask.map"
            url = f"{_emdb(practice)}/{entry.emdb_id}/masks/{mask['file']}"
            path.write_bytes(requests.get(url, timeout=10).content)
            with mrcfile.open(path) as volume:
                assert set(np.unique(volume.data)) == {0.0, 1.0}
            return
    raise AssertionError("no mask")


def test_headers_pictures_and_curves(practice: Facility) -> None:
    names = set()
    for entry in _released(practice)[:60]:
        for url in _walk(f"{_emdb(practice)}/{entry.emdb_id}/"):
            kind = re.sub(r"\d+", "n", url.rpartition("/structures/")[2].partition("/")[2])
            if kind in names:
                continue
            names.add(kind)
            data = requests.get(url, timeout=10).content
            if url.endswith(".xml"):
                assert ElementTree.fromstring(data).tag in ("emd", "fsc")
            elif url.endswith((".png", ".gif")):
                picture = pictures.imread(io.BytesIO(data), format=url[-3:])
                assert picture.shape[:2] == (120, 120)
                assert picture.std() > 0.05
    assert names >= {
        *("map/emd_n.map.gz", "other/emd_n_half_map_n.map.gz", "masks/emd_n_msk_n.map"),
        *("header/emd-n-vn.xml", "metadata/emd-n.cif.gz", "images/emd_n.png", "fsc/emd_n_fsc.xml"),
    }


def test_gif_is_a_picture() -> None:
    picture = pictures.imread(io.BytesIO(_volumes.gif(60, 1)), format="gif")
    reference = pictures.imread(io.BytesIO(_volumes.png(60, 1)), format="png")
    assert picture.shape[:2] == reference.shape[:2] == (60, 60)
    grey = picture[..., 0].astype(float).ravel()
    assert np.corrcoef(grey, reference.ravel())[0, 1] > 0.99


def test_unreleased_entries_have_no_files(practice: Facility) -> None:
    entry = next(e for e in practice.truth.emdb.values() if e.status == "HPUB")
    assert requests.get(f"{_emdb(practice)}/{entry.emdb_id}/", timeout=10).status_code == 404
    assert requests.get(f"{_emdb(practice)}/EMD-99999/map/", timeout=10).status_code == 404


def test_folders_are_padded_like_ids(practice: Facility) -> None:
    padded = next(e.emdb_id for e in _released(practice) if e.emdb_id.startswith("EMD-0"))
    assert requests.get(f"{_emdb(practice)}/{padded}/", timeout=10).ok
    assert requests.get(f"{_emdb(practice)}/EMD-{int(padded[4:])}/", timeout=10).status_code == 404


def test_ranges(practice: Facility) -> None:
    entry = _released(practice)[0]
    url = f"{_emdb(practice)}/{entry.emdb_id}/map/emd_{entry.emdb_id[4:]}.map.gz"
    whole = requests.get(url, timeout=10)
    size = len(whole.content)
    etag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]

    def get(**headers: str) -> requests.Response:
        return requests.get(
            url, headers={k.replace("_", "-"): v for k, v in headers.items()}, timeout=10
        )

    part = get(Range="bytes=100-199")
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{size}"
    assert get(Range="bytes=100-").content == whole.content[100:]
    assert get(Range="bytes=-10").content == whole.content[-10:]
    beyond = get(Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert get(Range="bytes=100-", If_Range=etag).status_code == 206
    assert get(Range="bytes=100-", If_Range=modified).status_code == 206
    for other in ('"other"', "Wed, 01 Jan 2020 00:00:00 GMT"):
        changed = get(Range="bytes=100-", If_Range=other)
        assert (changed.status_code, changed.content) == (200, whole.content)
    assert get(Range="pages=1-2").status_code == 200
    head = requests.head(url, timeout=10)
    assert (head.headers["Content-Length"], head.content) == (str(size), b"")


def test_listing_has_apaches_ways(practice: Facility) -> None:
    start = practice.description()["services"]["empiar_files"]
    assert requests.get(start, allow_redirects=False, timeout=10).status_code == 301
    pages = ""
    seen: dict[str, str] = {}
    for key, entry in practice.truth.empiar.items():
        if entry.status != "REL":
            continue
        answer = requests.get(f"{start}/{key[7:]}/", timeout=10)
        assert f'href="{key[7:]}.xml"' in answer.text
        for url in _walk(f"{start}/{key[7:]}/"):
            seen[url] = url.rpartition("/")[0] + "/"
    for folder in set(seen.values()):
        page = requests.get(folder, timeout=10).text
        pages += page
        for href, name, size in _rows(page):
            if href.startswith("/"):
                assert name == "Parent Directory"
                continue
            assert len(name) <= 23
            assert unquote(href) == name or name.endswith("..>")
            assert (size == "-") == href.endswith("/")
    assert 'href="?C=N;O=D"' in pages
    assert "%20" in pages
    assert "&amp;" in pages
    assert "..&gt;" in pages
    assert re.search(r">\d+(\.\d)?K<", pages)
    assert any(url.count("/") > start.count("/") + 4 for url in seen), "nested folders"


def test_every_image_set_has_its_files(facility: Facility) -> None:
    own = facility(entries=6000, seed=3)  # type: ignore[operator]
    start = own.description()["services"]["empiar_files"]
    kinds = set()
    for key, entry in own.truth.empiar.items():
        if entry.status != "REL":
            assert requests.get(f"{start}/{key[7:]}/", timeout=10).status_code == 404
            continue
        page = requests.get(f"{start}/{key[7:]}/data/", timeout=10).text
        if not [row for row in _rows(page) if not row[0].startswith("/")]:
            kinds.add("empty")
            continue
        for part in image_sets(entry, own.truth.seed):
            if part.is_file:
                kinds.add("file")
            elif part.images > 200:
                kinds.add("many")
            else:
                kinds.add("folder")
                continue
            url = f"{start}/{key[7:]}/{part.directory}"
            assert requests.get(url if part.is_file else f"{url}/", timeout=10).ok
    assert kinds == {"empty", "file", "many", "folder"}


def test_images_are_readable(tmp_path: Path) -> None:
    path = tmp_path / "x.mrcs"
    path.write_bytes(_volumes.mrc_image(32, 16, 2, 1))
    with mrcfile.open(path) as stack:
        assert stack.data.shape == (2, 16, 32)
    picture = pictures.imread(io.BytesIO(_volumes.tiff(48, 32, 1)), format="tiff")
    assert picture.shape == (32, 48)
    assert picture.tobytes() == _volumes.tiff(48, 32, 1)[122:]


def test_empiar_header_is_escaped_twice(practice: Facility) -> None:
    start = practice.description()["services"]["empiar_files"]
    key = next(k[7:] for k, entry in practice.truth.empiar.items() if entry.status == "REL")
    text = requests.get(f"{start}/{key}/{key}.xml", timeout=10).text
    assert "&amp;amp;" in text
    assert ElementTree.fromstring(text).attrib["accessionCode"] == f"EMPIAR-{key}"


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0K"),
        (1536, "1.5K"),
        (10_300, "10K"),
        (1023 * 1024, "1.0M"),
        (5 * 1024**3, "5.0G"),
    ],
)
def test_sizes_are_rounded(size: int, shown: str) -> None:
    assert _rounded(size) == shown
