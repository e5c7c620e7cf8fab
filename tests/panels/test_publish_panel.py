from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import scicat, settings, tokens
from openem_nb.errors import BadAnswer, InvalidInput, NotAllowed
from openem_nb.panels import PublishPanel
from openem_nb.panels._publish_form import metadata_fields, read_metadata
from openem_nb.practice import Fault, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openem_nb.practice import Facility

EVIL = "<img src=x onerror=alert(1)>\u202e"
FILLED = {
    "practice": {
        "metadata:publisher.name": "Practice Institute",
        "metadata:publisher.publisherIdentifierScheme": "ROR",
        "metadata:dates": "2026-01-15 | Collected",
        "metadata:language": "en",
        "metadata:rightsList": "CC BY 4.0",
        "metadata:relatedItems": "JournalArticle | IsReferencedBy",
    },
    "practice-ethz": {
        "metadata:publisher.name": "Practice Institute",
        "metadata:publisher.publisherIdentifierScheme": "ROR",
        "metadata:resourceType": "raw",
    },
}


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Facility]:
    """Run a facility of the test's own: what is published stays so."""
    with serve(entries=50, seed=3, datasets=60, tape_seconds=0.3) as facility:
        monkeypatch.setenv("OPENEM_PROFILE", "practice")
        monkeypatch.setenv("OPENEM_PRACTICE_URL", facility.url)
        yield facility


@pytest.fixture(params=["practice", "practice-ethz"])
def instance(request: pytest.FixtureRequest, catalogue: Facility) -> str:
    """Log in as ada, at both kinds of instance."""
    name: str = request.param
    tokens.save(name, catalogue.scicat[name].users.token("ada"))
    settings.use(name)
    return name


def opened(
    closing: Any, until: Any, catalogue: Facility, instance: str, **fields: Any
) -> tuple[PublishPanel, str]:
    pid = catalogue.scicat[instance].add_dataset(**fields)
    panel = closing(PublishPanel([pid]))
    panel.choice.submit()
    until(lambda: panel.form.fields)
    return panel, pid


def drafted(panel: PublishPanel, instance: str, **values: str) -> scicat.Publication:
    panel.form.fill(**FILLED[instance], **values)
    panel.form.submit()
    assert panel.form.errors == {}
    panel.job.result(120)
    assert panel.record is not None
    return panel.record


def public(catalogue: Facility, instance: str, pid: str) -> bool:
    return bool(catalogue.scicat[instance].store.get("datasets", pid)["isPublished"])


def test_a_draft_shows_what_becomes_public_and_nothing_is_public_yet(
    instance: str, catalogue: Facility, closing: Any, until: Any
) -> None:
    panel, pid = opened(closing, until, catalogue, instance, datasetName="Apo 7")
    labels = {field["label"]: field for field in panel.form.fields}
    assert panel.form.values["title"] == "Apo 7"
    assert "Publisher: Name" in labels
    assert "Has to be filled in" in labels["Creators"]["help"]
    record = drafted(panel, instance)
    assert record.status == "private"
    assert record.pids == (pid,)
    assert not public(catalogue, instance, pid)
    assert "1 becomes public" in panel.preview.value
    assert record.doi in panel.preview.value
    assert settings.profile().notice in panel.preview.value
    assert "This is no real DOI" in panel.preview.value
    assert panel.publish_form.layout.display == ""
    assert panel.register_form.layout.display == "none"
    until(lambda: [row["key"] for row in panel.records.rows] == [record.doi])


def test_publishing_and_registering_want_to_be_told_in_words(
    instance: str, catalogue: Facility, closing: Any, until: Any
) -> None:
    panel, pid = opened(closing, until, catalogue, instance)
    record = drafted(panel, instance)
    (field,) = panel.publish_form.fields
    assert f"PUBLISH {record.doi}" in field["label"]
    for typed in ("yes", record.doi, f"publish {record.doi}"):
        panel.publish_form.submit({"confirm": typed})
        with pytest.raises(InvalidInput, match="Not confirmed"):
            panel.job.result(120)
    assert panel.publish_form.submit({"confirm": " "}) is None
    assert "Type the words" in panel.publish_form.errors["confirm"]
    assert not public(catalogue, instance, pid)

    panel.publish_form.submit({"confirm": f"PUBLISH {record.doi}"})
    panel.job.result(120)
    assert public(catalogue, instance, pid)
    assert panel.record.status == "public"
    assert panel.errors.error is None
    assert panel.form.layout.display == "none"
    assert panel.publish_form.layout.display == "none"
    assert panel.register_form.layout.display == ""

    panel.register_form.submit({"confirm": f"PUBLISH {record.doi}"})
    with pytest.raises(InvalidInput, match="Not confirmed"):
        panel.job.result(120)
    panel.register_form.submit({"confirm": record.doi})
    panel.job.result(120)
    assert panel.record.status == "registered"
    assert "its DOI is registered since" in panel.preview.value
    assert panel.register_form.layout.display == "none"


def test_what_is_missing_has_to_be_mended_before(
    instance: str, catalogue: Facility, closing: Any, until: Any
) -> None:
    panel, _ = opened(closing, until, catalogue, instance)
    panel.form.submit({"title": " "})
    assert "title" in panel.form.errors
    panel.form.submit({"metadata:creators": "a | b | c | d | e | f"})
    assert "too many parts" in panel.form.errors["metadata:creators"]
    panel.form.submit()
    panel.job.result(120)
    assert "To be mended first" in panel.preview.value
    assert panel.publish_form.layout.display == "none"
    doi = panel.record.doi
    drafted(panel, instance, title="Another title")
    assert panel.record.doi == doi  # the same draft
    assert panel.record.title == "Another title"
    assert panel.publish_form.layout.display == ""


def test_the_code_makes_the_same_draft(
    instance: str, catalogue: Facility, closing: Any, until: Any
) -> None:
    panel, _ = opened(closing, until, catalogue, instance)
    with pytest.raises(InvalidInput):
        closing(PublishPanel()).code()
    panel.form.fill(**FILLED[instance], title='It\'s "one"')
    record = drafted(panel, instance)
    assert panel.code_view.text == panel.code()
    names: dict[str, Any] = {}
    exec(panel.code(), names)
    made = names["record"]
    assert made.doi != record.doi
    assert (made.title, made.abstract, made.pids) == (record.title, record.abstract, record.pids)
    assert made.metadata == record.metadata


def test_data_of_others_are_refused_before_anything_is_made(
    instance: str, catalogue: Facility, closing: Any, until: Any
) -> None:
    letter = (instance == "practice" and "p") or "g"
    service = catalogue.scicat[instance]
    pid = service.add_dataset(group=f"{letter}20003", published=True)
    panel = closing(PublishPanel([pid]))
    panel.choice.submit()
    until(lambda: panel.form.fields or panel.errors.error)
    if panel.errors.error is None:
        panel.form.submit(FILLED[instance])
        with pytest.raises(NotAllowed):
            panel.job.result(120)
    assert isinstance(panel.errors.error, NotAllowed)
    assert scicat.publications() == []


def test_a_draft_can_be_taken_up_again_and_discarded(
    instance: str, catalogue: Facility, closing: Any, until: Any, ask: Callable[..., Any]
) -> None:
    panel, pid = opened(closing, until, catalogue, instance)
    record = drafted(panel, instance)
    other = closing(PublishPanel())
    until(lambda: other.records.rows)
    assert ask(other.records, "open", row=record.doi)["type"] == "reply"
    until(lambda: other.record is not None)
    assert other.choice.values["pids"] == pid
    assert other.form.values["metadata:publisher.name"] == "Practice Institute"
    assert other.code() == panel.code()
    ask(other.records, "discard", row=record.doi)
    actions = [name for name, _ in other.records.rows[0]["actions"]]
    assert actions == ["discard-now", "keep"]
    ask(other.records, "discard-now", row=record.doi)
    until(lambda: isinstance(other.errors.error, NotAllowed))  # only some may remove anything
    assert [row["key"] for row in other.records.rows] == [record.doi]
    tokens.save(instance, catalogue.scicat[instance].users.token("admin"))
    ask(other.records, "discard-now", row=record.doi)
    until(lambda: other.records.rows == [])
    until(lambda: other.record is None)
    assert other.preview.value == ""
    assert scicat.publications() == []


def test_a_registration_that_fails_says_what_is_public(
    instance: str, catalogue: Facility, closing: Any, until: Any
) -> None:
    panel, pid = opened(closing, until, catalogue, instance)
    record = drafted(panel, instance)
    panel.publish_form.submit({"confirm": f"PUBLISH {record.doi}"})
    panel.job.result(120)
    catalogue.add_fault(Fault("status", path=r".*/register", status=424))
    panel.register_form.submit({"confirm": record.doi})
    with pytest.raises(BadAnswer):
        panel.job.result(120)
    assert "did not register" in panel.errors.disclosure.sentence
    assert panel.register_form.busy is False
    assert public(catalogue, instance, pid)


def test_names_from_the_server_are_text_and_no_token_shows(
    instance: str,
    catalogue: Facility,
    closing: Any,
    until: Any,
    everything_shown: Callable[..., str],
) -> None:
    panel, _ = opened(
        closing, until, catalogue, instance, datasetName=EVIL, owner=EVIL, description=EVIL
    )
    drafted(panel, instance)
    assert "<img" not in panel.preview.value
    assert "\u202e" not in panel.preview.value
    until(lambda: panel.records.rows)
    assert "\u202e" not in panel.records.rows[0]["title"]
    assert tokens.find(instance).reveal() not in everything_shown(panel)


def test_lines_that_stay_as_they_were_keep_what_is_not_shown(
    instance: str, catalogue: Facility
) -> None:
    pid = catalogue.scicat[instance].add_dataset()
    form = scicat.form_fields()
    proposed = scicat.prefill(pid)["metadata"]
    proposed["creators"][0]["orcid"] = "0000-0001"  # nothing of the form, and it stays
    values = {field.name: field.value for field in metadata_fields(form, proposed)}
    found, errors = read_metadata(form, values, proposed)
    assert errors == {}
    names = {one.name for one in form}
    given = {key: value for key, value in proposed.items() if key in names}
    assert {key: found[key] for key in given} == given
    values["metadata:creators"] += "\nMuster, Eva"
    more, errors = read_metadata(form, values, proposed)
    if errors:  # this instance wants more than a name of each
        assert "is missing" in errors["metadata:creators"]
    else:
        assert json.loads(json.dumps(more["creators"][1])) == {"name": "Muster, Eva"}
