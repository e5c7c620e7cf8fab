from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb.errors import InvalidInput
from openem_nb.scicat import safe_path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("movie.mrc", "movie.mrc"),
        ("grid1/movie_001.tiff", "grid1/movie_001.tiff"),
        ("./grid 1//movie (2) 5%.mrc", "grid 1/movie (2) 5%.mrc"),
        ("/data/movie.mrc", "data/movie.mrc"),
        ("C:\\data\\movie.mrc", "data/movie.mrc"),
        ("größe/電子.mrc", "größe/電子.mrc"),
        (".hidden", ".hidden"),
        ("..hidden", "..hidden"),
    ],
)
def test_harmless_names_stay_as_they_are(name: str, path: str) -> None:
    assert safe_path(name) == PurePosixPath(path)


@pytest.mark.parametrize("name", ["", "/", ".", "./.", "C:\\", "a/" * 70 + "b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        safe_path(name)


@pytest.mark.parametrize("name", ["..", "../x", "a/../../x", "a\\..\\x", "/../x", "a/ .. /x"])
def test_what_leads_out_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="leads out"):
        safe_path(name)


@pytest.mark.parametrize(
    "name",
    [
        "a\nb.mrc",
        "a\x00b.mrc",
        "<b>x</b>.mrc",
        "gpj\u202egnp.mrc",
        "CON.mrc",
        "x. ",
        "nul",
        "e\u0301",
    ],
)
def test_misleading_names_are_changed_and_marked(name: str) -> None:
    path = str(safe_path(name))
    assert path != name
    assert "~" in path
    assert path.endswith(".mrc") or "." not in name.strip(". ")


def test_two_different_names_stay_two_files() -> None:
    names = ["a\nb.mrc", "a\tb.mrc", "a_b.mrc", "a?b.mrc", "x" * 300 + "1", "x" * 300 + "2"]
    assert len({safe_path(name) for name in names}) == len(names)


@given(st.text(st.characters(), max_size=400))
def test_any_name_becomes_a_path_below_the_folder_or_is_refused(name: str) -> None:
    try:
        path = safe_path(name)
    except InvalidInput:
        return
    folder = Path("/folder")
    assert (folder / path).resolve().is_relative_to(folder)
    assert all(len(part.encode()) <= 255 for part in path.parts)
    assert not any(ord(letter) < 32 or letter in '<>:"|?*\\' for letter in str(path))
    assert safe_path(str(path)) == path
