"""Answers of a deposition as a person types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from _entries import whole

from openem_nb.errors import InvalidInput, NotFound
from openem_nb.mmcif import load_answers, read_answers, to_mmcif

if TYPE_CHECKING:
    from pathlib import Path


def test_lines_become_answers() -> None:
    lines = ["_em_buffer.pH = 7.5", " ", "_em_author_list.author[2]= O'Neil, A = B "]
    assert read_answers(lines) == {
        "_em_buffer.pH": "7.5",
        "_em_author_list.author[2]": "O'Neil, A = B",
    }


@pytest.mark.parametrize("line", ["x", "em_buffer.pH = 7", "_em_buffer.pH", "_em_buffer.pH =", "="])
def test_a_line_that_is_no_answer_is_refused(line) -> None:
    with pytest.raises(InvalidInput, match="not an item with a value") as caught:
        read_answers([line])
    assert "_em_ctf_correction.type = NONE" in caught.value.hint


def test_an_answer_is_given_once() -> None:
    with pytest.raises(InvalidInput, match="there twice"):
        read_answers(["_em_buffer.pH = 7", "_em_buffer.pH = 8"])


def test_a_form_is_written_filled_in_and_read(tmp_path: Path) -> None:
    made = to_mmcif(whole())
    path = made.write_form(tmp_path / "form.json")
    form = json.loads(path.read_text())
    assert form["dictionary"] == made.dictionary
    known = {one.key: one for one in made.missing if one.who != "OneDep"}
    assert [one["key"] for one in form["questions"]] == list(known)
    assert load_answers(path) == {}, "an empty answer is none"
    key = "_em_ctf_correction.type"
    (asked,) = [one for one in form["questions"] if one["key"] == key]
    assert asked["choices"] == list(known[key].choices)
    asked["answer"] = "NONE"
    path.write_text(json.dumps(form))
    assert load_answers(path) == {key: "NONE"}
    again = to_mmcif(whole(), answers=load_answers(path))
    assert again.block.find_value(key) == "NONE"
    assert key not in {one["key"] for one in again.form()["questions"]}
    assert {one["who"] for one in made.form("reconstruction")["questions"]} == {"reconstruction"}


def test_a_plain_object_of_answers_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text('{"_em_buffer.pH": 7.5, "_em_specimen.staining_applied": false, "_x.y": " "}')
    assert load_answers(path) == {"_em_buffer.pH": 7.5, "_em_specimen.staining_applied": False}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "no object"),
        ('{"questions": 3}', "no form"),
        ('{"questions": [{"answer": 3}]}', "no form"),
        ('{"questions": [["a", 1]]}', "no form"),
        ('{"questions": [{"key": "_a.b", "answer": 1}, {"key": "_a.b"}]}', "there twice"),
        ('{"_a.b": NaN}', "NaN"),
        ("{", "JSON"),
    ],
)
def test_what_is_no_form_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "form.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=says) as caught:
        load_answers(path)
    assert "form" in caught.value.hint or "once" in caught.value.hint
    with pytest.raises(NotFound):
        load_answers(tmp_path / "none.json")
