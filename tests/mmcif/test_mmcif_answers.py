"""Answers of a deposition as a person types them."""

from __future__ import annotations

import pytest

from openem_nb.errors import InvalidInput
from openem_nb.mmcif import read_answers


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
