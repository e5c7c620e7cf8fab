from __future__ import annotations

import math
import os
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import write_mrc

from openem_nb import MicrographView
from openem_nb.errors import DamagedFile, InvalidInput, NotFound, OpenEMError
from openem_nb.images import Picks, read_picks, read_selection, write_picks

if TYPE_CHECKING:
    from pathlib import Path

RELION = """
# version 30001

data_optics

loop_
_rlnOpticsGroup #1
_rlnMicrographPixelSize #2
1 0.5

# version 30001

data_particles

loop_
_rlnCoordinateX #1
_rlnCoordinateY #2
_rlnAutopickFigureOfMerit #3
_rlnClassNumber #4
_rlnMicrographName #5
100.5  200 0.9  1 MotionCorr/job002/Movies/m_1.mrc
300    40  0.1  2 MotionCorr/job002/Movies/m_1.mrc
7      8   None 1 "with space/m_2.mrc"
"""
CBOX = """
data_global

_cbox_format_version 1.0

data_cryolo

loop_
_CoordinateX #1
_CoordinateY #2
_CoordinateZ #3
_Width #4
_Height #5
_Confidence #6
10.0 20.0 <NA> 100 100 0.75
50.0 60.0 <NA> 100 100 0.25

data_cryolo_include

loop_
_slice_index #1
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_star_of_relion_gives_centres_of_each_micrograph(tmp_path: Path) -> None:
    picks = read_picks(write(tmp_path / "p.star", RELION))
    assert picks.x.tolist() == [100.5, 300, 7]
    assert picks.y.tolist() == [200, 40, 8]
    assert picks.kind is not None
    assert picks.kind.tolist() == [1, 2, 1]
    assert picks.pixel_size == 0.5
    assert len(picks.names) == 2
    one = picks.of(tmp_path / "m_1.eer")
    assert one.x.tolist() == [100.5, 300]
    assert one.above(0.5).y.tolist() == [200]
    assert picks.of("m_2").micrographs == ("with space/m_2.mrc",)
    assert len(picks.of("m_12.mrc")) == 0
    assert math.isnan(picks.score[2])  # type: ignore[index]


def test_picks_are_counted_in_other_pixels(tmp_path: Path) -> None:
    picks = read_picks(write(tmp_path / "p.star", RELION)).scaled(1.0)
    assert picks.x.tolist() == [50.25, 150, 3.5]
    assert picks.pixel_size == 1.0
    assert picks.scaled(None) is picks
    plain = Picks(np.array([3.0]), np.array([4.0]))
    assert plain.scaled(2.0) is plain


def test_boxes_are_given_by_their_corner(tmp_path: Path) -> None:
    cbox = read_picks(write(tmp_path / "p.cbox", CBOX))
    assert cbox.x.tolist() == [60, 100]
    assert cbox.y.tolist() == [70, 110]
    assert cbox.diameter == 100
    assert cbox.score is not None
    assert cbox.score.tolist() == [0.75, 0.25]
    box = read_picks(write(tmp_path / "p.box", "10 20 100 100 -3\n50\t60\t100\t100\t-3\n\n"))
    assert box.x.tolist() == cbox.x.tolist()
    assert box.score is None
    plain = read_picks(write(tmp_path / "p.coords", "# x y\n10.5, 20\n"))
    assert (plain.x.tolist(), plain.y.tolist(), plain.diameter) == ([10.5], [20.0], None)


@pytest.mark.parametrize("name", ["p.box", "p.coords"])
def test_a_file_without_picks_has_none(tmp_path: Path, name: str) -> None:
    assert len(read_picks(write(tmp_path / name, "\n"))) == 0


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("p.star", "data_\nloop_\n_rlnMicrographName\nm.mrc\n", DamagedFile),
        ("p.star", "\x00\x01 no star", DamagedFile),
        ("p.star", "data_a\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1\n", DamagedFile),
        ("p.star", "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\nNone None\n", DamagedFile),
        ("p.cbox", "data_global\n_a 1\n", DamagedFile),
        ("p.box", "10 20 thirty 40\n", DamagedFile),
        ("p.box", "10 20 30\n", DamagedFile),
        ("p.box", "10 20 30 40\n1 2\n", DamagedFile),
        ("p.json", "{}", InvalidInput),
    ],
)
def test_what_is_no_file_of_picks_is_said(
    tmp_path: Path, name: str, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        read_picks(write(tmp_path / name, text))
    assert name in str(caught.value)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    for name in ("p.star", "p.box"):
        with pytest.raises(NotFound):
            read_picks(tmp_path / name)


def test_picks_without_a_score_cannot_be_chosen_by_it() -> None:
    with pytest.raises(InvalidInput):
        Picks(np.array([1.0]), np.array([2.0])).above(0.5)


names = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=("Cc", "Zs")),
    min_size=1,
    max_size=20,
)


@given(st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 60_000), names), min_size=1))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, str]]
) -> None:
    picks = Picks(
        np.array([row[0] / 4 for row in rows]),
        np.array([row[1] / 4 for row in rows]),
        kind=np.array([row[0] % 5 for row in rows]),
        micrographs=tuple(row[2] for row in rows),
    )
    path = tmp_path_factory.mktemp("picks") / "p.star"
    found = read_picks(write_picks(path, picks))
    np.testing.assert_array_equal(found.x, picks.x)
    np.testing.assert_array_equal(found.y, picks.y)
    assert found.micrographs is not None
    assert found.kind is not None
    np.testing.assert_array_equal(found.kind, picks.kind)
    assert list(found.micrographs) == [row[2] for row in rows]


def test_the_size_of_the_pixels_that_are_counted_is_kept(tmp_path: Path) -> None:
    picks = Picks(np.array([100.0]), np.array([60.0]), pixel_size=0.5)
    found = read_picks(write_picks(tmp_path / "p.star", picks, micrograph="m.mrc"))
    assert found.pixel_size == 0.5
    assert found.of("m.mrc").scaled(1.0).x[0] == picks.scaled(1.0).x[0] == 50


@pytest.mark.parametrize(
    ("name", "micrograph", "words"),
    [
        ("p.box", "m.mrc", "p.box does not end in .star"),
        ("p", "m.mrc", "p does not end in .star"),
        ("p.star", None, "do not know their micrograph"),
    ],
)
def test_picks_that_nobody_could_read_again_are_not_written(
    tmp_path: Path, name: str, micrograph: str | None, words: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)) as raised:
        write_picks(tmp_path / name, Picks(np.zeros(1), np.zeros(1)), micrograph=micrograph)
    assert raised.value.hint
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["?", ".", "a b", "_x", "loop_"])
def test_names_that_mean_something_else_in_star_are_read_as_written(
    tmp_path: Path, name: str
) -> None:
    picks = Picks(np.zeros(1), np.zeros(1), micrographs=(name,))
    assert read_picks(write_picks(tmp_path / "p.star", picks)).micrographs == (name,)


HEAD = "data_\nloop_\n_rlnCoordinateX #1\n _rlnCoordinateY #2\n_rlnMicrographName #3\n"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (f"{HEAD}1 2 Müller.mrc\n".encode(), "Müller.mrc"),
        (f'{HEAD}1 2 "Mü  ller.mrc"\n'.encode(), "Mü  ller.mrc"),
        (f"{HEAD}1 2 Mo/Müller.mrc\n".encode("latin-1"), "Mo/M\\xfcller.mrc"),
        (f"\ufeff{HEAD}1 2 a.mrc\n".encode(), "a.mrc"),
        (f"{HEAD}1 2 ü.mrc\n".encode("utf-16"), "ü.mrc"),
        (f"{HEAD}1 2   _a_b.mrc\n".encode(), "_a_b.mrc"),
        (f"{HEAD}1\t2\t$a$.mrc\r\n".encode(), "$a$.mrc"),
        (f'{HEAD}1 2 "x $a _b.mrc"\n'.encode(), "x $a _b.mrc"),
    ],
)
def test_names_that_programs_write_without_quotes(
    tmp_path: Path, content: bytes, name: str
) -> None:
    path = tmp_path / "a.star"
    path.write_bytes(content)
    found = read_picks(path)
    assert found.names == (name,)
    assert (found.x.tolist(), found.y.tolist()) == ([1], [2])


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".star", "data_a\nloop_\n_rlnCoordinateX\n1\n2\nloop_\n_rlnCoordinateY\n1\n"),
        (".star", "data_a\n_rlnCoordinateX 1\nloop_\n_rlnCoordinateY\n1\n"),
        (
            ".cbox",
            "data_cryolo\nloop_\n_CoordinateX\n_CoordinateY\n1 2\nloop_\n_Width\n_Height\n3 4\n",
        ),
    ],
)
def test_columns_of_two_tables_are_no_places(tmp_path: Path, ending: str, text: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_text(text)
    with pytest.raises(DamagedFile, match=r"in one table|no boxes"):
        read_picks(path)


def test_columns_of_another_table_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.star"
    both = "data_a\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n3 4\n"
    path.write_text(f"{both}loop_\n_rlnMicrographName\na\n")
    assert read_picks(path).micrographs is None
    assert len(read_picks(path).of("a")) == 2
    path.write_text("data_a\n_rlnCoordinateX 1\n_rlnCoordinateY 2\n_rlnMicrographName b\n")
    assert read_picks(path).names == ("b",), "a table of one row without a loop"


def test_classes_and_sizes_that_are_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.star"
    rows = "1 2 1e300 inf\n1 2 inf inf\n1 2 nan inf\n1 2 7 inf\n1 2 -5 inf\n"
    path.write_text(
        "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnClassNumber\n"
        f"_rlnMicrographPixelSize\n{rows}"
    )
    found = read_picks(path)
    assert found.kind is not None
    assert found.kind.tolist() == [-1, -1, -1, 7, -5]
    assert found.pixel_size is None
    box = tmp_path / "a.box"
    box.write_text("1 2 nan nan\n")
    with pytest.raises(DamagedFile):
        read_picks(box)


@pytest.mark.parametrize("name", ["a.star", "a.box", "a.cbox", "a.csv"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    read = read_selection if name == "a.csv" else read_picks
    with pytest.raises(OpenEMError, match="is no file"):
        read(tmp_path / name)
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("zero")
    with pytest.raises(OpenEMError, match="is no file"):
        read(tmp_path / name)


def test_micrographs_of_one_name_are_told_apart_by_their_folders() -> None:
    names = ("A/m1.mrc", "000001@run/B/m1.mrcs", "A/m1.mrc", "A/m2.mrc", "m3.mrc", "C/m3.mrc")
    picks = Picks(np.arange(6.0), np.zeros(6), micrographs=names)
    assert picks.of("A/m1.mrc").x.tolist() == [0, 2]
    assert picks.of("/data/session/A/m1.eer").x.tolist() == [0, 2]
    assert picks.of(r"D:\run\B\m1.tif").x.tolist() == [1]
    assert picks.of("/elsewhere/m2.mrc").x.tolist() == [3]
    assert picks.of("/data/m3.mrc").x.tolist() == [4]
    assert picks.of("C/m3.mrc").x.tolist() == [5]
    assert picks.of("C/m3.mrc").notes == ()


def test_micrographs_that_no_folder_tells_apart_are_said() -> None:
    picks = Picks(np.arange(3.0), np.zeros(3), micrographs=("A/m1.mrc", "B/m1.mrc", "B/m2.mrc"))
    found = picks.of("/data/m1.mrc")
    assert found.x.tolist() == [0, 1]
    assert found.notes == ("Micrographs in A, B are called m1; these are of all.",)
    assert found.notes[0] in repr(found)


def test_the_viewer_takes_the_picks_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "B").mkdir()
    path = write_mrc(tmp_path / "B" / "m1.mrc", np.zeros((16, 16), np.float32))
    picks = Picks(np.arange(3.0), np.zeros(3), micrographs=("A/m1.mrc", "B/m1.mrc", "B/m1.mrc"))
    view = MicrographView(path, picks=picks)
    assert view.canvas.about["picks"] == 2
    view.close()


def test_the_pixels_of_the_movie_are_not_those_of_particles(tmp_path: Path) -> None:
    """Particles of a sum that was binned by two, as RELION's extraction writes them."""
    extracted = RELION.replace("_rlnMicrographPixelSize", "_rlnMicrographOriginalPixelSize")
    picks = read_picks(write(tmp_path / "p.star", extracted))
    assert picks.pixel_size is None
    assert picks.scaled(1.0) is picks


@pytest.mark.parametrize(
    ("stated", "factor"),
    [
        (0.5, 1),
        (0.51, 1),  # the same pixel, calibrated
        (1.0, 2),
        (1.02, 2),  # a binned one, calibrated
        (0.25, 0.5),
        (0.75, 1.5),
    ],
)
def test_picks_lie_where_they_belong_on_pixels_of_another_size(
    tmp_path: Path, stated: float, factor: float
) -> None:
    star = write(tmp_path / "p.star", RELION.replace("1 0.5", f"1 {stated}"))
    path = tmp_path / "m_1.mrc"
    write_mrc(path, np.zeros((64, 64), np.float32), pixel_size=0.5)
    view = MicrographView(path, picks=star)
    shown = view.canvas.picks
    assert shown is not None
    assert shown.x.tolist() == pytest.approx([100.5 * factor, 300 * factor])
    notes = view.canvas.about["notes"]
    view.close()
    told = f"multiplied by {factor:g}."
    assert any(told in one for one in notes) == (factor != 1)
