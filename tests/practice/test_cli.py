"""The console command as a person uses it: a process with its output and its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-W", "error", "-m", "openem_nb"]


def openem(
    *arguments: str, timeout: float = 400, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_version_and_help() -> None:
    assert openem("--version").stdout.startswith("openem_nb ")
    done = openem("--help")
    assert done.returncode == 0
    for command in ("status", "practice", "harvest", "sql", "run", "runs", "notebooks", "lab"):
        assert f"  {command} " in done.stdout


def test_status_in_words_and_as_json(practice) -> None:
    done = openem("status")
    assert done.returncode == 0, done.stderr
    assert "EMDB files" in done.stdout
    assert "answers (status 200" in done.stdout
    found = json.loads(openem("status", "--json").stdout)
    assert {"topic", "name", "ok", "detail"} == set(found[0])


def test_harvest_then_sql(practice) -> None:
    done = openem("harvest")
    assert done.returncode == 0, done.stderr
    released = sum(entry.status == "REL" for entry in practice.truth.emdb.values())
    counted = openem("sql", "--csv", "SELECT count(*) AS n FROM emdb_entries WHERE status = 'REL'")
    assert counted.stdout.split() == ["n", str(released)]


def test_notebooks_are_listed_and_copied(tmp_path) -> None:
    done = openem("notebooks", "--copy-to", str(tmp_path / "mine"))
    assert done.returncode == 0, done.stderr
    assert "swiss_statistics: " in done.stdout
    assert "country = 'Switzerland'" in done.stdout
    assert (tmp_path / "mine" / "swiss_statistics.ipynb").is_file()


def test_runs_when_there_are_none() -> None:
    assert openem("runs").stdout == "No runs yet.\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--profile", "nowhere", "status"], "no profile named 'nowhere'"),
        (["run", "nonsense"], "nonsense"),
        (["run", "swiss_statistics", "-p", "country"], "not key=value"),
        (["run", "swiss_statistics", "-p", "as_of=tomorrow"], "as_of"),
        (["run", "swiss_statistics", "-p", "colour=red"], "colour"),
        (["sql", "SELEKT 1"], "SELEKT"),
    ],
)
def test_bad_input_is_a_sentence_and_a_code(practice, arguments: list[str], says: str) -> None:
    if arguments[0] == "sql":
        assert openem("harvest").returncode == 0
    done = openem(*arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) >= 2, "a message and a hint"


def test_a_wrong_call_has_code_2() -> None:
    assert openem("nonsense").returncode == 2


def test_the_practice_facility_runs_until_interrupted() -> None:
    process = subprocess.Popen(
        [*COMMAND, "practice", "--entries", "50"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = [process.stdout.readline() for _ in range(4)]
        url = lines[2].split("OPENEM_PRACTICE_URL=")[1].strip()
        done = openem("status", OPENEM_PROFILE="practice", OPENEM_PRACTICE_URL=url)
        assert "EMPIAR files" in done.stdout
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0
        assert errors == ""
    finally:
        process.kill()
        process.communicate()
