"""Reading EMPIAR entries: the real ones exactly, damaged ones never wrongly."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openem_nb import empiar
from openem_nb.empiar import Citation, Grant, ImageSet
from openem_nb.empiar._reading import answered, page, read_size
from openem_nb.empiar.identifiers import number, ranges
from openem_nb.errors import BadAnswer, InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

# The samples had their ids replaced by labels; the DOI of each still holds the number.
REAL = {
    "STARFILETEST": "EMPIAR-11561",
    "IMAGELABELTEST": "EMPIAR-10988",
    "IMAGEPATTERNTEST": "EMPIAR-11419",
    "SPECIMENTEST": "EMPIAR-12104",
}


@pytest.fixture(scope="module")
def records(samples: Path) -> dict[str, Any]:
    folder = samples / "emdb" / "empiar_json"
    return {
        name: next(iter(json.loads((folder / f"{label}.json").read_text()).values()))
        for label, name in REAL.items()
    }


def test_every_real_entry_is_read(records: dict[str, Any]) -> None:
    read = {name: empiar.parse(record, id=name) for name, record in records.items()}
    assert {
        name: (item.size_bytes, item.experiment_type, item.released, len(item.imagesets))
        for name, item in read.items()
    } == {
        "EMPIAR-11561": (174_200_000_000, "EMDB", date(2023, 9, 5), 6),
        "EMPIAR-10988": (305_500_000_000, "EMDB", date(2022, 11, 17), 3),
        "EMPIAR-11419": (6_700_000_000, "FIB-SEM", date(2023, 2, 28), 1),
        "EMPIAR-12104": (165_400_000_000, "EMDB", date(2025, 2, 4), 1),
    }
    assert all(item.doi == f"10.6019/{name}" for name, item in read.items())
    assert read["EMPIAR-11419"].grants == (
        Grant("Wellcome Trust", "United Kingdom", "220526/Z/20/Z"),
    )


def test_a_real_entry_in_detail(records: dict[str, Any]) -> None:
    read = empiar.parse(records["EMPIAR-11561"], id="EMPIAR-11561")
    assert read.title == "Cryo-electron tomography of GEM2-labelled Mito-EGFP in HeLa cells"
    assert (read.status, read.deposited, read.obsoleted) == ("REL", date(2022, 12, 7), None)
    assert read.updated == date(2023, 9, 5)
    assert read.size_text == "174.2 GB"
    assert (read.emdb_ids, read.grants, read.citation, read.countries) == ((), (), None, ())
    assert read.url == "https://www.ebi.ac.uk/empiar/EMPIAR-11561"
    first = read.imagesets[0]
    assert first.details.startswith("Unaligned multi-frame micrographs")
    assert (
        ImageSet(
            name="Unaligned multi-frame micrographs for dataset 1 (211206)",
            directory="data/211206/data",
            category="micrographs - multiframe",
            header_format="TIFF",
            data_format="TIFF",
            count=118,
            frames=10,
            voxel_type="UNSIGNED BYTE",
            pixel_width=3.425,
            pixel_height=3.425,
            image_width=5760,
            image_height=4092,
            details=first.details,
        )
        == first
    )


def record(**parts: Any) -> dict[str, Any]:
    return {"title": "Images", "status": "REL", **parts}


def test_cross_references_are_cleaned_and_rubbish_is_kept() -> None:
    references = [
        "EMD-8000",
        {"name": "EMD-1234"},
        "emd-1234 ",
        "EMD_339",
        "339",
        "",
        "  ",
        None,
        {"name": None},
        "EMD-",
        "EMPIAR-10001",
        "EMD-7001, EMD-7002",
        "see paper",
    ]
    read = empiar.parse(record(cross_references=references), id="EMPIAR-10001")
    assert read.emdb_ids == ("EMD-8000", "EMD-1234", "EMD-0339", "EMD-7001", "EMD-7002")
    assert read.emdb_refs_rejected == ("EMD-", "EMPIAR-10001", "see paper")


def test_people_with_and_without_wrapper() -> None:
    read = empiar.parse(
        record(
            authors=[{"author": {"name": "Smith JW"}}, {"name": "Kim S"}, {"name": "Smith JW"}],
            corresponding_author={"author": {"country": "Switzerland"}},
            principal_investigator=[{"country": "Japan"}, {"author": {"country": "Switzerland"}}],
        ),
        id="EMPIAR-10001",
    )
    assert read.authors == ("Smith JW", "Kim S", "Smith JW")
    assert read.countries == ("Switzerland", "Japan")


def test_citation_and_doi_with_prefix() -> None:
    citation = {
        "title": "A paper",
        "journal": "Nature",
        "year": "2017",
        "doi": "doi:10.1038/x",
        "pubmedid": "28165453",
        "published": True,
    }
    read = empiar.parse(
        record(citation=[citation], entry_doi="doi:10.6019/EMPIAR-10001"), id="EMPIAR-10001"
    )
    assert read.doi == "10.6019/EMPIAR-10001"
    assert read.citation == Citation("A paper", "Nature", 2017, "10.1038/x", "28165453", True)


def test_numbers_of_image_sets_that_say_nothing() -> None:
    imageset = {
        "directory": "/data/x/",
        "num_images_or_tilt_series": -5,
        "frames_per_image": 0,
        "pixel_width": None,
        "image_width": None,
        "image_height": "",
    }
    read = empiar.parse(record(imagesets=imageset), id="EMPIAR-10001").imagesets[0]
    assert read.directory == "data/x"
    assert (read.count, read.frames, read.pixel_width) == (None, None, None)
    assert (read.image_width, read.image_height) == (None, None)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("174.2 GB", 174_200_000_000),
        ("1.1 KB", 1100),
        ("1.9 TB", 1_900_000_000_000),
        ("2PB", 2_000_000_000_000_000),
        ("512 bytes", 512),
        ("512", 512),
        ("12.5 mb", 12_500_000),
        ("3 GiB", 3_000_000_000),
    ],
)
def test_sizes_are_decimal(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["much", "GB", "-1 GB", "1,5 GB", "1 XB"])
def test_what_is_no_size_is_an_error(text: str) -> None:
    with pytest.raises(BadAnswer, match="dataset_size"):
        empiar.parse(record(dataset_size=text), id="EMPIAR-10001")


@pytest.mark.parametrize("payload", [None, [], "x", {}, {"status": ""}, {"status": []}])
def test_what_is_no_entry_is_an_error(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        empiar.parse(payload, id="EMPIAR-10001")


def test_a_page_keeps_damaged_entries_apart() -> None:
    read = page({"EMPIAR-10001": record(), "10002": {}, "EMPIAR-10003": record(release_date="x")})
    assert [item.id for item in read] == ["EMPIAR-10001"]
    assert list(read.failed) == ["EMPIAR-10002", "EMPIAR-10003"]
    assert "EMPIAR-10003.release_date" in read.failed["EMPIAR-10003"]


def test_shapes_of_nothing_and_of_errors() -> None:
    assert answered({}, what="x") == answered([], what="x") == answered(None, what="x") == {}
    for wrong in ("text", [1], {"message": "no"}, 7):
        with pytest.raises(BadAnswer, match="not a set of entries"):
            answered(wrong, what="x")


def test_ids() -> None:
    assert empiar.normalise_id(" empiar-10943") == empiar.normalise_id(10943) == "EMPIAR-10943"
    assert number("EMPIAR-10943") == 10943
    with pytest.raises(InvalidInput, match="is not an EMPIAR id"):
        empiar.normalise_id("EMD-1234")
    names = ["EMPIAR-10062", "EMPIAR-10050", "EMPIAR-10060", "EMPIAR-10061", "EMPIAR-10054"]
    assert ranges(names) == "10050, 10054, 10060-10062"


@given(st.sets(st.integers(1, 300), min_size=1))
def test_ranges_hold_exactly_the_ids(numbers: set[int]) -> None:
    found: set[int] = set()
    for part in ranges(f"EMPIAR-{value}" for value in numbers).split(", "):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    assert found == numbers


def test_frame_of_nothing_has_types() -> None:
    frame = empiar.Entries().frame()
    assert frame.empty
    assert str(frame["size_bytes"].dtype) == "Int64"
    assert str(frame["released"].dtype) == "datetime64[ns]"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    below = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in below:
        found += places(part, (*path, key))
    return found


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(list(REAL.values())),
    place=st.integers(0, 10**6),
    damage=st.sampled_from(["delete", "wrap", None, "", [], {}, True, "garbage", [[]]]),
)
def test_damaged_entries_are_errors_or_hold_no_wrong_number(
    records: dict[str, Any], name: str, place: int, damage: Any
) -> None:
    whole = empiar.parse(records[name], id=name)
    payload = copy.deepcopy(records[name])
    paths = places(payload)
    *above, last = paths[place % len(paths)]
    parent = payload
    for key in above:
        parent = parent[key]
    if damage == "delete":
        del parent[last]
    else:
        parent[last] = [parent[last]] if damage == "wrap" else copy.deepcopy(damage)
    try:
        read = empiar.parse(payload, id=name)
    except BadAnswer:
        return
    assert read.size_bytes in (whole.size_bytes, None)
    for field in ("deposited", "released", "updated", "obsoleted"):
        assert getattr(read, field) in (getattr(whole, field), None)
    for field in ("count", "frames", "pixel_width", "image_width", "image_height"):
        known = {None, *(getattr(item, field) for item in whole.imagesets)}
        assert {getattr(item, field) for item in read.imagesets} <= known
