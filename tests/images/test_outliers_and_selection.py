from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from gemmi import cif

from openem_nb.errors import DamagedFile, InvalidInput, NotFound
from openem_nb.images import outliers, read_selection, write_selection
from openem_nb.images.selection import missing_optics

if TYPE_CHECKING:
    from pathlib import Path


def session(count: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "name": [f"m_{row}.mrc" for row in range(count)],
            "ctf_resolution": rng.normal(4, 0.4, count).clip(3, 5),
            "ctf_defocus_u": rng.uniform(8_000, 20_000, count),
            "motion_total": rng.lognormal(1, 0.3, count),
            "ctf_angle": rng.uniform(-90, 90, count),
            "pixel_size": np.full(count, 1.06),
        }
    )


def test_an_even_session_has_no_outliers_but_the_tail_of_drift() -> None:
    found = outliers(session())
    assert len(found) < 8
    assert found["reasons"].str.contains("Motion total").all()


def test_what_is_unlike_the_others_is_named_with_value_and_median() -> None:
    frame = session()
    frame.loc[7, "ctf_resolution"] = 24.0
    frame.loc[8, "ctf_resolution"] = 1.0  # too good is no reason
    frame.loc[9, "pixel_size"] = 0.53
    frame.loc[10, "ctf_defocus_u"] = 90_000.0
    frame["problem"] = ""
    frame.loc[11, "problem"] = "It is cut off."
    frame.loc[12, "ctf_resolution"] = np.nan
    found = outliers(frame)
    assert "Ctf resolution is 24 Å, much higher" in found.loc[7, "reasons"]
    assert "(median 4" in found.loc[7, "reasons"]
    assert 8 not in found.index
    assert found.loc[9, "reasons"] == "Pixel size is 0.53 Å; 100% have 1.06 Å."
    assert "90,000 Å" in found.loc[10, "reasons"]
    assert found.loc[11, "reasons"] == "It is cut off."
    assert 12 not in found.index
    assert set(found.index[:2]) == {9, 11}
    assert found["distance"].is_monotonic_decreasing


def test_the_limit_and_the_columns_can_be_chosen() -> None:
    frame = session()
    few, many = outliers(frame, limit=5), outliers(frame, limit=2)
    assert set(few.index) < set(many.index)
    only = outliers(frame, limit=1.2, columns=["ctf_angle"])
    assert len(only) > 10
    assert only["reasons"].str.startswith("Ctf angle is ").all()
    with pytest.raises(InvalidInput):
        outliers(frame, columns=["nothing"])
    with pytest.raises(InvalidInput):
        outliers(frame, limit=0)


def test_a_handful_of_values_says_nothing_of_what_is_usual() -> None:
    assert len(outliers(pd.DataFrame({"std": [1.0, 1.0, 1.1, 50.0]}))) == 0
    assert len(outliers(pd.DataFrame({"std": []}))) == 0


def test_small_differences_do_not_matter_however_regular_the_rest_is() -> None:
    values = [100.0, 100.1, 99.9, 100.05, 99.95, 100.02, 99.98, 100.0, 103.0, 150.0]
    assert outliers(pd.DataFrame({"mean": values})).index.tolist() == [9]


def judged() -> pd.DataFrame:
    frame = session(5)
    frame["mark"] = ["good", "bad", "", "good", ""]
    frame["note"] = ["", 'ice "thick"', "=1+1", "", ""]
    frame.loc[3, "ctf_resolution"] = np.nan
    return frame


@pytest.mark.parametrize("suffix", ["csv", "star"])
def test_marks_and_notes_are_read_as_they_were_written(tmp_path: Path, suffix: str) -> None:
    path = write_selection(tmp_path / f"s.{suffix}", judged())
    found = read_selection(path)
    pd.testing.assert_frame_equal(found, judged()[["name", "mark", "note"]], check_dtype=False)


def test_csv_holds_no_formula_and_star_what_relion_has_names_for(tmp_path: Path) -> None:
    csv = write_selection(tmp_path / "s.csv", judged()).read_text()
    assert ",'=1+1" in csv
    star = write_selection(tmp_path / "s.star", judged(), keep="good")
    block = cif.read(str(star)).sole_block()
    assert block.name == "micrographs"
    table = block.find(["_rlnMicrographName", "_rlnDefocusU"])
    assert [row[0] for row in table] == ["m_0.mrc", "m_3.mrc"]
    assert float(table[0][1]) == pytest.approx(judged()["ctf_defocus_u"][0])
    assert [*block.find_values("_rlnAccumMotionTotal")] != []
    # a number that one of them lacks would be zero for RELION
    assert not [*block.find_values("_rlnCtfMaxResolution")]
    head = star.read_text().split("data_")[0]
    assert "# Without rlnCtfMaxResolution: not every micrograph has a value that holds." in head
    assert "# Without optics: not known are" in head
    kept = read_selection(write_selection(tmp_path / "t.star", judged(), keep="not bad"))
    assert kept["name"].tolist() == ["m_0.mrc", "m_2.mrc", "m_3.mrc", "m_4.mrc"]


def test_angles_of_tiff_files_are_those_of_relion(tmp_path: Path) -> None:
    angles = [30.0, -20.0, 90.0, 0.0, 12.5]
    formats = ["mrc", "tiff", "tiff", "tiff", "eer"]
    frame = judged().assign(ctf_angle=angles, format=formats)
    (block,) = cif.read(str(write_selection(tmp_path / "s.star", frame)))
    found = [float(one) for one in block.find_values("_rlnDefocusAngle")]
    assert found == [30, 20, -90, 0, 12.5]


def test_relion_gets_groups_of_optics_and_names_that_it_finds(tmp_path: Path) -> None:
    frame = judged().assign(
        pixel_size=[0.65, 0.65, 0.65, 1.3, np.nan],
        voltage=300.0,
        ctf_cs=[2.7, np.nan, 2.7, 2.7, 2.7],
        ctf_amplitude_contrast=0.1,
    )
    assert missing_optics(frame) == ["pixel size"]  # two are there, which one has the last?
    frame.loc[4, "pixel_size"] = 1.3
    assert missing_optics(frame) == []
    star = write_selection(tmp_path / "s.star", frame, folder=tmp_path / "my session")
    optics, micrographs = cif.read(str(star))
    assert (optics.name, micrographs.name) == ("optics", "micrographs")
    labels = ["rlnOpticsGroup", "rlnMicrographOriginalPixelSize", "rlnMicrographPixelSize"]
    labels += ["rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"]
    rows = [[float(one) for one in row] for row in optics.find([f"_{one}" for one in labels])]
    assert rows == [[1, 0.65, 0.65, 300, 2.7, 0.1], [2, 1.3, 1.3, 300, 2.7, 0.1]]
    assert [*optics.find_values("_rlnOpticsGroupName")] == ["opticsGroup1", "opticsGroup2"]
    assert [*micrographs.find_values("_rlnOpticsGroup")] == ["1", "1", "1", "2", "2"]
    names = [cif.as_string(one) for one in micrographs.find_values("_rlnMicrographName")]
    assert names[0] == str(tmp_path / "my session" / "m_0.mrc")
    assert read_selection(star)["mark"].tolist() == judged()["mark"].tolist()


def test_selections_of_other_programs_are_read(tmp_path: Path) -> None:
    listed = tmp_path / "micrographs.star"
    listed.write_text("data_\nloop_\n_rlnMicrographName #1\na.mrc\nb.mrc\n")
    assert read_selection(listed)["mark"].tolist() == ["good", "good"]
    listed.write_text("data_\nloop_\n_rlnMicrographName\n_rlnSelected\na.mrc 1\nb.mrc 0\n")
    assert read_selection(listed)["mark"].tolist() == ["good", "bad"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.csv", "name,mark\na.mrc,excellent\n"),
        ("s.csv", "file,mark\na.mrc,good\n"),
        ("s.csv", ""),
        ("s.star", "data_\n_a 1\n"),
    ],
)
def test_what_is_no_selection_is_said(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DamagedFile):
        read_selection(tmp_path / name)


def test_wrong_names_and_choices_are_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_selection(tmp_path / "none.csv")
    with pytest.raises(InvalidInput):
        write_selection(tmp_path / "s.xlsx", judged())
    with pytest.raises(InvalidInput):
        write_selection(tmp_path / "s.csv", judged(), keep="best")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        write_selection(tmp_path / "s.csv", judged().drop(columns="note"))
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_no_text_can_be_written(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": ["m_\udcff.mrc"], "mark": ["good"], "note": ["é"]})
    for suffix in ("csv", "star"):
        found = read_selection(write_selection(tmp_path / f"s.{suffix}", frame))
        assert found["name"].tolist() == ["m_\\xff.mrc"]
        assert found["note"].tolist() == ["é"]


def test_an_axis_that_is_not_known_is_no_outlier() -> None:
    frame = pd.DataFrame({"ctf_deviation_angle": [1.0, 1.1, 0.9, 1.0, 1.2, 0.8, 1.0, 52.0]})
    assert len(outliers(frame)) == 0
    assert len(outliers(frame.rename(columns={"ctf_deviation_angle": "ctf_deviation_u"}))) == 1


def moved() -> pd.DataFrame:
    """Return the motion of twelve movies, of which the fourth could not be followed."""
    total = [10.0, 11.0, 9.0, 180.0, 10.5, 9.5, 11.5, 10.2, 9.9, 10.1, 10.8, 9.7]
    reliable = pd.array([one < 100 for one in total], dtype="boolean")
    names = [f"m{place}.mrc" for place in range(12)]
    return pd.DataFrame({"name": names, "motion_total": total, "motion_reliable": reliable})


def test_motion_of_noise_is_no_measurement() -> None:
    frame = moved()
    reasons = outliers(frame)["reasons"]
    assert list(reasons.index) == [3]
    assert reasons[3] == "Motion is not reliable; 92% are."
    frame["motion_reliable"] = frame["motion_reliable"].mask(frame.index == 3)
    assert "Motion total is 180 Å" in outliers(frame)["reasons"][3], "nobody has said what it is"


def test_relion_is_told_no_motion_of_noise(tmp_path: Path) -> None:
    frame = moved().assign(mark="good", note="")
    lines = write_selection(tmp_path / "all.star", frame).read_text()
    assert "_rlnAccumMotionTotal" not in lines
    assert "# Without rlnAccumMotionTotal: not every micrograph has a value that holds." in lines
    frame.loc[3, "mark"] = "bad"
    kept = write_selection(tmp_path / "kept.star", frame, keep="good").read_text()
    assert "_rlnAccumMotionTotal" in kept
    assert "180" not in kept


ODD = [
    "=y",
    "'=y",
    "''=y",
    "'y",
    "\t=x",
    "'\tz",
    "-1",
    "@a,b",
    'q"u;o',
    "+\nline",
    "Müller",
    "a  b ",
]


def test_every_name_and_note_comes_back_from_csv_as_it_was(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": ODD, "mark": "good", "note": ODD[::-1]})
    found = read_selection(write_selection(tmp_path / "s.csv", frame))
    assert found["name"].tolist() == ODD
    assert found["note"].tolist() == ODD[::-1]
    assert "\n=y," not in (tmp_path / "s.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_marks_that_a_spreadsheet_saved_again_are_read(
    tmp_path: Path, between: str, encoding: str
) -> None:
    text = "name,mark,note,std\r\nMüller.mrc,good,grün,1\r\nb.mrc,bad,,2\r\n"
    (tmp_path / "x.csv").write_bytes(text.replace(",", between).encode(encoding))
    found = read_selection(tmp_path / "x.csv")
    assert found.to_numpy().tolist() == [["Müller.mrc", "good", "grün"], ["b.mrc", "bad", ""]]


def test_a_star_file_changes_no_name_and_loses_no_note(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": ["a.mrc", "b c.mrc"], "mark": "good", "note": ["None", ""]})
    found = read_selection(write_selection(tmp_path / "s.star", frame))
    assert found["name"].tolist() == ["a.mrc", "b c.mrc"]
    assert found["note"].tolist() == ["none", ""]
    for name in ("a  b.mrc", "a\tb.mrc", " a.mrc", "a\nb.mrc"):
        with pytest.raises(InvalidInput, match="with its spaces"):
            write_selection(tmp_path / "t.star", frame.assign(name=["x.mrc", name]))
    assert not (tmp_path / "t.star").exists()
