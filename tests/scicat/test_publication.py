from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import scicat
from openem_nb.errors import BadAnswer, InvalidInput, NotAllowed, NotFound, NotLoggedIn
from openem_nb.scicat.connection import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Place


@pytest.fixture
def pids(place: Place) -> Iterator[list[str]]:
    """Return two private data sets of ada's on tape, with ada logged in."""
    assert place.service is not None
    added = [
        place.service.add_dataset(
            group=place.group(20001), tars=1, datasetName=f"Session {number}", accessGroups=["x"]
        )
        for number in range(2)
    ]
    place.log_in("ada")
    yield added
    for pid in added:
        place.service.store.delete("datasets", pid)


def whole(place: Place) -> dict[str, Any]:
    """Return all that the form of an instance wants."""
    home = {"name": "Here", "affiliationIdentifierScheme": ""}
    return {
        "creators": [
            {
                "name": "Keller, Ada",
                "givenName": "Ada",
                "familyName": "Keller",
                "affiliation": [home],
            }
        ],
        "publisher": {"name": "Practice", "publisherIdentifierScheme": "ROR"},
        "publicationYear": 2026,
        "dates": [{"date": "2026-11-01", "dateType": "Collected"}],
        "language": "en",
        "rightsList": [{"rights": "CC BY 4.0"}],
        "relatedItems": [],
        "resourceType": "raw",
    }


def is_public(place: Place, pid: str) -> bool:
    assert place.service is not None
    document = place.service.store.get("datasets", pid)
    assert document is not None
    return bool(document["isPublished"])


def test_the_form_says_what_an_instance_wants(place: Place) -> None:
    place.log_in("ada")
    fields = {one.name: one for one in scicat.form_fields()}
    assert fields["creators"].required
    assert fields["creators"].kind == "list"
    assert "name" in {one.name for one in fields["creators"].fields}
    assert fields["publicationYear"].kind == "number"
    assert fields["publisher"].kind == "group"
    assert fields["publicationYear"].title == "Publication year"
    assert not fields["landingPage"].required


def test_the_service_proposes_title_and_abstract(place: Place, pids: list[str]) -> None:
    proposed = scicat.prefill(pids[:1])
    assert proposed["title"] == "Session 0"
    record = scicat.draft(pids[0])
    assert record.title == "Session 0"
    assert record.abstract == scicat.get(pids[0]).description


def test_a_draft_is_private_and_makes_nothing_public(place: Place, pids: list[str]) -> None:
    record = scicat.draft(pids, title="Two sessions", abstract="Both.", metadata=whole(place))
    assert record.status == "private"
    assert record.words == "a draft that only you and the facility see"
    assert record.pids == tuple(pids)
    assert record.file_count == 8
    assert not any(is_public(place, pid) for pid in pids)
    assert record.doi in {one.doi for one in scicat.publications()}
    place.log_in("ben")
    with pytest.raises(NotFound):
        scicat.publication(record.doi)


def test_the_preview_shows_what_becomes_public_and_what_is_since_when(
    place: Place, pids: list[str]
) -> None:
    first = scicat.draft(pids[:1], title="First", abstract="One.", metadata=whole(place))
    first.register(confirm=first.doi)
    record = scicat.draft(pids, title="Both", abstract="Two.", metadata=whole(place))
    look = record.preview()
    assert [item.pid for item in look.becoming_public] == [pids[1]]
    words = {item.pid: item.words for item in look.items}
    assert words[pids[1]] == "becomes public"
    assert words[pids[0]].startswith("public since 2026-")
    assert look.problems == ()
    assert "1 becomes public for everybody and for good; 1 is already." in look.words
    assert "no real DOI" in look.words
    assert look.size == sum(scicat.get(pid).size for pid in pids)
    html = look._repr_html_()
    for text in (*pids, "becomes public", "public since", "Practice data"):
        assert text in html
    assert not is_public(place, pids[1])


def test_publishing_wants_to_be_confirmed_in_words(place: Place, pids: list[str]) -> None:
    record = scicat.draft(pids, title="Two", abstract="Both.", metadata=whole(place))
    for wrong in ("", "yes", record.doi, f"publish {record.doi}", "PUBLISH 10.5072/other"):
        with pytest.raises(InvalidInput, match="Not confirmed") as caught:
            record.publish(confirm=wrong)
        assert record.preview().publish_words in caught.value.hint
    with pytest.raises(InvalidInput, match="Not confirmed"):
        record.register(confirm=f"PUBLISH {record.doi}")
    assert record.reload().status == "private"
    assert not any(is_public(place, pid) for pid in pids)
    published = record.publish(confirm=f"PUBLISH {record.doi}")
    assert published.status == "public"
    assert all(is_public(place, pid) for pid in pids)
    scicat.logout()
    assert scicat.get(pids[0]).published
    assert scicat.publication(record.doi).words == "public, its DOI is not registered yet"


def test_registering_keeps_what_is_on_tape_retrievable(place: Place, pids: list[str]) -> None:
    record = scicat.draft(pids, title="Two", abstract="Both.", metadata=whole(place))
    registered = record.register(confirm=record.doi)
    assert registered.status == "registered"
    assert registered.registered is not None
    assert "DOI is registered since 2026-" in registered.words
    for pid in pids:
        found = scicat.get(pid)
        assert found.published
        assert found.lifecycle.retrievable
        assert not found.lifecycle.archivable
        assert found.lifecycle.archive_status == "datasetOnArchiveDisk"
    text = scicat.get(pids[0]).bibtex()
    assert "@dataset{" in text
    assert f"doi = {{{record.doi}}}" in text
    assert "author = {Keller, Ada}" in text
    record = scicat.get(pids[0]).datacite()
    assert record["creators"][0]["familyName"] == "Keller"
    assert record["publicationYear"] == 2026
    assert f"https://doi.org/{registered.doi}" in str(record["identifiers"])
    assert f'href="https://doi.org/{registered.doi}"' in scicat.get(pids[0])._repr_html_()


def test_what_is_missing_is_said_before_anything_goes_out(place: Place, pids: list[str]) -> None:
    wanted = whole(place)
    wanted["creators"] = []
    del wanted["publisher"]
    record = scicat.draft(pids, title="Two", abstract="Both.", metadata=wanted)
    if place.name == "practice-ethz":
        assert "creators" in record.preview().words
    if place.name == "practice":
        # a group by its parts, a list by what each member needs: so they are filled in
        assert "publisher.name, publisher.publisherIdentifierScheme" in record.preview().words
    assert "publisher" in record.preview().words
    with pytest.raises(InvalidInput, match="publisher"):
        record.publish(confirm=f"PUBLISH {record.doi}")
    assert not any(is_public(place, pid) for pid in pids)
    mended = record.edit(metadata=whole(place))
    assert mended.preview().problems == ()


def test_the_services_own_objections_are_told_in_words(
    place: Place, pids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publications = import_module("openem_nb.scicat.publications")  # the function has its name
    record = scicat.draft(pids, title="Two", abstract="Both.", metadata=whole(place))
    bad = record.edit(metadata={"publicationYear": None})
    monkeypatch.setattr(publications, "missing", lambda *_: [])
    with pytest.raises(InvalidInput, match="publicationYear") as caught:
        bad.publish(confirm=f"PUBLISH {record.doi}")
    assert caught.value.status == 400
    assert "Nothing became public" in str(caught.value)


def test_a_registration_that_fails_says_what_is_public_nevertheless(
    place: Place, pids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.service is not None
    record = scicat.draft(pids, title="Two", abstract="Both.", metadata=whole(place))
    monkeypatch.setattr(
        place.service, "datacite_trouble", "Error: connect ECONNREFUSED", raising=True
    )
    with pytest.raises(BadAnswer, match="did not register") as caught:
        record.register(confirm=record.doi)
    assert caught.value.status == 424
    for pid in pids:
        assert pid in str(caught.value)
        assert is_public(place, pid)
        assert scicat.get(pid).lifecycle.retrievable  # mended in this case as well
    assert record.reload().status == "private"
    monkeypatch.setattr(place.service, "datacite_trouble", "")
    assert record.register(confirm=record.doi).status == "registered"


def test_data_sets_of_others_stop_it_before_anything_goes_out(
    place: Place, pids: list[str]
) -> None:
    assert place.service is not None
    foreign = place.service.add_dataset(group=place.group(20003), published=True)
    try:
        begin = len(place.asked())
        with pytest.raises(NotAllowed, match=foreign):
            scicat.draft([*pids, foreign], title="Three", abstract="x")
        with pytest.raises(NotFound):
            scicat.draft([*pids, f"{place.service.prefix}/none"], title="Three", abstract="x")
        assert not any(line.startswith("POST") for line in place.asked()[begin:])
        record = scicat.draft(pids, title="Two", abstract="Both.", metadata=whole(place))
        # somebody puts another group's data set into it by other means
        scicat.connection().send(
            "PATCH",
            f"publisheddata/{quoted(record.doi)}",
            {"datasetPids": [*pids, foreign]},
            version=4,
        )
        record = record.reload()
        assert foreign in record.preview().words
        for act, words in (
            (record.publish, f"PUBLISH {record.doi}"),
            (record.register, record.doi),
        ):
            with pytest.raises(NotAllowed, match="Nothing was changed"):
                act(confirm=words)
        assert not any(is_public(place, pid) for pid in pids)
    finally:
        place.service.store.delete("datasets", foreign)


def test_what_is_out_is_not_edited_or_discarded(place: Place, pids: list[str]) -> None:
    record = scicat.draft(pids, title="Two", abstract="Both.", metadata=whole(place))
    assert record.edit() is record
    assert record.edit(title="Twice", abstract="New.", pids=pids[:1]).pids == tuple(pids[:1])
    record.reload().publish(confirm=f"PUBLISH {record.doi}")
    with pytest.raises(InvalidInput, match="private state"):
        record.edit(title="Thrice")
    with pytest.raises(InvalidInput, match="no draft any more"):
        record.discard()


def test_a_draft_can_be_discarded_by_those_who_may(place: Place, pids: list[str]) -> None:
    record = scicat.draft(pids, title="Two", abstract="Both.")
    with pytest.raises(NotAllowed):
        record.discard()
    place.log_in("admin")
    record.discard()
    with pytest.raises(NotFound):
        record.reload()


def test_publishing_needs_a_log_in_and_data_sets(place: Place, pids: list[str]) -> None:
    with pytest.raises(InvalidInput):
        scicat.draft([])
    scicat.logout()
    with pytest.raises(NotLoggedIn):
        scicat.draft(pids)
    assert all(one.status == "registered" for one in scicat.publications())
