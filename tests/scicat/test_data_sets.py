from __future__ import annotations

import base64
import io
import warnings
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import scicat
from openem_nb.errors import BadAnswer, InvalidInput, QueryTruncatedWarning
from openem_nb.practice.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Place

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def added(place: Place) -> Iterator[Any]:
    """Return a function that adds a data set for the time of the test."""
    assert place.service is not None
    pids: list[str] = []

    def add(*, later: dict[str, Any] | None = None, **fields: Any) -> str:
        """Add one; ``later`` is written over what was made, as dirt is."""
        pid = place.service.add_dataset(**fields)
        pids.append(pid)
        if later is not None:
            store = place.service.store
            store.put("datasets", pid, {**(store.get("datasets", pid) or {}), **later})
        return pid

    yield add
    for pid in pids:
        place.service.store.delete("datasets", pid)


def test_a_data_set_says_what_its_document_says(place: Place) -> None:
    document = place.seen_by(None)[place.pid(0)]
    found = scicat.get(place.pid(0))
    assert found.name == document["datasetName"]
    assert found.owner == document["owner"]
    assert found.contact == (document["contactEmail"],)
    assert found.size == document["size"]
    assert found.file_count == document["numberOfFiles"]
    assert found.created is not None
    assert found.created.isoformat(timespec="milliseconds") == document["creationTime"].replace(
        "Z", "+00:00"
    )
    assert found.published
    assert found.lifecycle.words == f"on tape at {place.service.storage}, can be retrieved"
    assert found.metadata["acquisition"]["pixel_size"].keys() == {"value", "unit"}
    assert "valueSI" in str(found.document)
    assert found.url.endswith("/datasets/" + place.pid(0).replace("/", "%2F"))
    assert found.notice
    assert found.reload() == found


@pytest.mark.parametrize(
    ("lifecycle", "state", "words"),
    [
        ({"archivable": True, "archiveStatusMessage": "datasetCreated"}, "on disk", "not archived"),
        ({"archivable": True, "retrievable": True}, "on tape", "can be retrieved"),
        ({"archiveStatusMessage": "scheduledForArchiving"}, "being archived", "being archived"),
        ({"archiveStatusMessage": "filesNotYetAvailable"}, "not there yet", "copied"),
        ({"archiveStatusMessage": "missingFilesError"}, "failed", "files were missing"),
        ({"archivable": None, "retrievable": None}, "unclear", "not available"),
        ({"retrievable": True, "retrieveStatusMessage": "started"}, "on tape", "brought back"),
        (
            {"retrievable": True, "retrieveStatusMessage": "datasetRetrievalFailed"},
            "on tape",
            "last retrieval failed",
        ),
        ({"retrievable": True, "storageLocation": "ETHZ"}, "on tape", "at ETHZ"),
    ],
)
def test_the_lifecycle_is_told_in_words(
    place: Place, added: Any, lifecycle: dict[str, Any], state: str, words: str
) -> None:
    pid = added(published=True, later={"datasetlifecycle": lifecycle})
    found = scicat.get(pid).lifecycle
    assert found.state == state
    assert words in found.words
    assert state in scicat.lifecycle.STATES
    assert list(scicat.search(f'"{pid}"')["state"]) == [state]


def test_half_a_million_files_in_a_hundred_and_five_blocks_all_come(place: Place) -> None:
    found = scicat.get(place.pid(1))
    files = found.files()
    assert len(files) == found.file_count == files.expected == 500_000
    assert files.complete
    assert not files.problem
    assert files["path"].is_unique
    assert files["size"].sum() == found.size
    assert files["block"].nunique() == 105
    assert files["time"].notna().all()
    assert files.memory_usage(deep=True).sum() < 150e6


def test_many_small_blocks_of_a_private_data_set_all_come(place: Place) -> None:
    place.log_in("admin")
    found = scicat.get(place.pid(3))
    files = found.files()
    assert len(files) == found.file_count == 240
    assert files["block"].nunique() == 120
    assert files.complete


def test_a_hundred_and_thirty_tape_blocks_come_with_all_checksums(place: Place) -> None:
    found = scicat.get(place.pid(2))
    blocks = found.tape()
    assert len(blocks) == 130
    assert sum(len(block.files) for block in blocks) == found.file_count
    assert sum(block.size for block in blocks) == found.size
    assert sum(block.packed_size for block in blocks) == found.packed_size
    length = {"sha1": 40, "md5": 32}[blocks[0].algorithm]
    assert all(len(file.checksum) == length for block in blocks for file in block.files)
    names = [block.name for block in blocks]
    numbers = [
        int(name.removesuffix(".tar").replace("_", "-").rpartition("-")[2]) for name in names
    ]
    assert numbers == sorted(numbers)
    summary = found.tape(files=False)
    assert [block.archive_id for block in summary] == [block.archive_id for block in blocks]
    assert all(block.files == () for block in summary)


def test_files_of_a_data_set_that_was_published_later_are_there_for_everybody(
    place: Place,
) -> None:
    """The blocks themselves still say that they are private."""
    found = scicat.get(place.pid(0))
    assert found.files().complete
    assert len(found.tape()) == 2


def test_a_list_of_files_that_disagrees_is_given_with_a_warning(place: Place, added: Any) -> None:
    pid = added(files=5, numberOfFiles=9, published=True)
    with pytest.warns(QueryTruncatedWarning, match="states 9 files"):
        files = scicat.get(pid).files()
    assert len(files) == 5
    assert not files.complete
    assert "may be incomplete" in files.problem


def test_a_part_of_the_file_list_is_an_ordinary_table(place: Place) -> None:
    files = scicat.get(place.pid(0)).files()
    assert not hasattr(files[files["size"] > 0], "complete")


def test_files_of_what_was_never_archived(place: Place, added: Any) -> None:
    pid = added(files=3, tars=0, published=True)
    found = scicat.get(pid)
    assert found.tape() == []
    assert found.files().complete


def test_an_old_server_without_scopes_gives_its_first_hundred_with_a_warning(
    place: Place,
) -> None:
    assert place.facility is not None
    found = scicat.get(place.pid(2))
    place.facility.add_fault(Fault("status", path=r"v3/datasets\?filter=.*include", status=400))
    with pytest.warns(QueryTruncatedWarning, match="100 came"):
        assert len(found.tape()) == 100
    assert found.files().complete  # two blocks only


def test_a_page_that_is_too_large_for_the_database_is_asked_for_in_halves(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openem_nb.scicat import _blocks

    monkeypatch.setattr(_blocks, "_FILES_A_PAGE", 10_000_000)
    here = scicat.connection()
    blocks = list(_blocks.included(here, place.pid(1), "origdatablocks", page=105))
    assert len({block["_id"] for block in blocks}) == 105


def test_no_list_of_blocks_is_no_empty_list(place: Place) -> None:
    assert place.facility is not None
    found = scicat.get(place.pid(0))
    place.facility.add_fault(Fault("wrong_json", path="include"))
    with pytest.raises(BadAnswer):
        found.files()


def test_pictures_beyond_ten_come_and_only_real_ones_are_shown(place: Place, added: Any) -> None:
    pid = added(published=True, group=place.group(20001))
    place.log_in("ada")
    here = scicat.connection()
    bad = [
        "data:image/svg+xml;base64," + base64.b64encode(b"<svg onload='alert(1)'/>").decode(),
        "data:image/png;base64," + base64.b64encode(b"<html>").decode(),
        "data:text/html;base64,PGI+",
        "https://example.org/track.png",
        'data:image/png;base64,AAAA" onerror="alert(1)',
        "",
    ]
    for number in range(12):
        uri = f"data:image/png;base64,{PIXEL}" if number % 2 else bad[number // 2]
        here.send(
            "POST",
            f"datasets/{pid.replace('/', '%2F')}/attachments",
            {"thumbnail": uri, "caption": f"<i>{number}</i>", "ownerGroup": place.group(20001)},
        )
    found = scicat.get(pid).attachments()
    assert len(found) == 12
    assert sorted(bool(one.uri) for one in found) == [False] * 6 + [True] * 6
    assert all(one.kind == "image/png" for one in found if one.uri)
    html = scicat.get(pid)._repr_html_()
    assert "onerror" not in html
    assert "<svg" not in html
    assert "example.org" not in html
    assert html.count("data:image/png;base64,") >= 1


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_card_can_be_read_by_everybody(place: Place) -> None:
    found = scicat.get(place.pid(0))
    card = _Tags(found._repr_html_())
    assert card.open == []
    tags = [tag for tag, _ in card.all]
    assert tags[0] == "article"
    assert card.all[0][1]["aria-label"] == f"Data set {found.name}"
    for words in (
        found.pid,
        found.owner,
        "on tape at",
        "since",
        "in 6 files",
        "yes, everybody can see it",
        "acceleration_voltage: 300 kV",
        "Practice data",
        "Tape blocks (2",
    ):
        assert words in card.text, words
    links = [attributes for tag, attributes in card.all if tag == "a"]
    assert all(link["rel"] == "noopener noreferrer" for link in links)
    assert all(attributes["scope"] for tag, attributes in card.all if tag == "th")
    assert "script" not in tags


def test_a_terminal_shows_the_facts_and_obeys_no_name(place: Place, added: Any) -> None:
    pid = added(
        published=True, later={"owner": "Ada & Co <a@b.ch>", "keywords": ["a\x1b[2Jb", "\u202ex"]}
    )
    found = scicat.get(pid)
    begin = len(place.asked())
    text = str(found)
    assert len(place.asked()) == begin
    assert f"PID:           {pid}" in text.splitlines()
    assert "Owner:         Ada & Co <a@b.ch>" in text.splitlines()
    assert "Practice data" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert repr(found).startswith(f"<DataSet {pid} ")


def test_the_card_says_what_could_not_be_read(place: Place) -> None:
    assert place.facility is not None
    found = scicat.get(place.pid(0))
    place.facility.add_fault(Fault("status", path="include", status=400))
    place.facility.add_fault(Fault("status", path="attachments", status=403))
    card = found._repr_html_()
    assert "The pictures could not be read now" in card
    assert found.owner in card


def test_names_with_markup_are_words_in_every_view(place: Place, added: Any) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    pid = added(
        published=True,
        datasetName=evil,
        description=evil,
        owner=evil,
        keywords=[evil],
        license=evil,
        creationLocation=evil,
        instrumentIds=[evil],
        techniques=[{"pid": evil, "name": evil}],
        scientificMetadata={evil: {evil: evil}, "list": [evil, {evil: [evil]}]},
        path="<b>{:03d}</b>.mrc",
    )
    found = scicat.get(pid)
    views = [
        found._repr_html_(),
        found.files()._repr_html_(),
        scicat.search(pid)._repr_html_(),
    ]
    for html in views:
        tags = {tag for tag, _ in _Tags(html).all}
        assert not tags & {"script", "img", "b"}
    assert "alert(1)" in views[0]


def test_a_document_full_of_dirt_is_still_a_data_set(place: Place, added: Any) -> None:
    dirt = {
        "datasetName": None,
        "owner": None,
        "contactEmail": "a@b.ch; c@d.ch;",
        "keywords": [None, "x", "x", ""],
        "proposalIds": [None],
        "sampleIds": None,
        "size": "12",
        "numberOfFiles": None,
        "creationTime": "last week",
        "scientificMetadata": None,
        "datasetlifecycle": None,
        "techniques": [None, {"pid": "t1"}],
        "relationships": [
            {"pid": "10.1/a", "relationship": "IsCitedBy"},
            {"identifier": "10.1/b", "relationship": "IsReferencedBy", "entityType": "Other"},
            {"externalId": "x"},
            None,
        ],
        "type": "hyperspectral",
    }
    pid = added(published=True, later=dirt)
    found = scicat.get(pid)
    assert found.name == pid
    assert found.contact == ("a@b.ch", "c@d.ch")
    assert found.keywords == ("x",)
    assert found.proposal_ids == found.sample_ids == ()
    assert (found.size, found.file_count) == (12, 0)
    assert found.created is None
    assert found.metadata == {}
    assert found.lifecycle.state == "unclear"
    assert found.techniques == ("t1",)
    assert found.related == (
        ("IsCitedBy", "10.1/a"),
        ("IsReferencedBy", "10.1/b"),
        ("related to", "x"),
    )
    assert found.type == "hyperspectral"
    assert pid in found._repr_html_()
    row = scicat.search(f'"{pid}"').iloc[0]
    assert row["type"] == "hyperspectral"
    assert str(row["created"]) == "NaT"


def test_citing_a_data_set_that_has_no_doi(place: Place, added: Any) -> None:
    pid = added(
        published=True,
        datasetName="50% {apo} & more_1",
        principalInvestigators=["Ada Keller", "Rand and Sons"],
        license="CC BY-SA 4.0",
        inputDatasets=["20.500.11935/x"],
    )
    text = scicat.get(pid).bibtex()
    assert text.startswith("@misc{")
    assert r"title = {{50\% \textbraceleft{}apo\textbraceright{} \& more\_1}}" in text
    assert "author = {Ada Keller and {Rand and Sons}}" in text
    assert text.count("{") == text.count("}")
    record = scicat.get(pid).datacite()
    assert record["schemaVersion"] == "http://datacite.org/schema/kernel-4"
    assert record["types"]["resourceTypeGeneral"] == "Dataset"
    assert record["rightsList"] == [{"rights": "CC BY-SA 4.0"}]
    assert record["relatedIdentifiers"][0]["relationType"] == "IsDerivedFrom"
    assert "doi" not in record


@pytest.mark.parametrize("pid", ["", " ", ".", "..", "a\nb", None])
def test_what_cannot_be_an_identifier_is_refused(place: Place, pid: Any) -> None:
    before = len(place.asked())
    with pytest.raises(InvalidInput):
        scicat.get(pid)
    assert len(place.asked()) == before


def test_many_data_sets_are_asked_for_in_portions(place: Place) -> None:
    from openem_nb.scicat.datasets import documents

    wanted = list(place.seen_by(None))[:230]
    found = documents(scicat.connection(), [*wanted, wanted[0], "20.500.11935/none"], ["size"])
    assert list(found) == wanted
    assert max(len(line) for line in place.asked()) < 8000


def test_pictures_are_made_small_before_they_are_sent() -> None:
    import numpy as np
    from PIL import Image

    from openem_nb.scicat.attachments import LARGEST_SENT, shrunk

    rng = np.random.default_rng(1)
    noise = rng.integers(0, 65535, (2200, 2300), dtype="uint16")
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "TIFF")
    kind, small = shrunk(data.getvalue())
    assert len(small) <= LARGEST_SENT
    with Image.open(io.BytesIO(small)) as image:
        assert image.format in ("PNG", "JPEG")
        assert max(image.size) >= 250
    tiny = base64.b64decode(PIXEL)
    assert shrunk(tiny) == ("image/png", tiny)
    for bad in (b"", b"<svg/>", b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(InvalidInput, match="picture"):
            shrunk(bad)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kind.startswith("image/")
