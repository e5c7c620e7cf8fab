from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import scicat
from openem_nb.errors import Conflict, InvalidInput, NotAllowed, NotLoggedIn, Unreachable
from openem_nb.practice.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Place


@pytest.fixture
def pid(place: Place) -> Iterator[str]:
    """Return a data set of ada's, with ada logged in."""
    assert place.service is not None
    pid = place.service.add_dataset(group=place.group(20001), tars=1, keywords=["SPA"])
    place.log_in("ada")
    yield pid
    place.service.store.delete("datasets", pid)


def stored(place: Place, pid: str) -> dict[str, Any]:
    assert place.service is not None
    document = place.service.store.get("datasets", pid)
    assert document is not None
    return document


def test_only_what_changes_is_sent_and_the_rest_stays(place: Place, pid: str) -> None:
    before = stored(place, pid)
    changed = scicat.update(pid, description="Grid 3", license="CC0-1.0", contact=["a@b.ch"])
    after = stored(place, pid)
    assert changed.description == after["description"] == "Grid 3"
    assert after["contactEmail"] == "a@b.ch"
    different = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert different <= {
        *("description", "license", "contactEmail", "updatedAt", "updatedBy"),
    }
    assert after["datasetlifecycle"] == before["datasetlifecycle"]
    assert after["datasetlifecycle"]["retrievable"] is True


def test_a_change_that_changes_nothing_is_not_sent(place: Place, pid: str) -> None:
    name = scicat.get(pid).name
    begin = len(place.asked())
    scicat.update(pid, name=name)
    assert not any(line.startswith("PATCH") for line in place.asked()[begin:])


def test_metadata_is_replaced_whole_and_comes_back_as_it_was_sent(place: Place, pid: str) -> None:
    metadata = {"acquisition": {"dose": {"value": 40, "unit": "um"}, "note": "größe"}, "n": 3}
    changed = scicat.update(pid, metadata=metadata)
    assert changed.metadata == metadata
    assert stored(place, pid)["scientificMetadata"]["acquisition"]["dose"]["valueSI"] > 0
    again = scicat.update(changed, metadata={**changed.metadata, "n": 4})
    assert again.metadata == {**metadata, "n": 4}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"datasetlifecycle": {"retrieveStatusMessage": "started"}},
        {"isPublished": True},
        {"size": 5},
        {"pid": "x"},
        {"type": "raw"},
        {"version": "3"},
        {"createdAt": "2026-01-01"},
        {"colour": "blue"},
        {"name": "a", "datasetName": "b"},
        {"metadata": {"a.b": 1}},
        {"metadata": {"a": {"": 1}}},
        {"metadata": [1]},
        {"metadata": {"a": object()}},
    ],
)
def test_what_cannot_be_changed_this_way_is_refused_before_it_is_sent(
    place: Place, pid: str, changes: dict[str, Any]
) -> None:
    before = stored(place, pid)
    with pytest.raises(InvalidInput):
        scicat.update(pid, **changes)
    assert stored(place, pid) == before


def test_what_the_service_finds_wrong_is_told_in_its_words(place: Place, pid: str) -> None:
    with pytest.raises(InvalidInput, match="creationTime must be a valid") as caught:
        scicat.update(pid, creationTime="last week")
    assert caught.value.status == 400


def test_a_change_over_somebody_elses_is_refused(place: Place, pid: str) -> None:
    mine = scicat.get(pid)
    place.log_in("curator")
    scicat.update(pid, comment="by the curator")
    place.log_in("ada")
    with pytest.raises(Conflict, match="somebody else") as caught:
        scicat.update(mine, description="by ada")
    assert caught.value.status == 412
    assert scicat.update(mine.reload(), description="by ada").description == "by ada"
    assert stored(place, pid)["comment"] == "by the curator"


def test_a_data_set_can_be_changed_several_times_in_a_row(place: Place, pid: str) -> None:
    found = scicat.get(pid)
    for number in range(5):
        found = scicat.update(found, comment=f"change {number}")
    assert stored(place, pid)["comment"] == "change 4"


def test_keywords_are_added_and_removed_whoever_else_does(
    place: Place, pid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openem_nb.scicat import edits

    sent = edits._send
    faster = ["one", "two", "three"]

    def slow(*args: Any, **kwargs: Any) -> Any:
        if faster:  # somebody else changes the same list between reading and sending
            assert place.service is not None
            word, document = faster.pop(), stored(place, pid)
            document["keywords"].append(word)
            document["updatedAt"] = place.service.now()
            place.service.offset += timedelta(milliseconds=20)
            place.service.store.put("datasets", pid, document)
        return sent(*args, **kwargs)

    monkeypatch.setattr(edits, "_send", slow)
    found = scicat.set_keywords(pid, add=["apoferritin", "SPA"], remove="STEM")
    assert set(found.keywords) == {"SPA", "apoferritin", "one", "two", "three"}
    assert scicat.set_keywords(found, remove=["one", "nothing"]).keywords.count("one") == 0


def test_who_is_never_first_is_told(place: Place, pid: str) -> None:
    assert place.facility is not None
    place.facility.add_fault(Fault("status", path=r"v3/datasets/[^/?]+$", status=412))
    with pytest.raises((Conflict, InvalidInput)):
        scicat.set_keywords(pid, add="late")
    place.facility.clear_faults()
    assert "late" not in scicat.get(pid).keywords


def test_sharing_lets_a_group_read_and_shows_it_to_a_person(place: Place, pid: str) -> None:
    place.log_in("ben")
    assert scicat.count(f'"{pid}"') == 0
    place.log_in("ada")
    shared = scicat.share(pid, groups=place.group(20003), people="ben@practice.example")
    assert shared.access_groups == (place.group(20003),)
    assert shared.shared_with == ("ben@practice.example",)
    place.log_in("ben")
    assert scicat.get(pid).files().complete
    place.log_in("ada")
    scicat.unshare(pid, groups=[place.group(20003)])
    place.log_in("ben")
    assert scicat.count(f'"{pid}"') == 1  # listed, by the address
    place.log_in("ada")
    assert scicat.unshare(pid, people="ben@practice.example").shared_with == ()
    with pytest.raises(InvalidInput, match="e-mail"):
        scicat.share(pid, people="ben")
    with pytest.raises(InvalidInput):
        scicat.share(pid)


def test_a_lifecycle_is_changed_in_parts(place: Place, pid: str) -> None:
    before = stored(place, pid)["datasetlifecycle"]
    found = scicat.set_lifecycle(pid, retrieve_status="datasetRetrieved")
    assert found.lifecycle.retrievable
    after = stored(place, pid)["datasetlifecycle"]
    assert {key for key in after if after[key] != before.get(key)} == {"retrieveStatusMessage"}
    for bad in ({}, {"retrievable": None}, {"retrievable": "yes"}, {"published_on": "x"}):
        with pytest.raises(InvalidInput):
            scicat.set_lifecycle(pid, **bad)


def test_pictures_are_attached_from_files_bytes_and_figures(
    place: Place, pid: str, tmp_path: Any
) -> None:
    from matplotlib.figure import Figure
    from PIL import Image

    path = tmp_path / "grid.png"
    Image.new("RGB", (3000, 2000), (200, 30, 30)).save(path)
    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    scicat.attach(pid, path, "Grid")
    scicat.attach(pid, path.read_bytes(), "Again")
    scicat.attach(pid, figure, "Curve")
    found = scicat.get(pid).attachments()
    assert sorted(one.caption for one in found) == ["Again", "Curve", "Grid"]
    assert all(one.image and len(one.image) <= 300_000 for one in found)
    with pytest.raises(InvalidInput):
        scicat.attach(pid, tmp_path / "missing.png")
    with pytest.raises(InvalidInput):
        scicat.attach(pid, 5)
    assert base64.b64encode(found[0].image).decode() in found[0].uri


def test_who_may_not_change_it_is_told_whose_it_is(place: Place, pid: str) -> None:
    place.log_in("reader")  # in the owner group, but may only read
    with pytest.raises(NotAllowed, match="your groups are") as caught:
        scicat.update(pid, comment="x")
    assert place.group(20001) in str(caught.value)
    assert "only read" in caught.value.hint
    public = place.service.add_dataset(group=place.group(20005), published=True)
    try:
        with pytest.raises(NotAllowed, match=f"belongs to {place.group(20005)}") as caught:
            scicat.set_keywords(public, add="mine")
        assert "owner group" in caught.value.hint
        scicat.logout()
        with pytest.raises(NotLoggedIn, match="needs a log-in"):
            scicat.update(public, comment="x")
    finally:
        place.service.store.delete("datasets", public)


def test_a_change_that_is_too_large_is_not_sent(place: Place, pid: str) -> None:
    begin = len(place.asked())
    with pytest.raises(InvalidInput, match="too large"):
        scicat.update(pid, metadata={"blob": "x" * 15_000_001})
    assert not any(line.startswith("PATCH") for line in place.asked()[begin:])


def test_a_change_is_sent_once_whatever_happens(place: Place, pid: str) -> None:
    assert place.facility is not None
    begin = len(place.asked())
    place.facility.add_fault(Fault("status", path=r"datasetlifecycle$", status=503))
    with pytest.raises(Unreachable):
        scicat.set_lifecycle(pid, retrieve_status="started")
    assert sum(line.startswith("PATCH") for line in place.asked()[begin:]) == 1


def test_a_data_set_of_one_instance_is_not_changed_at_another(place: Place, pid: str) -> None:
    other = next(name for name in ("practice", "practice-ethz") if name != place.name)
    with pytest.raises(InvalidInput, match=f"not at {other}"):
        scicat.update(scicat.get(pid), comment="x", profile=other)
