"""What a run folder says when its process is gone, another, or elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from openem_nb import runs, settings
from openem_nb.errors import BadAnswer, CannotWrite, InvalidInput, NotFound
from openem_nb.jobs import Progress
from openem_nb.runs import Run, RunState, cells, journal
from openem_nb.runs.record import Failure, Record, now, register_process


def made(name: str = "one", state: RunState = RunState.RUNNING, **more: object) -> Run:
    folder = settings.folders().runs / f"2026-11-20T0912_{name}_a1b2"
    (folder / "outputs").mkdir(parents=True)
    record = Record(
        name=name,
        title=name.title(),
        source="",
        parameters={},
        version="0",
        created=now(),
        state=state,
        started=now(),
        **more,  # type: ignore[arg-type]
    )
    record.write(folder)
    return Run(folder)


def ended_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_run_whose_process_lives_is_running() -> None:
    run = made()
    register_process(run.folder, os.getpid())
    assert run.state is RunState.RUNNING
    assert run.error is None


def test_a_run_whose_process_is_gone_is_lost() -> None:
    run = made()
    register_process(run.folder, ended_process())
    assert run.state is RunState.LOST
    assert run.error is not None
    assert "log.txt" in run.error.hint
    assert run.wait(1) is RunState.LOST
    run.delete()
    assert not run.folder.exists()
    with pytest.raises(NotFound, match="no run"):
        _ = run.state


def test_a_number_used_again_by_another_process_is_not_the_run() -> None:
    run = made()
    register_process(run.folder, os.getpid())
    path = run.folder / "process.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "born": data["born"] - 100}))
    assert run.state is RunState.LOST
    run.cancel()  # must not end this process
    assert psutil.pid_exists(os.getpid())


def test_a_dead_process_that_was_told_to_stop_is_cancelled() -> None:
    run = made()
    register_process(run.folder, ended_process())
    (run.folder / "cancel").touch()
    assert run.state is RunState.CANCELLED
    assert run.error is None


def test_elsewhere_the_sign_of_life_decides() -> None:
    run = made()
    data = {"pid": os.getpid(), "born": 0.0, "machine": "another"}
    (run.folder / "process.json").write_text(json.dumps(data))
    cells.write_cells(run.folder, done=1, total=4, section="Harvest")
    assert run.state is RunState.RUNNING
    old = time.time() - 3600
    os.utime(run.folder / "progress.json", (old, old))
    assert run.state is RunState.LOST


def test_a_run_that_was_never_begun_is_lost_after_a_while() -> None:
    run = made(state=RunState.QUEUED)
    assert run.state is RunState.QUEUED
    old = time.time() - 3600
    os.utime(run.folder / "run.json", (old, old))
    assert run.state is RunState.LOST


def test_progress_counts_cells_and_the_part_of_the_running_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = made()
    register_process(run.folder, os.getpid())
    assert run.progress().total is None
    assert run.progress().message == "Starting"
    cells.write_cells(run.folder, done=1, total=4, section="Harvest")
    assert run.progress().message == "Harvest"
    monkeypatch.setenv(cells.VARIABLE, str(run.folder))
    inner = runs.progress()
    inner.update(50, total=100, message="Reading entries", unit="entries")
    now = run.progress()
    assert now.done == pytest.approx(1.5)
    assert now.fraction == pytest.approx(0.375)
    assert now.message == "Harvest: Reading entries"
    assert now.text == "2 of 4 cells (50 of 100 entries)"
    time.sleep(0.01)
    cells.write_cells(run.folder, done=2, total=4, section="Tables")
    assert (run.progress().done, run.progress().message) == (2, "Tables")


def test_outside_a_run_progress_shows_nowhere(tmp_path: Path) -> None:
    progress = runs.progress()
    progress.update(1, total=2)
    assert isinstance(progress, Progress)
    assert not list(tmp_path.rglob("cell.json"))


def test_waiting_ends_by_time_and_by_cancelling_the_waiting() -> None:
    from openem_nb.errors import Cancelled

    run = made()
    register_process(run.folder, os.getpid())
    with pytest.raises(TimeoutError):
        run.wait(0)
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        run.wait(progress=progress)
    assert not (run.folder / "cancel").exists()


def test_an_active_run_cannot_be_deleted() -> None:
    run = made()
    register_process(run.folder, os.getpid())
    with pytest.raises(InvalidInput, match="not ended"):
        run.delete()
    assert run.folder.exists()


def test_history_lists_all_and_says_why_one_failed(caplog: pytest.LogCaptureFixture) -> None:
    assert runs.history().empty
    made("older", RunState.DONE, ended=now())
    failure = Failure("The notebook failed.", cell=3, ename="ValueError", evalue="x", hint="h")
    newer = made("newer", RunState.FAILED, ended=now(), failure=failure)
    newer.outputs.mkdir(exist_ok=True)
    (newer.outputs / "summary.txt").write_bytes(b"Z\xfcrich")
    made("damaged")
    (settings.folders().runs / "2026-11-20T0912_damaged_a1b2" / "run.json").write_text("{}")
    table = runs.history()
    assert table["name"].tolist() == ["newer", "older"]
    assert table["state"].tolist() == ["failed", "done"]
    assert table["summary"].tolist() == ["Z\ufffdrich", None]
    assert "damaged" in caplog.text
    error = runs.get(newer.id).error
    assert error is not None
    assert (str(error), error.cell, error.ename, error.evalue, error.hint) == (
        "The notebook failed.",
        3,
        "ValueError",
        "x",
        "h",
    )
    with pytest.raises(NotFound) as caught:
        runs.get("../..")
    assert newer.id in caught.value.hint


def test_half_a_record_is_a_clear_error() -> None:
    run = made()
    (run.folder / "run.json").write_text('{"name": ')
    with pytest.raises(BadAnswer, match="damaged"):
        _ = run.state


@pytest.mark.parametrize("created", [3, "yesterday", None])
def test_a_record_with_an_impossible_time_is_damaged(created: object) -> None:
    run = made()
    data = json.loads((run.folder / "run.json").read_text())
    (run.folder / "run.json").write_text(json.dumps(data | {"created": created}))
    with pytest.raises(BadAnswer, match="not the record of a run"):
        _ = run.created
    assert runs.history().empty


@pytest.mark.parametrize("text", ["3", "{}", '{"pid": "x", "born": 1.0, "machine": "m"}'])
def test_a_process_note_of_a_wrong_shape_is_a_clear_error(text: str) -> None:
    run = made(state=RunState.RUNNING)
    (run.folder / "process.json").write_text(text)
    with pytest.raises(BadAnswer, match="does not name a process"):
        _ = run.state


@pytest.mark.parametrize("parameters", [{"years": "soon", "as_of": "x"}, {"nonsense": 1}])
def test_wrong_parameters_leave_no_folder(parameters: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        runs.start("swiss_statistics", parameters | {"refresh": "perhaps"})
    assert list(settings.folders().runs.iterdir()) == []


def test_a_full_disk_leaves_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal.shutil, "copyfile", full)
    with pytest.raises(CannotWrite, match="No space left"):
        runs.start("swiss_statistics")
    assert list(settings.folders().runs.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OPENEM_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(CannotWrite):
        runs.start("swiss_statistics")


def test_a_run_does_not_depend_on_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[dict[str, str]] = []

    def launch(run: Run, command: list[str], environment: dict[str, str]) -> int:
        assert Path(command[-1]).is_absolute()
        launched.append(environment)
        return os.getpid()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENEM_HOME", "here")
    monkeypatch.setenv(cells.VARIABLE, "of another run")
    monkeypatch.setattr(journal, "launch", launch)
    run = runs.start("swiss_statistics", {"output": "results"})
    assert launched[0]["OPENEM_HOME"] == str(tmp_path / "here")
    assert cells.VARIABLE not in launched[0]
    assert run.parameters["output"] == str(tmp_path / "results")
    assert runs.get(run.id) == run
