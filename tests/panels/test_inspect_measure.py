"""The part of the InspectPanel that measures: what it asks for, says, and hands over."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest

from openem_nb.errors import CannotWrite
from openem_nb.mining import run
from openem_nb.panels.inspect import InspectPanel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONLY = {"ctf": False, "spectrum": False, "ice": False, "statistics": True}


def write(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(array)
        mrc.voxel_size = 2.0
    return path


@pytest.fixture
def panel(closing: Callable[[Any], Any], until: Any, tmp_path: Path) -> InspectPanel:
    """Show three micrographs with 48 electrons in each pixel of 2 Å."""
    rng = np.random.default_rng(2)
    for number in range(3):
        pixels = rng.poisson(48, (128, 128)).astype(np.int16)
        write(tmp_path / "session" / f"mic_{number}.mrc", pixels)
    shown: InspectPanel = closing(InspectPanel(tmp_path / "session"))
    assert shown.listing is not None
    shown.listing.result(60)
    until(lambda: shown.making is not None and shown.making.done)
    return shown


def measured(panel: InspectPanel, until: Any, **values: str | bool) -> None:
    panel.measure.form.submit({**ONLY, **values})
    assert panel.measure.form.errors == {}
    until(lambda: not panel.measure.form.busy)


def test_what_was_said_of_the_run_before_goes_when_another_begins(
    panel: InspectPanel, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(panel, until)
    assert "3 files measured" in panel.measure.words.value
    go = threading.Event()
    real = run._measure

    def waiting(*arguments: Any) -> None:
        go.wait(60)
        real(*arguments)

    monkeypatch.setattr(run, "_measure", waiting)
    panel.measure.form.submit({**ONLY, "dose": True})
    try:
        assert panel.measure.form.busy
        assert panel.measure.words.value == ""
    finally:
        go.set()
    until(lambda: not panel.measure.form.busy)
    assert "3 files measured" in panel.measure.words.value


def test_a_measurement_that_goes_on_is_shown_to_its_end_after_coming_back(
    panel: InspectPanel, until: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = write(tmp_path / "other" / "x.mrc", np.ones((64, 64), np.int16)).parent
    go = threading.Event()
    real = run._measure

    def waiting(*arguments: Any) -> None:
        go.wait(120)
        real(*arguments)

    def shown(folder: Path | None) -> None:
        panel.show(folder)
        assert panel.listing is not None
        panel.listing.result(120)
        until(lambda: panel.folder == folder and panel.making is not None and panel.making.done)

    session = panel.folder
    monkeypatch.setattr(run, "_measure", waiting)
    panel.measure.form.submit(ONLY)
    try:
        shown(other)
        assert panel.measure.form.busy is False
        assert panel.mined is None
        shown(session)
        assert panel.measure.form.busy
        assert panel.measure.form.values["ctf"] is False
    finally:
        go.set()
    until(lambda: "std" in panel.frame and panel.frame["std"].notna().sum() == 3)
    until(lambda: not panel.measure.form.busy)
    assert "3 files measured" in panel.measure.words.value
    until(lambda: len(panel.jobs.rows) == 1)  # the row says how it went
    shown(other)
    until(lambda: panel.jobs.rows == [])  # and goes with the folder it is of


def test_what_ends_a_measurement_is_said_below_its_form(
    panel: InspectPanel, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise CannotWrite("There is no room for the table.", hint="Make room.")

    with monkeypatch.context() as patched:
        patched.setattr(run, "_measure", full)
        panel.measure.form.submit(ONLY)
        until(lambda: panel.measure.problems.error is not None)
    assert "no room" in panel.measure.problems.disclosure.sentence
    assert panel.measure.problems in panel.measure.children
    assert panel.errors.error is None
    until(lambda: not panel.measure.form.busy)
    measured(panel, until)
    assert panel.measure.problems.error is None


def test_an_error_before_the_work_is_no_matter_of_the_spherical_aberration(
    panel: InspectPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise CannotWrite("Another program holds it.", hint="Wait.")

    monkeypatch.setattr("openem_nb.panels._inspect_measure.mining.mine", refused)
    panel.measure.form.submit(ONLY)
    assert panel.measure.form.errors == {}
    assert panel.measure.problems.disclosure.sentence == "Another program holds it."
    assert panel.measure.form.busy is False


def test_all_that_measurements_ask_for_is_handed_over_and_in_the_code(
    panel: InspectPanel, until: Any, closing: Any, tmp_path: Path
) -> None:
    gain = str(write(tmp_path / "gain.mrc", np.ones((128, 128), np.float32)))
    asked: dict[str, str | bool] = {
        "gain": gain,
        "flip_rotate": "flip y",
        "dose": True,
        "expected_dose": "24",
    }
    ctf: dict[str, str | bool] = {"ctf": True, "cs": "2.7", "voltage": "300", "phase_plate": True}
    measured(panel, until, **asked, **ctf, amplitude_contrast="0.1")
    assert panel.mined is not None
    frame = panel.mined.frame
    assert frame["dose_ratio"].tolist() == pytest.approx([0.5] * 3, rel=0.05)
    assert frame["ctf_amplitude_contrast"].tolist() == [0.1] * 3
    assert frame["ctf_phase_shift"].notna().all()
    assert panel.measure.given == {
        "cs": 2.7,
        "voltage": 300.0,
        "amplitude_contrast": 0.1,
        "phase_plate": True,
        "dose": 24.0,
        "gain": gain,
        "flip_rotate": "flip y",
        "measures": ("thumbnail", "statistics", "ctf", "dose"),
    }
    names: dict[str, Any] = {}
    exec(panel.code(), names)  # what a person would run
    closing(names["gallery"])
    assert names["mined"].frame["dose_ratio"].tolist() == frame["dose_ratio"].tolist()
    assert names["mined"].given == {**panel.mined.given}
    again: InspectPanel = closing(InspectPanel(panel.folder))  # finds what was measured then
    assert again.listing is not None
    again.listing.result(60)
    values = again.measure.form.values
    shown = {name: values[name] for name in (*asked, *ctf, "amplitude_contrast")}
    assert shown == {**asked, **ctf, "amplitude_contrast": "0.1"}


def test_what_an_unchosen_measurement_asks_for_does_not_count(
    panel: InspectPanel, until: Any
) -> None:
    measured(panel, until, expected_dose="nonsense", amplitude_contrast="7", phase_plate=True)
    assert panel.measure.given == {"measures": ("thumbnail", "statistics")}


def test_impossible_values_are_said_at_their_fields(panel: InspectPanel, tmp_path: Path) -> None:
    wrong: dict[str, str | bool] = {
        "ctf": True,
        "amplitude_contrast": "7",
        "dose": True,
        "expected_dose": "-1",
    }
    panel.measure.form.submit({**wrong, "gain": str(tmp_path / "none.mrc"), "voltage": "300000"})
    errors = panel.measure.form.errors
    assert set(errors) == {"amplitude_contrast", "expected_dose", "gain", "voltage"}
    assert "0.07 to 0.1" in errors["amplitude_contrast"]
    assert "none.mrc" in errors["gain"]
    assert panel.mined is None


def test_fields_of_one_measurement_show_with_it(panel: InspectPanel) -> None:
    when = {field["name"]: field["when"] for field in panel.measure.form.fields}
    assert {name: other for name, other in when.items() if other} == {
        "flip_rotate": "gain",
        "amplitude_contrast": "ctf",
        "defocus_from": "ctf",
        "defocus_to": "ctf",
        "phase_plate": "ctf",
        "expected_dose": "dose",
    }


def test_counts_are_whole_numbers_also_in_the_marks(
    panel: InspectPanel, until: Any, tmp_path: Path
) -> None:
    measured(panel, until)
    until(lambda: "hot_pixels" in panel.frame and panel.frame["hot_pixels"].notna().all())
    panel.gallery.mark(["mic_0.mrc"], "good")
    lines = panel.gallery.save(tmp_path / "marks.csv").read_text().splitlines()
    row = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert (row["name"], row["mark"], row["height"], row["hot_pixels"]) == (
        *("mic_0.mrc", "good", "128", "0"),
    )
