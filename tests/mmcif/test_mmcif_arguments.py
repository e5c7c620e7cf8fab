"""What to_mmcif is given besides a document, and what it says of itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from _entries import value, whole

from openem_nb import mmcif, oscem
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.practice import sessions

if TYPE_CHECKING:
    from pathlib import Path


def test_lists_of_values_are_reported_once() -> None:
    document = whole()
    document["processing"]["classes2D"] = {"particles_per_2Dclass": [5, 4, 3]}
    left = {one.path: one.value for one in mmcif.to_mmcif(document).left_out}
    assert left["processing.classes2D.particles_per_2Dclass"] == [5, 4, 3]


@pytest.mark.parametrize("key", ["_em_imaging.nonsense", "nonsense", "_atom_site.id", "_em_a.b[0]"])
def test_an_answer_to_no_question_is_refused_with_the_nearest(key: str) -> None:
    with pytest.raises(InvalidInput, match="no question") as caught:
        mmcif.to_mmcif(whole(), answers={key: "x"})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("_em_imaging.mode", "bright field"),
        ("_em_imaging.accelerating_voltage", 1.5),
        ("_em_imaging.date", "yesterday"),
        ("_em_admin.title", "  "),
        ("_em_admin.title", None),
        ("_em_imaging.id", "2"),
        ("_em_imaging.specimen_id", "7"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(key: str, bad) -> None:
    with pytest.raises(InvalidInput):
        mmcif.to_mmcif(whole(), answers={key: bad})


def test_wrong_arguments_are_named(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="no acquisition"):
        mmcif.to_mmcif({"scientificMetadata": whole()})
    with pytest.raises(InvalidInput, match="wins"):
        mmcif.to_mmcif(whole(), wins="nobody")
    with pytest.raises(InvalidInput, match="identifier"):
        mmcif.to_mmcif(whole(), entry_id="a b")
    with pytest.raises(NotFound):
        mmcif.to_mmcif(whole(), tmp_path / "none.cif")


def test_the_document_is_left_as_it_is() -> None:
    document = whole()
    mmcif.to_mmcif(document, answers={"_em_admin.title": "x"})
    assert document == whole()


def test_it_is_written_whole_and_shown(tmp_path) -> None:
    made = mmcif.to_mmcif(whole(), entry_id="D_1")
    path = made.write(tmp_path / "d.cif")
    assert path.read_text() == made.text
    assert made.text.startswith("data_D_1\n")
    assert value(made.text, "_em_imaging.entry_id") == "D_1"
    shown = made._repr_html_()
    assert "_em_ctf_correction.type" in shown
    assert "O&#x27;Neil Smith" in shown
    frame = made.written.set_index("item")
    cs = frame.loc["_em_imaging.nominal_cs"]
    assert (cs.path, cs.unit, cs.unit_to) == ("instrument.cs", "mm", "millimetres")
    assert len(made.questions("OneDep")) == 6


@pytest.mark.parametrize("answers", [[("_em_buffer.pH", 7)], {3: 7}, "_em_buffer.pH = 7"])
def test_answers_that_are_none_are_refused(answers) -> None:
    with pytest.raises(InvalidInput) as caught:
        mmcif.to_mmcif(whole(), answers=answers)
    assert caught.value.hint


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\N{LINE SEPARATOR}"])
def test_a_blank_text_says_nothing(blank: str) -> None:
    document = whole()
    document["sample"]["molecule"][0]["name_mol"] = blank
    document["organizational"]["authors"][0]["telephone"] = blank
    made = mmcif.to_mmcif(document)
    assert value(made.text, "_entity.pdbx_description") is None
    assert value(made.text, "_pdbx_contact_author.phone") is None
    assert not {one.path for one in made.left_out} & {"sample.molecule[0].name_mol"}


def test_a_deposition_says_in_one_line_what_came_of_it() -> None:
    made = mmcif.to_mmcif(whole(), entry_id="MINE")
    needed = sum(one.mandatory for one in made.missing)
    assert str(made).startswith(f"MINE: {len(made.entries)} values in ")
    assert f" categories, {needed} mandatory items open, " in str(made)
    assert "\n" not in str(made)
    assert f"{needed} mandatory items open" in made._repr_html_()


def test_an_extraction_gives_what_the_document_has_no_place_for(tmp_path: Path) -> None:
    sessions.write_session(tmp_path / "s", images=4)
    found = oscem.extract(tmp_path / "s", instruments=tmp_path / "s" / sessions.INSTRUMENT)
    aperture = found.beside["objective_aperture"]
    made = mmcif.to_mmcif(found)
    assert float(value(made.text, "_em_imaging.objective_aperture")) == float(aperture.value)
    assert value(mmcif.to_mmcif(found.document).text, "_em_imaging.objective_aperture") is None
    (entry,) = [one for one in made.entries if one.item == "_em_imaging.objective_aperture"]
    assert "OSC-EM has no place for it" in entry.note
    checked = mmcif.check_mmcif(made.text)
    assert "_em_imaging.objective_aperture" not in {one.item for one in checked.errors}
    several = replace(aperture, others=("70",))
    varied = replace(aperture, low=50.0, high=100.0)
    unknown = replace(aperture, unit="furlong")
    none = replace(aperture, value="None")
    for origin in (several, varied, unknown, none):
        other = replace(found, beside={"objective_aperture": origin})
        assert value(mmcif.to_mmcif(other).text, "_em_imaging.objective_aperture") is None
