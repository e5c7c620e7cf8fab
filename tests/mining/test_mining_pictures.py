"""Distributions, and sheets of thumbnails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from openem_nb.errors import InvalidInput
from openem_nb.mining import Mined, contact_sheet, histograms, mine, ranked
from openem_nb.mining.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def table(**columns: list[object]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    names = [f"{number}.mrc" for number in range(count)]
    return pd.DataFrame({"name": names, "problem": [None] * count, **columns})


def test_each_measurement_is_drawn_with_its_unit_and_median() -> None:
    figure = histograms(table(ctf_defocus=[1e4, 2e4, 4e4], std=[1.0, None, 5.0]))
    drawn = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_xlabel() for axis in drawn] == ["CTF defocus (Å)", "Standard deviation"]
    assert [axis.get_title("right") for axis in drawn] == ["median 20,000", "median 3"]
    counts = [sum(bar.get_height() for bar in axis.patches) for axis in drawn]
    assert counts == [3, 2]


def test_one_strange_file_does_not_hide_the_others() -> None:
    values = [*np.linspace(1, 2, 200), 1e9]
    axis = histograms(table(std=values)).axes[0]
    assert axis.get_xlim()[1] < 3
    assert sum(bar.get_height() for bar in axis.patches) == 201


def test_values_that_are_all_the_same_are_drawn() -> None:
    figure = histograms(table(std=[2.0, 2.0]))
    figure.canvas.draw()
    axis = figure.axes[0]
    assert axis.get_title("right") == "median 2"
    assert sum(bar.get_height() for bar in axis.patches) == 2
    assert axis.get_xlim()[0] < 2 < axis.get_xlim()[1]


def test_nothing_to_draw() -> None:
    with pytest.raises(InvalidInput, match="no measurement"):
        histograms(table(std=[None, None]))


def test_the_best_has_the_finest_rings_or_the_strongest_contrast() -> None:
    known = table(ctf_resolution=[5.0, None, 3.2], std=[1.0, 2.0, 3.0])
    assert ranked(known)["name"].tolist() == ["2.mrc", "0.mrc", "1.mrc"]
    assert ranked(known[["name", "problem", "std"]])["name"].tolist()[0] == "2.mrc"
    assert ranked(known[["name", "problem"]])["name"].tolist() == known["name"].tolist()
    doubtful = known.assign(ctf_reliable=pd.array([True, None, False], dtype="boolean"))
    assert ranked(doubtful)["name"].tolist() == ["0.mrc", "2.mrc", "1.mrc"]
    known.loc[2, "problem"] = "Cut off."
    assert ranked(known)["name"].tolist() == ["0.mrc", "1.mrc"]


def test_captions_say_what_was_found(tmp_path: Path) -> None:
    rows = table(
        ctf_resolution=[3.44, 8.0, None],
        ctf_defocus=[12_340.0, 3000.0, None],
        ctf_score=[0.9, 0.213, None],
        ctf_reliable=pd.array([True, False, None], dtype="boolean"),
    )
    page = contact_sheet(open_empty(tmp_path), rows)._repr_html_()
    assert "rings to 3.4 Å, defocus 1.23 µm" in page
    assert "no defocus to rely on (score 0.21)" in page
    assert page.count("no picture") == 3


def open_empty(folder: Path) -> Mined:
    return Mined(Store(folder), "", ())


def test_a_sheet_shows_pictures_with_words(session: Callable[[int], Path], tmp_path: Path) -> None:
    folder = session(2)
    (folder / "<b>.mrc").write_bytes(b"nothing")
    mined = mine(folder, measures=("thumbnail", "statistics"), out=tmp_path / "out")
    sheet = contact_sheet(mined, mined.frame, title='The "best"')
    page = sheet._repr_html_()
    assert len(sheet) == 3
    assert page.count("data:image/jpeg;base64,") == 2
    assert page.count('alt="Micrograph mic_') == 2
    assert "&lt;b&gt;.mrc" in page
    assert "<b>" not in page
    assert 'aria-label="The &quot;best&quot;"' in page
    assert "is no image" in page, "the caption says why there is no picture"
    (mined.folder / mined.frame["thumbnail"].dropna().iloc[0]).unlink()
    assert contact_sheet(mined, mined.frame)._repr_html_().count("no picture") == 2
