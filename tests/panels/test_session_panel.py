"""The SessionPanel with practice sessions: read, complete, save, convert."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gemmi
import pytest

from openem_nb import mmcif, oscem, settings
from openem_nb.errors import Cancelled, InvalidInput, InvalidMetadata, NotFound
from openem_nb.panels.session import SessionPanel
from openem_nb.practice import sessions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openem_nb.practice.sessions import SessionTruth

EVIL = "<img src=x onerror=alert(1)>\u202egpj\x1b[2J"
GIVEN = {
    "date-time": "2024-08-31T20:03:13+02:00",
    "quantity": "2.7 {unit}",
    "number": "2",
    "integer": "2",
    "truth": "yes",
}


@pytest.fixture
def truth(tmp_path: Path) -> SessionTruth:
    """Write a session that says all that OSC-EM asks for, and has a file of no bytes."""
    return sessions.write_session(
        tmp_path / "session", images=12, faults=("empty",), overviews=False
    )


@pytest.fixture
def sparse(tmp_path: Path) -> SessionTruth:
    """Write a session that does not say all that OSC-EM asks for."""
    return sessions.write_session(tmp_path / "sparse", kind="serialem-spa", images=8)


def opened(closing: Callable[[Any], Any], folder: Path, **options: Any) -> SessionPanel:
    panel: SessionPanel = closing(SessionPanel(folder, **options))
    panel.job.result(120)
    return panel


def answer_all(panel: SessionPanel) -> None:
    """Fill in all that is missing, as a person would."""
    values = {}
    for one in panel.extraction.missing:
        example = GIVEN.get(one.type, "something").format(unit=one.unit)
        values[one.path] = one.choices[0] if one.choices else example
    panel.missing_form.submit(values)
    assert panel.missing_form.errors == {}
    panel.job.result(120)


def made_by(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)  # what a person would run
    return names


def test_a_session_is_read_at_once_and_shown(closing: Any, ask: Any, truth: SessionTruth) -> None:
    panel = opened(closing, truth.folder)
    assert panel.extraction.technique == truth.technique
    assert "session: spa, " in panel.summary.value
    assert panel.tabs.layout.display == ""
    pixel = ask(panel.tree, "details", id="acquisition.pixel_size")["content"]
    found = dict(pixel["rows"])
    value, unit = truth.values["acquisition.pixel_size"]
    assert found["Value"] == f"{value} {unit}"
    assert found["File"].endswith(".xml")
    assert found["Agree"].startswith(f"{truth.images} of {truth.images}")
    kinds = {(row["state"], row["title"]) for row in panel.findings.rows}
    assert len(kinds) == len(panel.extraction.findings)
    assert any("1 file: " in row["detail"] for row in panel.findings.rows)
    assert panel.coverage is not None
    frame = panel.coverage.frame
    needed = frame[(frame["emdb"] == "mandatory") | (frame["empiar"] == "mandatory")]
    view = panel.coverage_view
    assert f"{int(needed['there'].sum())} of {len(needed)} parameters" in view.words.value
    assert view.table.value.count("<tr>") == len(needed) + 1
    view.choice.value = "open"
    assert view.table.value.count("<tr>") == int((~needed["there"]).sum()) + 1
    view.choice.value = "all"
    assert view.table.value.count("<tr>") == len(frame) + 1
    assert " nm</td>" in view.table.value


def test_what_no_file_says_is_asked_and_put_in(
    closing: Any, ask: Any, sparse: SessionTruth
) -> None:
    panel = opened(closing, sparse.folder)
    asked = {field["name"] for field in panel.missing_form.fields}
    assert asked == {one.path for one in panel.extraction.missing}
    assert "instrument.illumination" in asked
    before = panel.coverage
    answer_all(panel)
    assert oscem.validate(panel.document) == ()
    assert "Nothing is missing" in panel.missing_words.value
    assert panel.missing_form.layout.display == "none"
    assert panel.coverage is not before
    given = next(iter(asked))
    details = dict(ask(panel.tree, "details", id=given)["content"]["rows"])
    assert details["Where from"] == "given by a person"


def test_a_wrong_answer_is_said_at_its_field(closing: Any, truth: SessionTruth) -> None:
    panel = opened(closing, truth.folder)
    before = panel.document
    panel.missing_form.show([*_fields("instrument.cs", "acquisition.holder")])
    panel.missing_form.submit({"instrument.cs": "2.7 kV", "acquisition.holder": "autoloader"})
    assert list(panel.missing_form.errors) == ["instrument.cs"]
    assert "mm" in panel.missing_form.errors["instrument.cs"]
    assert panel.document == before


def _fields(*names: str) -> list[Any]:
    from openem_nb.panels.form import Field

    return [Field(name, name) for name in names]


def test_a_value_is_edited_in_the_tree(closing: Any, ask: Any, truth: SessionTruth) -> None:
    panel = opened(closing, truth.folder)
    answer = ask(panel.tree, "edit", id="instrument.cs", value="2.7", unit="mm")
    assert answer["content"] == {}
    assert panel.document["instrument"]["cs"]["value"] == 2.7
    panel.job.result(120)
    refused = ask(panel.tree, "edit", id="instrument.nowhere", value="2.7", unit="mm")
    assert "instrument.nowhere" in refused["content"]["error"]
    assert panel.document["instrument"]["cs"]["value"] == 2.7


def test_a_value_is_taken_out_in_the_tree(closing: Any, ask: Any, truth: SessionTruth) -> None:
    panel = opened(closing, truth.folder)
    panel.complete({"instrument.cs": "2.7 mm"})
    answer = ask(panel.tree, "edit", id="instrument.cs", remove=True)
    assert answer["content"] == {}
    assert "cs" not in panel.document["instrument"]
    assert "instrument.cs" not in panel.extraction.provenance
    answer = ask(panel.tree, "edit", id="acquisition.pixel_size", remove=True)
    assert answer["content"] == {}
    assert "acquisition.pixel_size" in {one.path for one in panel.extraction.missing}
    panel.job.result(120)
    assert made_by(panel.code())["session"].document == panel.document
    with pytest.raises(InvalidInput, match="There is no"):
        panel.remove("instrument.cs")


def test_the_document_is_saved_when_it_is_whole_and_as_a_draft_before(
    closing: Any, sparse: SessionTruth, tmp_path: Path
) -> None:
    panel = opened(closing, sparse.folder)
    path = tmp_path / "session.json"
    panel.save_form.submit({"path": str(path), "draft": False})
    with pytest.raises(InvalidMetadata):
        panel.job.result(120)
    assert panel.extraction.missing[0].path in panel.errors.disclosure.sentence
    assert not path.exists()
    panel.save_form.submit({"path": str(path), "draft": True})
    panel.job.result(120)
    assert json.loads(path.read_text())["draft"] == panel.document
    answer_all(panel)
    panel.save_form.submit({"path": str(path), "draft": False})
    panel.job.result(120)
    assert oscem.read(path) == panel.document
    assert f"Written: {path}" == panel.save_form.status
    panel.save_form.submit({"path": " ", "draft": False})
    assert panel.save_form.errors == {"path": "Name a file."}


def convert(panel: SessionPanel, **values: str) -> None:
    panel.mmcif.form.submit(values)
    panel.job.result(120)


def test_a_document_becomes_mmcif_and_open_questions_are_asked(
    closing: Any, truth: SessionTruth, tmp_path: Path
) -> None:
    panel = opened(closing, truth.folder)
    answer_all(panel)
    convert(panel)
    made = panel.mmcif.deposition
    assert made.text == mmcif.to_mmcif(panel.extraction).text
    assert f"{len(made.written)} values written" in panel.mmcif.summary.value
    asked = {field["name"]: field for field in panel.mmcif.questions.fields}
    known = [one for one in made.missing if one.who != "OneDep"]  # it fills in its own
    assert asked.keys() == {one.key for one in known}
    chosen = next(one for one in known if one.choices)
    offered = [value for value, _ in asked[chosen.key]["choices"]]
    assert offered == ["", *chosen.choices]
    panel.mmcif.questions.submit({chosen.key: chosen.choices[0]})
    panel.job.result(120)
    again = panel.mmcif.deposition
    assert chosen.key not in {one.key for one in again.missing}
    assert chosen.choices[0] in again.text
    (shown,) = [one for one in panel.mmcif.questions.fields if one["name"] == chosen.key]
    assert shown["value"] == chosen.choices[0], "an answer stays in sight, to be changed"
    panel.mmcif.questions.submit({chosen.key: ""})
    panel.job.result(120)
    assert panel.mmcif.answers == {}
    assert chosen.key in {one.key for one in panel.mmcif.deposition.missing}
    panel.mmcif.questions.submit({chosen.key: chosen.choices[0]})
    panel.job.result(120)
    path = tmp_path / "deposition.cif"
    panel.mmcif.save_form.submit({"path": str(path)})
    panel.job.result(120)
    assert gemmi.cif.read(str(path))[0].find_values(chosen.item)
    asked = {one.item for one in again.missing if one.who != "OneDep"}
    check = mmcif.check_mmcif(again.text)
    told = [one for one in (*check.errors, *check.warnings) if one.item not in asked]
    assert told
    assert [row["title"] for row in panel.mmcif.messages.rows] == [one.item for one in told][:50]


def test_the_instrument_file_of_the_session_answers_for_its_microscope(
    closing: Any, truth: SessionTruth, tmp_path: Path
) -> None:
    house = tmp_path / "house.toml"
    serial = oscem.extract(truth.folder).document["instrument"]["microscope"]["model"]
    house.write_text(f'["{serial}"]\nname = "House microscope"\npdbx = "TFS GLACIOS"\ncs = 2.7\n')
    panel = opened(closing, truth.folder, instruments=house)
    convert(panel)
    block = panel.mmcif.deposition.block
    assert block.find_value("_em_imaging.microscope_model") == "'TFS GLACIOS'"
    assert block.find_value("_em_imaging.microscope_serial_number") == serial
    assert made_by(panel.code())["deposition"].text == panel.mmcif.deposition.text


def test_a_wrong_answer_to_a_question_is_said_at_its_field(
    closing: Any, truth: SessionTruth
) -> None:
    panel = opened(closing, truth.folder)
    answer_all(panel)
    convert(panel)
    before = panel.mmcif.deposition
    question = next(one for one in before.missing if one.choices)
    panel.mmcif.questions.submit({question.key: "no such thing"})
    assert list(panel.mmcif.questions.errors) == [question.key]
    assert "no such thing" in panel.mmcif.questions.errors[question.key]
    assert panel.mmcif.deposition is before
    assert panel.mmcif.questions.busy is False
    assert panel.mmcif.answers == {}


def test_a_model_is_merged_and_one_that_is_not_there_is_an_error(
    closing: Any, truth: SessionTruth, tmp_path: Path
) -> None:
    panel = opened(closing, truth.folder)
    answer_all(panel)
    panel.mmcif.form.submit({"model": str(tmp_path / "nowhere.cif")})
    with pytest.raises(NotFound):
        panel.job.result(120)
    assert panel.mmcif.deposition is None
    model = tmp_path / "model.cif"
    model.write_text("data_1ABC\n_entry.id 1ABC\n_cell.length_a 10.5\n")
    convert(panel, model=str(model), wins="model")
    assert panel.mmcif.deposition.block.find_value("_cell.length_a") == "10.5"
    names = made_by(panel.code())
    assert names["deposition"].text == panel.mmcif.deposition.text


def test_a_change_of_the_document_takes_the_mmcif_away(closing: Any, truth: SessionTruth) -> None:
    panel = opened(closing, truth.folder)
    answer_all(panel)
    convert(panel)
    panel.complete({"instrument.cs": "2.6 mm"})
    assert panel.mmcif.deposition is None
    assert panel.mmcif.summary.value == ""
    panel.job.result(120)


def test_the_code_does_the_same(closing: Any, sparse: SessionTruth) -> None:
    panel = opened(closing, sparse.folder, technique="spa")
    answer_all(panel)
    convert(panel)
    question = next(one for one in panel.mmcif.deposition.missing if one.choices)
    panel.mmcif.questions.submit({question.key: question.choices[-1]})
    panel.job.result(120)
    code = panel.code()
    assert panel.code_view.text == code
    assert "technique='spa'" in code
    names = made_by(code)
    assert names["session"].document == panel.document
    assert names["deposition"].text == panel.mmcif.deposition.text
    assert names["coverage"].frame.equals(panel.coverage.frame)
    assert names["check"].ok == panel.mmcif.check.ok


def test_before_a_session_there_is_no_code(closing: Any) -> None:
    panel = closing(SessionPanel())
    with pytest.raises(InvalidInput, match="No session"):
        panel.code()
    assert panel.document == {}
    assert panel.tabs.layout.display == "none"
    panel.form.submit({"folder": " "})
    assert "folder" in panel.form.errors
    with pytest.raises(InvalidInput, match="No session"):
        panel.complete({"instrument.cs": "2.7 mm"})
    panel.job.result(120)


def test_folders_are_gone_through_but_not_left(closing: Any, until: Any, tmp_path: Path) -> None:
    data = settings.folders().data
    (data / "sessions" / "one").mkdir(parents=True)
    (data / EVIL).mkdir()
    (data / ".hidden").mkdir()
    (data / "file.txt").write_text("")
    (data / "link").symlink_to(tmp_path)
    panel = closing(SessionPanel())
    browser = panel.place.browser
    until(lambda: browser.list.options)
    labels = [label for label, _ in browser.list.options]
    assert len(labels) == 2
    assert "\u202e" not in "".join(labels)
    assert browser.up.disabled
    browser.look(data.parent)  # it does not lead out
    browser.list.value = next(place for label, place in browser.list.options if label == "sessions")
    browser.go.click()
    until(lambda: browser.folder == data / "sessions")
    browser.list.value = 0
    browser.take.click()
    assert panel.form.values["folder"] == str(data / "sessions" / "one")
    panel.job.result(120)
    browser.up.click()
    until(lambda: browser.folder == data)


def test_a_practice_session_is_one_click_away(closing: Any, until: Any) -> None:
    panel = closing(SessionPanel())
    assert panel.place.practice.layout.display != "none"
    panel.place.practice.click()
    until(lambda: panel.extraction is not None)
    until(lambda: panel.job.done)
    assert panel.place.browser.layout.display == "none"
    panel.place.browse.click()
    assert panel.place.browser.layout.display == ""
    assert panel.extraction.folder.parent == settings.folders().data
    assert panel.document["acquisition"]["technique"] == "spa"


def test_with_real_services_there_is_no_practice_button(
    closing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENEM_PROFILE", "psi")
    panel = closing(SessionPanel())
    assert panel.place.practice.layout.display == "none"
    panel.job.result(120)


def test_a_folder_that_is_not_there_is_an_error_in_words(closing: Any, tmp_path: Path) -> None:
    panel = closing(SessionPanel(tmp_path / "nowhere"))
    with pytest.raises(NotFound):
        panel.job.result(120)
    assert isinstance(panel.errors.error, NotFound)
    assert panel.form.busy is False


def test_reading_can_be_cancelled(
    closing: Any, until: Any, ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(folder: Any, *, progress: Any, **_: Any) -> Any:
        progress.update(1, total=100, unit="files", message="Reading the session")
        progress.wait(30)

    monkeypatch.setattr(oscem, "extract", slow)
    panel = closing(SessionPanel(tmp_path))
    until(lambda: panel.jobs.rows and panel.jobs.rows[0]["detail"].startswith("1 of 100"))
    ask(panel.jobs, "cancel", row=panel.jobs.rows[0]["key"])
    with pytest.raises(Cancelled):
        panel.job.result(120)
    assert panel.form.busy is False
    assert panel.extraction is None
    assert panel.errors.error is None


def test_names_of_files_are_text(
    closing: Any, tmp_path: Path, everything_shown: Callable[..., str]
) -> None:
    written = sessions.write_session(tmp_path / EVIL, images=8, faults=("empty",), overviews=False)
    for path in list(written.folder.rglob("*.xml")):
        if path.stat().st_size == 0:
            path.rename(path.with_name(f"{EVIL}.xml"))
    panel = opened(closing, written.folder)
    for html in (panel.summary, panel.missing_words, panel.coverage_view.table):
        assert "<img" not in html.value
        assert "\u202e" not in html.value
    rows = json.dumps(panel.findings.rows, ensure_ascii=False)
    assert "gpj" in rows
    assert "\u202e" not in rows
