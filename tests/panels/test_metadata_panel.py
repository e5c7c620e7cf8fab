"""The MetadataPanel: edits are messages of the tree, as the front end sends them."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import oscem, scicat
from openem_nb.errors import InvalidMetadata, NotFound
from openem_nb.panels.metadata import MetadataPanel
from openem_nb.practice.sessions import write_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openem_nb.practice import Facility

EVIL = "<img src=x onerror=alert(1)>\u202egpj\x1b[2J"


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit}


def document() -> dict[str, Any]:
    """Return a valid document."""
    return {
        "acquisition": {
            "technique": "spa",
            "date_time": "2024-08-31T20:03:13+02:00",
            "detectors": [{"name": "Falcon 4i"}],
            "binning_camera": {"height": 1, "width": 1},
            "pixel_size": quantity(0.65, "Å"),
            "holder": "autoloader",
        },
        "instrument": {
            "microscope": {"model": "Krios"},
            "acceleration_voltage": quantity(300, "kV"),
            "electron_source": "XFEG",
            "illumination": "parallel",
            "imaging": "bright field",
        },
    }


@pytest.fixture
def panel(closing: Callable[[Any], Any]) -> MetadataPanel:
    shown: MetadataPanel = closing(MetadataPanel(document()))
    return shown


def edit(ask: Any, panel: MetadataPanel, path: str, value: str, unit: str = "") -> dict[str, Any]:
    answer = ask(panel.tree, "edit", id=path, value=value, unit=unit)
    assert answer["type"] == "reply", answer
    return dict(answer["content"])


def rows(ask: Any, panel: MetadataPanel, *opened: str) -> dict[str, dict[str, Any]]:
    answer = ask(panel.tree, "rows", opened=dict.fromkeys(opened, 200))
    return {row["id"]: row for row in answer["content"]["rows"]}


def made_by(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)  # what a person would run
    assert isinstance(names["document"], dict)
    return names["document"]


def test_the_document_given_is_valid_and_stays_as_it_is(panel: MetadataPanel, ask: Any) -> None:
    assert "Valid as spa." in panel.state.value
    assert panel.problems.rows == []
    edit(ask, panel, "acquisition.pixel_size", "0.8", "Å")
    assert panel.document["acquisition"]["pixel_size"] == quantity(0.8, "Å")
    assert panel.changes == ("acquisition.pixel_size",)
    assert "1 edit, not saved." in panel.state.value


def test_what_is_wrong_is_marked_listed_and_led_to(closing: Any, ask: Any) -> None:
    wrong = document()
    del wrong["acquisition"]["pixel_size"]
    wrong["instrument"]["acceleration_voltage"] = "300 kV"
    panel = closing(MetadataPanel(wrong))
    problems = oscem.validate(wrong)
    assert {row["key"] for row in panel.problems.rows} == {one.path for one in problems}
    assert {row["state"] for row in panel.problems.rows} == {"Wrong"}
    shown = rows(ask, panel, "acquisition", "instrument")
    assert shown["acquisition.pixel_size"]["there"] is False
    assert shown["acquisition.pixel_size"]["problems"]
    assert shown["instrument.acceleration_voltage"]["problems"]
    ask(panel.problems, "show", row="acquisition.pixel_size")
    assert panel.tree.target["id"] == "acquisition.pixel_size"
    edit(ask, panel, "acquisition.pixel_size", "0.65", "Å")
    edit(ask, panel, "instrument.acceleration_voltage", "300", "kV")
    assert panel.problems.rows == []


def test_what_is_hard_to_believe_is_listed(closing: Any, ask: Any, panel: MetadataPanel) -> None:
    edit(ask, panel, "instrument.acceleration_voltage", "300", "V")
    (row,) = panel.problems.rows
    assert row["state"] == "Doubtful"
    assert row["path"] or row["title"] == "instrument.acceleration_voltage"
    assert "Valid as spa." in panel.state.value


def test_edits_are_taken_back_one_by_one(panel: MetadataPanel, ask: Any) -> None:
    assert panel.undo_button.disabled
    edit(ask, panel, "acquisition.pixel_size", "0.8", "Å")
    ask(panel.tree, "edit", id="acquisition.holder", remove=True)
    edit(ask, panel, "sample.overall_molecule.assembly", "PARTICLE")
    assert "holder" not in panel.document["acquisition"]
    for _ in range(3):
        assert not panel.undo_button.disabled
        panel.undo_button.click()
    assert panel.document == document()
    assert panel.undo_button.disabled
    panel.undo()  # there is nothing to take back
    assert panel.document == document()


def test_the_code_makes_the_same_document(panel: MetadataPanel, ask: Any, tmp_path: Path) -> None:
    def change(one: MetadataPanel) -> None:
        edit(ask, one, "acquisition.pixel_size", "0.08", "nm")
        edit(ask, one, "acquisition.detectors[1].name", "K3 'quoted' \\")
        ask(one.tree, "edit", id="acquisition.holder", remove=True)
        ask(one.tree, "edit", id="acquisition.detectors[0].name", remove=True)
        edit(ask, one, "sample.specimen.vitrification", "true")

    change(panel)
    assert made_by(panel.code()) == panel.document
    assert panel.code_view.text == panel.code()
    path = tmp_path / "it's.json"
    path.write_text(json.dumps(document()))
    panel.read(path)
    panel.job.result(120)
    change(panel)
    assert made_by(panel.code()) == panel.document
    assert f"oscem.read({str(path)!r})" in panel.code()


def test_a_valid_document_is_saved_and_another_refused(
    panel: MetadataPanel, ask: Any, tmp_path: Path
) -> None:
    path = tmp_path / "session.json"
    panel.save(path)
    panel.job.result(120)
    assert oscem.read(path) == document()
    assert "not saved" not in panel.state.value
    ask(panel.tree, "edit", id="acquisition.pixel_size", remove=True)
    assert "1 edit, not saved." in panel.state.value
    panel.save(tmp_path / "refused.json")
    with pytest.raises(InvalidMetadata):
        panel.job.result(120)
    assert "pixel_size" in panel.errors.disclosure.sentence
    assert not (tmp_path / "refused.json").exists()
    assert panel.save_form.busy is False
    panel.save(tmp_path / "draft.json", draft=True)
    panel.job.result(120)
    again = document()
    del again["acquisition"]["pixel_size"]
    panel.read(tmp_path / "draft.json")
    panel.job.result(120)
    assert panel.document == again
    assert made_by(panel.code()) == again


def test_a_place_to_save_has_to_be_named(panel: MetadataPanel) -> None:
    for form in (panel.open_form, panel.save_form, panel.compare_form):
        form.submit({"path": " "})
        assert form.errors == {"path": "Name a file."}


def test_two_documents_are_compared(panel: MetadataPanel, ask: Any, tmp_path: Path) -> None:
    other = document()
    other["acquisition"]["holder"] = EVIL
    del other["acquisition"]["pixel_size"]
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other))
    panel.compare_form.submit({"path": str(path)})
    panel.job.result(120)
    assert "2 differences" in panel.differences.value
    assert "acquisition.pixel_size" in panel.differences.value
    assert "0.65 Å" in panel.differences.value
    assert "not there" in panel.differences.value
    assert "<img" not in panel.differences.value
    assert "\u202e" not in panel.differences.value
    path.write_text(json.dumps(document()))
    panel.compare_form.submit({"path": str(path)})
    panel.job.result(120)
    assert "There is no difference." in panel.differences.value


def test_what_was_extracted_says_where_it_comes_from(
    closing: Any, ask: Any, tmp_path: Path
) -> None:
    truth = write_session(tmp_path / "session", kind="serialem-spa", images=8)
    panel = closing(MetadataPanel(oscem.extract(truth.folder)))
    assert {row["key"] for row in panel.problems.rows} >= {"instrument.illumination"}

    def details(path: str) -> dict[str, str]:
        return dict(ask(panel.tree, "details", id=path)["content"]["rows"])

    assert details("acquisition.pixel_size")["File"].endswith(".mdoc")
    edit(ask, panel, "acquisition.pixel_size", "0.8", "Å")
    assert details("acquisition.pixel_size")["Where from"] == "edited here"
    assert "File" not in details("acquisition.pixel_size")
    assert made_by(panel.code()) == panel.document


def test_an_older_document_is_brought_up_to_date(closing: Any, ask: Any) -> None:
    older = document()
    older["acquisition"]["detector"] = older["acquisition"].pop("detectors")[0]["name"]
    older["acquisition"]["pixel_size"] = 0.65
    panel = closing(MetadataPanel(older))
    assert panel.upgrade_button.layout.display == ""
    panel.upgrade_button.click()
    assert panel.document == oscem.upgrade(older).document
    assert "Valid as spa." in panel.state.value
    assert "acquisition.pixel_size" in panel.differences.value
    assert panel.upgrade_button.layout.display == "none"
    edit(ask, panel, "acquisition.holder", "side entry")
    assert made_by(panel.code()) == panel.document
    panel.undo()
    panel.undo()
    assert panel.document == older


def test_a_file_that_is_not_there_is_an_error_in_words(panel: MetadataPanel) -> None:
    panel.read("nowhere.json")
    with pytest.raises(NotFound):
        panel.job.result(120)
    assert isinstance(panel.errors.error, NotFound)
    assert panel.document == document()  # what was there stays


def test_the_metadata_of_a_data_set_are_shown(
    closing: Any, ask: Any, catalogue: Facility, ada: str
) -> None:
    kept = {"Voltage": quantity(300, "kV"), "acquisition": {"odd": EVIL}}
    pid = catalogue.scicat["practice"].add_dataset(scientificMetadata=kept)
    panel = closing(MetadataPanel(scicat.get(pid).metadata))
    assert panel.document == kept
    shown = rows(ask, panel)
    assert (shown["Voltage"]["text"], shown["Voltage"]["unit"]) == ("300", "kV")


def test_free_metadata_are_shown_and_edited_without_a_schema(closing: Any, ask: Any) -> None:
    free = {"Voltage": quantity(300, "kV"), "a.b": {"c": [1, "x"]}, EVIL: EVIL}
    panel = closing(MetadataPanel(free))
    assert "nothing to check them by" in panel.state.value
    assert panel.tree.fields is False
    shown = rows(ask, panel, '["a.b"]', '["a.b"].c')
    assert shown['["a.b"].c[1]']["text"] == "x"
    texts = [value for row in shown.values() for name, value in row.items() if name != "id"]
    assert "\u202e" not in json.dumps(texts, ensure_ascii=False)
    edit(ask, panel, '["a.b"].c[0]', "2.5")
    changed = copy.deepcopy(free)
    changed["a.b"]["c"][0] = 2.5
    assert panel.document == changed
    assert made_by(panel.code()) == changed


def test_the_schema_can_be_chosen(panel: MetadataPanel) -> None:
    panel.technique.value = "subtomo"
    assert "as subtomo" in panel.state.value
    paths = {row["key"] for row in panel.problems.rows}
    assert "acquisition.tilt_angle" in paths
    panel.technique.value = "free"
    assert panel.problems.rows == []
    assert "technique" not in panel.code().splitlines()[-1]


def test_a_long_document_from_nowhere_has_no_code_and_says_so(closing: Any) -> None:
    panel = closing(MetadataPanel({f"k{n}": "x" * 100 for n in range(3000)}))
    assert "Save it, and open that." in panel.code_view.text


def test_without_a_document_one_can_be_opened(closing: Any, tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    path.write_text(json.dumps(document()))
    panel = closing(MetadataPanel())
    assert "No document is open." in panel.state.value
    panel.open_form.submit({"path": str(path)})
    panel.job.result(120)
    assert panel.document == document()
    assert closing(MetadataPanel(path)).job.result(120)[0] == document()
