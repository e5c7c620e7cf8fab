"""Images of SciCat data sets and EMPIAR entries, over real HTTP from the practice facility."""

from __future__ import annotations

import pickle
import time
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest

import openem_nb as openem
from openem_nb import empiar, mining, scicat, settings
from openem_nb.errors import InvalidInput, NotFound, NotOnDisk
from openem_nb.mining import images_of
from openem_nb.mining._scicat import optics
from openem_nb.mining.run import default_folder
from openem_nb.mining.sources import is_asked_for, source_of
from openem_nb.practice import serve
from openem_nb.tokens import Secret
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openem_nb.practice import Facility

ENTRY = "EMPIAR-10028"
MICROGRAPHS = "data/*Micrographs/*"


@pytest.fixture(scope="module")
def running() -> Iterator[Facility]:
    with serve(entries=60, seed=5, datasets=0, tape_seconds=0.05) as facility:
        yield facility


@contextmanager
def pointed(monkeypatch: pytest.MonkeyPatch, url: str, profile: str) -> Iterator[None]:
    monkeypatch.setenv("OPENEM_PROFILE", profile)
    monkeypatch.setenv("OPENEM_PRACTICE_URL", url)
    scicat.login_with("ada", Secret("practice"), profile)
    yield


@pytest.fixture
def here(running: Facility, monkeypatch: pytest.MonkeyPatch) -> Iterator[Facility]:
    with pointed(monkeypatch, running.url, "practice"):
        yield running


@pytest.fixture(params=["practice", "practice-ethz"])
def archive(
    request: pytest.FixtureRequest, running: Facility, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Give each flavour in turn, as ``(facility, service)``."""
    with pointed(monkeypatch, running.url, request.param):
        yield SimpleNamespace(facility=running, service=running.scicat[request.param])


def added(archive: Any, **shape: Any) -> Any:
    return openem.get(archive.service.add_dataset(**({"files": 4, "size": 400_000} | shape)))


def brought_out(pid: str) -> Any:
    """Retrieve from tape, and fetch nothing."""
    retrieval = openem.retrieve(pid)
    end = time.monotonic() + 120
    while retrieval.refresh().state is not scicat.State.READY:
        assert time.monotonic() < end, retrieval.words
        time.sleep(0.02)
    return retrieval


def fetched(facility: Facility, part: str, since: int) -> list[str]:
    return [one.path for one in facility.requests[since:] if part in one.path]


# EMPIAR


def test_an_entry_is_read_where_it_is(here: Facility, tmp_path: Path) -> None:
    files = images_of(ENTRY, pattern=MICROGRAPHS)
    assert len(files) == 12
    assert files.far
    assert files.notice
    assert files[0].text.startswith(f"{here.url}/empiar/world_availability/10028/data/")
    with files[0].open() as micrograph:
        assert micrograph.shape == (512, 512)
        assert micrograph.pixel_size == pytest.approx(1.77)
        before = micrograph.bytes_fetched
        assert 0 < before <= 1 << 16
        micrograph.thumbnail(256)
        assert before < micrograph.bytes_fetched <= 1.2 * 525_312
    assert not list(settings.folders().data.rglob("*.mrc"))


def test_what_was_downloaded_is_not_fetched_again(here: Facility) -> None:
    (path,) = empiar.download(ENTRY, pattern=MICROGRAPHS, limit=1)
    files = images_of(empiar.entry(ENTRY), pattern=MICROGRAPHS)
    near = [file for file in files if file.far is None]
    assert [file.path for file in near] == [path]
    assert files.notes == ("Downloaded before: 1 image.",)
    assert files.far_size == files.size - path.stat().st_size
    assert repr(files).endswith(f", 11 of 12 over the network, {format_bytes(files.far_size)}>")
    since = len(here.requests)
    with near[0].open() as micrograph:
        assert micrograph.thumbnail(64).shape == (64, 64)
        assert micrograph.bytes_fetched == 0
    assert not fetched(here, "world_availability", since)
    path.write_bytes(path.read_bytes()[:1000])  # half of it is not it
    assert all(file.far for file in images_of(ENTRY, pattern=MICROGRAPHS))


def test_a_pattern_with_folders_lists_only_these(here: Facility) -> None:
    whole = images_of(ENTRY)
    folder = whole[0].name.rpartition("/")[0]
    since = len(here.requests)
    part = images_of(empiar.entry(ENTRY), pattern=f"{folder}/*.mrc")
    assert {file.name for file in part} == {
        file.name for file in whole if file.name.startswith(f"{folder}/")
    }
    listings = fetched(here, "world_availability", since)
    assert [path.rstrip("/").rpartition("world_availability")[2] for path in listings] == [
        f"/10028/{folder}"
    ]
    with pytest.raises(NotFound, match="no file like"):
        images_of(ENTRY, pattern="data/nowhere/*.mrc")


def test_an_image_set_tells_the_pixel_size_that_a_file_does_not_know(here: Facility) -> None:
    entry = empiar.entry(ENTRY)
    first = entry.imagesets[0]
    stated = replace(entry, imagesets=(replace(first, pixel_width=2.5),))
    file = images_of(stated, pattern=f"{first.directory}/*")[0]
    assert file.pixel_size == 2.5
    with file.open() as micrograph:
        assert micrograph.pixel_size == pytest.approx(1.77)  # its header counts first
        micrograph._about = replace(micrograph._about, pixel_size=None)
        micrograph.told(pixel_size=file.pixel_size, voltage=300.0)
        assert (micrograph.pixel_size, micrograph.voltage) == (2.5, 300)
        assert "2.5 Å is from its data set" in micrograph.notes[-1]


def test_an_entry_is_mined_over_the_network(here: Facility) -> None:
    mined = mining.mine(
        ENTRY, pattern="*_1604*0[01]?_Data_202601.mrc", cs=2.7, voltage=300, workers=2
    )
    frame = mined.frame
    assert len(frame) >= 10
    assert frame["problem"].isna().all()
    assert (frame["fetched"] > 500_000).all()
    assert frame["ctf_reliable"].sum() >= len(frame) // 2
    assert (frame["ctf_cs"] == 2.7).all()
    since = len(here.requests)
    again = mining.mine(
        ENTRY, pattern="*_1604*0[01]?_Data_202601.mrc", cs=2.7, voltage=300, workers=2
    )
    assert len(again.frame) == len(frame)
    assert not [path for path in fetched(here, "world_availability", since) if ".mrc" in path]


def test_an_image_of_an_entry_is_one_row_wherever_it_is_read(
    here: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mined(**more: Any) -> tuple[Any, set[str]]:
        since = len(here.requests)
        found = mining.mine(ENTRY, pattern=MICROGRAPHS, measures=["statistics"], **more)
        return found, {one.rpartition("/")[2] for one in fetched(here, ".mrc", since)}

    first, read = mined()
    assert len(first.frame) == len(read) == 12
    empiar.download(ENTRY, pattern=MICROGRAPHS, limit=5)
    again, read = mined()
    assert not read
    assert again.words.startswith("12 files measured. Practice data: ")
    assert again.words.endswith(" Downloaded before: 5 images.")
    assert again.frame["measured"].equals(first.frame["measured"]), "files of archives never change"
    # the practice facility has another address in each process
    monkeypatch.setenv("OPENEM_PRACTICE_URL", here.url.replace("127.0.0.1", "localhost"))
    again, read = mined()
    assert not read
    assert again.frame["measured"].equals(first.frame["measured"])
    for one in images_of(ENTRY, pattern=MICROGRAPHS):
        if one.far is None:
            break
    other, read = mined(size=99)
    before = other.frame.set_index("name")["measured"]
    assert len(before) == 12
    assert len(read) == 7
    one.path.touch()
    again, read = mined(size=99)
    assert not read
    after = again.frame.set_index("name")["measured"]
    assert after.index.is_unique
    assert after.index[after > before].tolist() == [one.name]
    assert mining.open_mined(again.folder).frame["name"].is_unique


def test_tables_of_a_release_without_sources_have_one_row_for_each_image(here: Facility) -> None:
    first = mining.mine(ENTRY, pattern=MICROGRAPHS, measures=["statistics"])
    (part,) = (first.folder / "parts").glob("*.parquet")
    rows = duckdb.sql(f"SELECT * EXCLUDE source FROM '{part}'").df()
    old = rows.assign(path="http://127.0.0.1:1/" + rows["name"], measured=1.0, mean=-1.0)
    part.unlink()
    for number, content in enumerate((old, rows), start=1):
        place = part.with_name(f"part-{number:06d}.parquet")
        duckdb.from_df(content).write_parquet(str(place))
    found = mining.open_mined(first.folder)
    assert len(found.frame) == 12
    assert (found.frame["mean"] != -1).all()
    since = len(here.requests)
    assert len(mining.mine(ENTRY, pattern=MICROGRAPHS, measures=["statistics"]).frame) == 12
    assert not fetched(here, ".mrc", since)


def test_entries_that_are_not_there_say_so(here: Facility) -> None:
    with pytest.raises(NotFound, match="no entry EMPIAR-99999"):
        images_of("EMPIAR-99999")
    with pytest.raises(NotFound, match="no folder"):
        images_of("EMPIAR-x")


def test_the_page_of_an_entry_names_it(here: Facility) -> None:
    for address in (
        "https://www.ebi.ac.uk/empiar/EMPIAR-10028/",
        "https://www.ebi.ac.uk/empiar/EMPIAR-10028",
        " https://www.ebi.ac.uk/pdbe/emdb/empiar/entry/10028/ ",
    ):
        assert is_asked_for(address)
        assert source_of(address).given == ENTRY


@pytest.mark.parametrize("name", ["10028", "EMPIAR10028", "empiar 10028", "EMPIAR_10028"])
def test_what_looks_like_an_entry_is_asked_after(name: str) -> None:
    with pytest.raises(NotFound, match=r"Is EMPIAR-10028 meant\?"):
        images_of(name)


def test_other_names_say_what_they_are() -> None:
    for name in ("EMD-1000", "emd_1000", "EMDB-1000"):
        with pytest.raises(InvalidInput, match="EMD-1000 is a map of EMDB") as caught:
            images_of(name)
        assert "emdb.download('EMD-1000')" in caught.value.hint
        assert "open_map" in caught.value.hint
    with pytest.raises(NotFound, match="no file") as caught:
        openem.open_map("emd-1000")
    assert "emdb.download('EMD-1000')" in caught.value.hint
    with pytest.raises(InvalidInput, match="no data set, entry or folder"):
        images_of("https://example.org/images/")


def test_a_row_of_a_search_names_its_data_set(archive: Any) -> None:
    pid = added(archive).pid
    brought_out(pid)
    found = pd.DataFrame({"pid": [pid, pid + "0"], "name": ["one", "other"], "size": [1, 2]})
    for row in (found.head(1), found.iloc[0]):
        assert is_asked_for(row)
        assert len(images_of(row)) == 4
    with pytest.raises(InvalidInput, match="names 2 data sets") as caught:
        images_of(found)
    assert "found.iloc[0]" in caught.value.hint
    with pytest.raises(InvalidInput, match="names 0 data sets"):
        images_of(found[["name", "size"]])


def test_a_column_of_paths_is_a_list_of_files(tmp_path: Path) -> None:
    (tmp_path / "m.mrc").write_bytes(b"x")
    assert len(images_of(pd.Series([str(tmp_path / "m.mrc")]))) == 1


# SciCat


def test_what_is_on_tape_says_so_and_what_to_do(archive: Any) -> None:
    data_set = added(archive)
    with pytest.raises(NotOnDisk, match="on tape") as caught:
        images_of(data_set)
    assert f"openem.retrieve({data_set.pid!r})" in caught.value.hint
    with pytest.raises(NotFound, match="no data set"):
        images_of(data_set.pid + "0")


def test_members_of_tars_are_read_in_the_store(archive: Any) -> None:
    data_set = added(archive, tars=2)
    brought_out(data_set.pid)
    files = images_of(data_set)
    assert [file.name for file in files] == sorted(
        path for path in data_set.files()["path"] if path.endswith(".mrc")
    )
    assert files.far
    file = pickle.loads(pickle.dumps(files[-1]))  # as a scheduler sends it
    with file.open() as micrograph:
        assert micrograph.name == file.name.rpartition("/")[2]
        assert micrograph.pixel_size == pytest.approx(0.83)
        assert micrograph.voltage in (200, 300)  # the file does not know, the data set does
        micrograph.thumbnail(64)
        assert 0 < micrograph.bytes_fetched < file.size + (1 << 18)
    assert not settings.folders().data.exists() or not list(settings.folders().data.rglob("*.mrc"))
    secret = "X-Amz"
    assert secret not in repr(files) + files.frame.to_json() + repr(file) + str(pickle.dumps(file))


def test_files_that_were_retrieved_are_read_on_disk(archive: Any) -> None:
    data_set = added(archive)
    retrieval = brought_out(data_set.pid).run()
    for source in (data_set, data_set.pid, retrieval):
        files = images_of(source)
        assert len(files) == 4
        assert not files.far
        assert files[0].path.is_file()
    since = len(archive.facility.requests)
    with files[0].open() as micrograph:
        assert micrograph.voltage in (200, 300)
    assert not fetched(archive.facility, "/s3/", since)
    retrieval.forget()
    assert not images_of(data_set).far  # the files are there all the same


def test_an_image_of_a_data_set_is_one_row_before_and_after_it_is_fetched(archive: Any) -> None:
    data_set = added(archive)
    retrieval = brought_out(data_set.pid)
    first = mining.mine(data_set.pid, measures=["statistics"])
    retrieval.run()
    again = mining.mine(data_set.pid, measures=["statistics"])
    assert again.words.startswith("4 files measured.")
    assert again.frame["measured"].equals(first.frame["measured"])
    assert set(again.frame["source"]) == {source_of(data_set).key}
    other = mining.mine(data_set.pid, measures=["statistics"], size=99, out=again.folder)
    assert len(other.frame) == 4
    assert not other.frame["path"].str.contains(data_set.pid).any()
    assert mining.open_mined(again.folder).frame["name"].is_unique


def test_a_retrieval_of_some_files_says_how_many(archive: Any) -> None:
    data_set = added(archive)
    name = data_set.files()["path"][1]
    openem.retrieve(data_set.pid, files=[name]).run(pace=scicat.Pace(0.05, 0.2))
    files = images_of(data_set)
    assert [file.name for file in files] == [name]
    assert files.notes == ("Retrieved: 1 of 4 files.",)


def test_public_data_that_somebody_brought_out_are_read_by_anybody(
    here: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = here.scicat["practice"]
    data_set = openem.get(service.add_dataset(files=3, size=300_000, published=True))
    scicat.logout("practice")
    openem.retrieve(data_set.pid, email="a@example.org", folder=settings.folders().data / "x")
    end = time.monotonic() + 120
    while True:
        try:
            files = images_of(data_set.reload())
            break
        except NotOnDisk:
            assert time.monotonic() < end, [one.words for one in openem.retrievals()]
            time.sleep(0.05)
    assert len(files) == 3
    with files[2].open() as micrograph:
        assert micrograph.thumbnail(32).size


def test_files_in_the_folder_where_they_were_recorded_are_read_there(
    here: Facility, tmp_path: Path
) -> None:
    data_set = openem.get(here.scicat["practice"].add_dataset(files=2, size=1000))
    seen = replace(data_set, source_folder=str(tmp_path))
    for path, size in zip(*(data_set.files()[name] for name in ("path", "size")), strict=True):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(bytes(size))
    (tmp_path / "another.mrc").write_bytes(b"of somebody else")
    assert [file.path.parent.parent for file in images_of(seen)] == [tmp_path, tmp_path]
    (tmp_path / path).write_bytes(bytes(size - 1))  # another folder of that name
    with pytest.raises(NotOnDisk):
        images_of(seen)


def test_the_metadata_tell_what_no_file_knows(archive: Any) -> None:
    data_set = added(archive)
    facts = source_of(data_set).facts
    assert facts.cs == 2.7
    assert facts.voltage in (200, 300)
    brought_out(data_set.pid)
    mined = mining.mine(data_set, measures=["statistics", "ctf"], workers=2)
    assert mined.frame["ctf_cs"].tolist() == [2.7] * 4
    assert mined.frame["voltage"].tolist() == [facts.voltage] * 4
    assert mined.frame["path"].str.startswith(f"{data_set.profile}:{data_set.pid}/").all()
    other = {**data_set.metadata, "instrument": {"acceleration_voltage": {"value": 120}}}
    assert default_folder(source_of(replace(data_set, metadata=other))) != mined.folder
    assert default_folder(source_of(data_set)) == mined.folder


@pytest.mark.parametrize(
    ("metadata", "voltage"),
    [
        ({}, None),
        ({"instrument": "KRIOS"}, None),
        ({"instrument": {"acceleration_voltage": {"value": 300000, "unit": "V"}}}, 300),
        ({"instrument": {"acceleration_voltage": {"value": 300}}}, None),
        ({"instrument": {"acceleration_voltage": {"value": "300", "unit": "kV"}}}, None),
        ({"instrument": {"acceleration_voltage": {"value": 300, "unit": "parsec"}}}, None),
        ({"instrument": {"acceleration_voltage": {"value": -1, "unit": "kV"}}}, None),
        ({"instrument": {"acceleration_voltage": {"value": 300000, "unit": "kV"}}}, None),
        ({"instrument": {"acceleration_voltage": {"value": True, "unit": "kV"}}}, None),
    ],
)
def test_optics_are_read_or_not_known(metadata: Any, voltage: float | None) -> None:
    assert optics(metadata)["voltage"] == voltage


def test_a_source_that_is_none() -> None:
    with pytest.raises(InvalidInput, match="neither a folder"):
        images_of(3)
    with pytest.raises(InvalidInput, match="2 data sets"):
        images_of(SimpleNamespace(pids=("a/1", "a/2"), folder="/"))


def test_a_folder_of_the_name_of_an_entry_is_that_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ENTRY).mkdir()
    (tmp_path / ENTRY / "m.mrc").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    files = images_of(ENTRY)
    assert [file.path for file in files] == [tmp_path / ENTRY / "m.mrc"]
    assert files["m.mrc"].size == 1
    with pytest.raises(InvalidInput, match=r"no image 'n\.mrc'"):
        files["n.mrc"]
    assert "1 image" in repr(files)
    assert "m.mrc" in files._repr_html_()
