"""Mining a folder: every file once, whatever happens to it or to the process."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from _mined_files import write_mrc
from PIL import Image

from openem_nb import images, mining, settings
from openem_nb.errors import Cancelled, Conflict, InvalidInput, NotFound
from openem_nb.jobs import Progress
from openem_nb.mining import _work as workers
from openem_nb.mining import measure as measuring
from openem_nb.mining import mine, open_mined
from openem_nb.practice.micrographs import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

CHEAP = ("thumbnail", "statistics")
TIMES = ["measured", "seconds"]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of the files that are measured, which grows."""
    seen: list[str] = []
    real = measuring.measure

    def measure(file: Any, *more: Any) -> dict[str, Any]:
        seen.append(file.name)
        return real(file, *more)

    monkeypatch.setattr(measuring, "measure", measure)
    return seen


def test_what_a_normalised_image_has_no_measure_of_is_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    for number in range(9):
        image = rng.standard_normal((64, 64)).astype(np.float32) * 5
        image += np.float32(0 if number == 3 else 40)
        write_mrc(tmp_path / f"in/{number}.mrc", image - (image.mean() if number == 3 else 0))
    frame = mine(tmp_path / "in", measures=["statistics"], out=tmp_path / "out").frame
    relative = frame[["gradient", "unevenness", "dark"]].notna().all(axis=1)
    assert frame["name"][~relative].tolist() == ["3.mrc"]
    assert frame["left_out"].notna().tolist() == (~relative).tolist()
    assert "the mean, which is near 0" in frame["left_out"][3]
    told = images.outliers(frame, columns=["gradient", "unevenness", "dark"])
    assert 3 not in told.index


def test_one_row_for_each_file_as_the_functions_measure_it(
    session: Callable[..., Path], tmp_path: Path
) -> None:
    mined = mine(session(4), measures=CHEAP, out=tmp_path / "out")
    frame = mined.frame
    assert frame["name"].tolist() == [f"mic_{number:03d}.mrc" for number in range(4)]
    for row in frame.itertuples():
        found = images.open_image(row.path)
        known = images.statistics(found.frame())
        assert row.mean == pytest.approx(known.mean, rel=1e-12)
        assert row.std == pytest.approx(known.std, rel=1e-12)
        assert row.hot_pixels == known.hot_pixels
        assert (row.height, row.width, row.frames) == (64, 64, 1)
        assert row.pixel_size == pytest.approx(1.06)
        assert row.bytes == Path(row.path).stat().st_size
        assert row.problem is None
        picture = Image.open(io.BytesIO(mined.picture(row.thumbnail)))
        assert picture.size == (64, 64)
    assert "ctf_defocus" not in frame
    assert len(mined) == 4
    assert mined.words == "4 files measured."


def test_ctf_of_simulated_micrographs(tmp_path: Path) -> None:
    truth = {}
    for seed, defocus in ((1, 12_000.0), (2, 21_000.0)):
        counts, known = simulate((1024, 1024), defocus_u=defocus, dose=60, signal=2, seed=seed)
        write_mrc(tmp_path / "in" / f"{seed}.mrc", counts)
        truth[f"{seed}.mrc"] = known
    mined = mine(tmp_path / "in", voltage=300, cs=2.7, out=tmp_path / "out")
    found = mined.frame.set_index("name")
    for name, known in truth.items():
        assert found.loc[name, "ctf_defocus"] == pytest.approx(known.defocus_u, abs=400)
        assert found.loc[name, "ctf_score"] > 0.5
        assert found.loc[name, "ctf_resolution"] < 12
        row = found.loc[name]
        assert 0 < row["ctf_deviation"] < row["ctf_deviation_u"] < 500
        assert 0 < row["ctf_deviation_v"] < 500
        assert 0 < row["ctf_deviation_angle"] <= 52
    assert set(found["left_out"]) == {None}
    assert Image.open(io.BytesIO(mined.picture(found["spectrum"].iloc[0]))).size == (256, 256)
    shifted = mine(tmp_path / "in", voltage=300, cs=2.7, phase_plate=True, out=tmp_path / "out")
    assert {"ctf_phase_shift"} <= set(shifted.frame.columns)
    assert shifted.frame["ctf_phase_shift"].notna().all()


def test_what_the_ctf_needs_is_not_assumed(session: Callable[..., Path], tmp_path: Path) -> None:
    folder = session(1)
    left = mine(folder, out=tmp_path / "a").frame.loc[0]
    assert left["left_out"].startswith(
        "ctf: voltage and Cs are not known. Give voltage in kV and cs in mm."
    )
    assert "ctf_defocus" in left
    assert pd.isna(left["ctf_defocus"])
    assert left["mean"] > 0, "the other measurements are there"
    left = mine(folder, out=tmp_path / "a", voltage=300).frame.loc[0]
    assert left["left_out"].startswith("ctf: Cs is not known. Give cs in mm.")
    assert left["voltage"] == 300


def test_a_movie_is_averaged_with_its_gain(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).poisson(5, (6, 32, 48)).astype(np.int16)
    write_mrc(tmp_path / "in" / "movie.mrc", frames)
    gain = np.linspace(0.5, 2, 32 * 48, dtype=np.float32).reshape(32, 48)
    write_mrc(tmp_path / "gain.mrc", gain)
    plain = mine(tmp_path / "in", measures="statistics", out=tmp_path / "out")
    assert plain.frame.loc[0, "frames"] == 6
    assert plain.frame.loc[0, "mean"] == pytest.approx(frames.mean(), rel=1e-6)
    mined = mine(
        tmp_path / "in", measures="statistics", gain=tmp_path / "gain.mrc", out=tmp_path / "out"
    )
    assert mined.key != plain.key
    assert mined.frame.loc[0, "mean"] == pytest.approx(
        (frames.mean(axis=0) * gain).mean(), rel=1e-5
    )
    write_mrc(tmp_path / "gain.mrc", gain * 2)
    os.utime(tmp_path / "gain.mrc", (1, 1))
    again = mine(
        tmp_path / "in", measures="statistics", gain=tmp_path / "gain.mrc", out=tmp_path / "out"
    )
    assert again.frame.loc[0, "mean"] == pytest.approx(2 * mined.frame.loc[0, "mean"], rel=1e-5)


def test_bad_files_are_rows_with_a_reason(session: Callable[..., Path], tmp_path: Path) -> None:
    folder = session(3)
    (folder / "cut.mrc").write_bytes((folder / "mic_000.mrc").read_bytes()[:5000])
    (folder / "empty.mrc").write_bytes(b"")
    (folder / "text.tif").write_text("<script>alert(1)</script> is not an image")
    mined = mine(folder, measures=CHEAP, out=tmp_path / "out")
    assert len(mined) == 6
    problems = mined.problems.set_index("name")["problem"]
    assert set(problems.index) == {"cut.mrc", "empty.mrc", "text.tif"}
    assert problems["cut.mrc"].startswith("It is cut off: its header promises")
    assert not any(problems[name].count(name) for name in problems.index)
    assert mined.words == "3 files measured, 3 files could not be read."
    assert "<script>" not in mined._repr_html_()
    assert "cut.mrc" in mined._repr_html_()


def test_what_nobody_expected_of_a_file_stops_nothing(
    session: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = images.block_mean

    def block_mean(array: Any, *more: Any) -> Any:
        if array.mean() > 101.5:
            raise ZeroDivisionError("division by zero")
        return real(array, *more)

    monkeypatch.setattr(images, "block_mean", block_mean)
    mined = mine(session(4), measures=CHEAP, out=tmp_path / "out")
    assert mined.problems["problem"].tolist() == ["ZeroDivisionError: division by zero"] * 2
    assert len(mined) == 4


def test_again_measures_what_is_new_or_changed_only(
    session: Callable[..., Path], tmp_path: Path, measured: list[str]
) -> None:
    folder = session(3)
    mine(folder, measures=CHEAP, out=tmp_path / "out")
    assert sorted(measured) == ["mic_000.mrc", "mic_001.mrc", "mic_002.mrc"]
    measured.clear()
    mine(folder, measures=CHEAP, out=tmp_path / "out")
    assert measured == []
    write_mrc(folder / "mic_009.mrc", np.ones((8, 8), np.float32))
    os.utime(folder / "mic_001.mrc", ns=(1, 1))
    mined = mine(folder, measures=CHEAP, out=tmp_path / "out")
    assert sorted(measured) == ["mic_001.mrc", "mic_009.mrc"]
    assert len(mined.frame) == 4
    measured.clear()
    mine(folder, measures=CHEAP, size=64, out=tmp_path / "out")
    assert len(measured) == 4, "other parameters, other measurements"
    measured.clear()
    mine(folder, measures=reversed(CHEAP), out=tmp_path / "out")
    assert measured == [], "the order of the measures means nothing"


def test_a_file_with_a_problem_is_tried_again_where_that_can_help(
    session: Callable[..., Path],
    tmp_path: Path,
    measured: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = session(2)
    (folder / "bad.mrc").write_bytes(b"nothing")
    real = images.open_image

    def open_image(path: Path, **more: Any) -> Any:
        if path.name == "mic_001.mrc":
            raise TimeoutError(110, "Connection timed out")
        return real(path, **more)

    with monkeypatch.context() as patched:
        patched.setattr(images, "open_image", open_image)
        mined = mine(folder, measures=CHEAP, out=tmp_path / "out")
    assert "Connection timed out" in mined.problems.set_index("name").loc["mic_001.mrc", "problem"]
    measured.clear()
    mined = mine(folder, measures=CHEAP, out=tmp_path / "out")
    assert measured == ["mic_001.mrc"], "a damaged file is not read again"
    assert mined.problems["name"].tolist() == ["bad.mrc"]
    measured.clear()
    mine(folder, measures=CHEAP, out=tmp_path / "out", retry=True)
    assert measured == ["bad.mrc"]


def test_the_table_does_not_depend_on_the_order(
    session: Callable[..., Path], tmp_path: Path
) -> None:
    folder = session(8)
    one = mine(folder, measures=CHEAP, workers=1, out=tmp_path / "one").frame
    many = mine(list(folder.glob("*.mrc"))[::-1], measures=CHEAP, workers=3, out=tmp_path / "many")
    pd.testing.assert_frame_equal(one.drop(columns=TIMES), many.frame.drop(columns=TIMES))
    for name in one["thumbnail"]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_rows_come_while_it_runs_and_it_can_be_cancelled(
    session: Callable[..., Path], tmp_path: Path, measured: list[str]
) -> None:
    progress, rows = Progress(), []

    def told(new: list[dict[str, Any]]) -> None:
        rows.extend(new)
        other = open_mined(tmp_path / "out")  # as another process sees it
        assert set(other.frame["name"]) == {row["name"] for row in rows}
        if len(rows) >= 4:
            progress.cancel()

    with pytest.raises(Cancelled):
        mine(
            session(100),
            measures=CHEAP,
            workers=1,
            out=tmp_path / "out",
            on_rows=told,
            progress=progress,
        )
    assert 4 <= len(rows) < 100
    state = progress.snapshot()
    assert (state.done, state.total, state.unit) == (len(rows), 100, "files")
    before = len(measured)
    progress = Progress()
    mined = mine(tmp_path / "session", measures=CHEAP, out=tmp_path / "out", progress=progress)
    assert len(measured) - before == 100 - len(rows)
    assert len(mined) == 100
    assert progress.snapshot().fraction == 1


def test_in_the_background(
    session: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, begun = threading.Event(), threading.Event()
    real = measuring.measure

    def measure(file: Any, *more: Any) -> dict[str, Any]:
        if file.name == "mic_003.mrc":
            begun.set()
            assert gate.wait(120)
        return real(file, *more)

    monkeypatch.setattr(measuring, "measure", measure)
    folder = session(4)
    mined = mine(folder, measures="statistics", workers=1, out=tmp_path / "out", wait=False)
    assert begun.wait(120)
    assert mined.running
    with pytest.raises(Conflict, match="Another run"):
        mine(folder, measures="statistics", out=tmp_path / "out")
    gate.set()
    assert mined.wait(120) is mined
    assert not mined.running
    assert len(mined) == 4


def test_errors_of_the_background_are_told(tmp_path: Path) -> None:
    mined = mine(tmp_path, out=tmp_path / "out", wait=False)
    with pytest.raises(NotFound, match="no file that is an image"):
        mined.wait(120)


def test_the_folder_of_the_results_is_the_same_each_time(session: Callable[..., Path]) -> None:
    folder = session(2)
    mined = mine(folder, measures="statistics")
    assert mined.folder.is_relative_to(settings.folders().data / "mining")
    assert mined.folder.name.startswith("session-")
    assert mine(str(folder), measures="statistics").folder == mined.folder
    assert mine(folder / "mic_000.mrc", measures="statistics").folder != mined.folder
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["mic_000.mrc", "mic_001.mrc"], "nothing is written among the data"
    assert open_mined(mined.folder).frame["name"].tolist() == ["mic_000.mrc", "mic_001.mrc"]


def test_a_folder_where_nothing_was_mined(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Nothing was mined"):
        open_mined(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"measures": "colour"}, "'colour' cannot be measured"),
        ({"measures": ()}, "Nothing is to be measured"),
        ({"voltage": 300_000}, "300000 kV"),
        ({"cs": -2.7}, "cs is -2.7"),
        ({"cs": 2700}, "cs is 2700 mm, and has to be -1 to 20 mm"),
        ({"cs": "2.7 mm"}, "cs is '2.7 mm', and has to be a number"),
        ({"amplitude_contrast": None}, "amplitude_contrast is None"),
        ({"voltage": 0.3}, "voltage is 0.3 kV"),
        ({"pixel_size": float("nan")}, "pixel_size is nan"),
        ({"amplitude_contrast": 7}, "amplitude_contrast is 7, and has to be 0 to 1"),
        ({"size": 5}, "5 pixels"),
        ({"workers": 0}, "0 workers"),
        ({"cluster": "threads", "options": {"queue": "x"}}, "options such as queue"),
        ({"cluster": "tcp://127.0.0.1:1", "options": {"queue": "x"}}, "options such as queue"),
        ({"cluster": object()}, "object is no cluster"),
        ({"cluster": "nonsense"}, "'nonsense' is no cluster"),
    ],
)
def test_wrong_parameters_are_told(
    wrong: dict[str, Any], words: str, session: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=words):
        mine(session(1), out=tmp_path / "out", **wrong)
    assert not list(tmp_path.glob("out/**/*.parquet")), "it is told before anything is measured"


def test_a_gain_reference_that_is_not_there(session: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="gain reference"):
        mine(session(1), gain=tmp_path / "gain.mrc", out=tmp_path / "out")


def test_linear_algebra_is_not_shared_out_meanwhile(
    session: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threadpoolctl import threadpool_info

    def threads() -> set[int]:
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    seen: list[set[int]] = []
    before = threads()
    real = workers.work
    monkeypatch.setattr(
        "openem_nb.mining.engines.work", lambda *given: (seen.append(threads()), real(*given))[1]
    )
    mine(session(1), measures="statistics", out=tmp_path / "out")
    assert seen == [{1}]
    assert threads() == before


def test_every_column_has_a_measure_that_is_known() -> None:
    assert {column.measure for column in mining.COLUMNS.values()} == {"", *mining.MEASURES}
    assert set(measuring._MEASURES) == set(mining.MEASURES)
    assert list(measuring._MEASURES) == list(mining.MEASURES), "the same order"
