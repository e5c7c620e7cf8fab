"""The console commands about SciCat as a person uses them: processes, output, exit codes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from io import StringIO
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from openem_nb import scicat, tokens
from openem_nb.practice import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openem_nb.practice import Facility
    from openem_nb.practice.scicat.service import ScicatService

COMMAND = [sys.executable, "-W", "error", "-m", "openem_nb"]


def openem(*arguments: str, timeout: float = 400) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def at_a_terminal(*arguments: str, answer: str) -> tuple[int, str]:
    """Run a command at a terminal, answer its question, and return code and all that showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(COMMAND[0], [*COMMAND, *arguments])
    shown = b""
    asked = False
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        shown += part
        if not asked and shown.rstrip().endswith((b":", b"?", b"]:")):
            os.write(terminal, f"{answer}\n".encode())
            asked = True
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown.decode()


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Facility]:
    with serve(entries=50, seed=3, datasets=300, tape_seconds=0.2) as facility:
        monkeypatch.setenv("OPENEM_PROFILE", "practice")
        monkeypatch.setenv("OPENEM_PRACTICE_URL", facility.url)
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setenv("COLUMNS", "200")
        yield facility


@pytest.fixture
def service(catalogue: Facility) -> ScicatService:
    return catalogue.scicat["practice"]


@pytest.fixture
def ada(service: ScicatService) -> str:
    token: str = service.users.token("ada")
    tokens.save("practice", token)
    return token


def test_help_names_all_commands() -> None:
    shown = openem("--help").stdout
    for command in ("search", "get", "retrieve", "retrievals", "login", "logout"):
        assert f"  {command} " in shown


def test_a_search_as_table_and_as_csv(ada: str) -> None:
    done = openem("search", "--type", "raw", "--rows", "7")
    assert done.returncode == 0, done.stderr
    total = scicat.count(type="raw")
    assert f"7 of {total:,}" in done.stderr
    assert "Practice data" in done.stderr
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 8
    newest = scicat.search(type="raw", rows=7)["pid"]
    assert [line.split()[0] for line in lines[1:]] == list(newest)
    table = pd.read_csv(StringIO(openem("search", "--type", "raw", "--csv").stdout))
    assert list(table["pid"]) == list(scicat.search(type="raw", rows=25)["pid"])
    assert openem("search", "nosuchwordanywhere").stdout == "Nothing found.\n"


def test_a_data_set_in_words(ada: str, service: ScicatService) -> None:
    pid = service.add_dataset(datasetName="Apo 7")
    done = openem("get", pid)
    assert done.returncode == 0, done.stderr
    for words in ("Apo 7", pid, "on tape at PSI", "4 files"):
        assert words in done.stdout
    assert openem("get", "20.500.11935/none").returncode == 1


def test_a_retrieval_states_the_size_and_asks(
    ada: str, service: ScicatService, catalogue: Facility, tmp_path: Path
) -> None:
    pid = service.add_dataset(files=4, size=32 * 1024)
    done = openem("retrieve", pid, "--files", "*1.mrc", "--folder", str(tmp_path / "here"))
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert "1 data set from PSI to URLs: a new job" in done.stdout
    assert not any(request.method == "POST" for request in catalogue.requests)

    code, shown = at_a_terminal("retrieve", pid, answer="n")
    assert code == 0
    assert "Retrieve 4 files, 131 kB?" in shown
    assert "Nothing was asked" in shown
    assert not any(request.method == "POST" for request in catalogue.requests)

    arguments = ["retrieve", pid, "--files", "*1.mrc", "--folder", str(tmp_path / "here")]
    done = openem(*arguments, "--yes")
    assert done.returncode == 0, done.stderr
    assert "erified: 1 file," in done.stdout
    assert [path.name for path in tmp_path.rglob("*.mrc")] == ["micrograph_000001.mrc"]
    assert ada not in done.stdout + done.stderr
    assert "X-Amz" not in done.stdout + done.stderr


def test_a_retrieval_goes_on_in_the_background_and_can_be_followed(
    ada: str, service: ScicatService
) -> None:
    assert openem("retrievals").stdout == "No retrievals yet.\n"
    pid = service.add_dataset(files=2, size=32 * 1024)
    done = openem("retrieve", pid, "--yes", "--detach")
    assert done.returncode == 0, done.stderr
    (one,) = scicat.retrievals(server=False)
    assert one.id in done.stdout
    assert one.id in openem("retrievals").stdout
    done = openem("retrievals", "--follow", one.id)
    assert done.returncode == 0, done.stderr
    assert "erified: 2 files" in done.stdout
    assert one.state == "verified"


def test_what_cannot_be_retrieved_is_a_sentence_and_a_code(
    ada: str, service: ScicatService
) -> None:
    done = openem("retrieve", service.add_dataset(tars=0), "--yes")
    assert done.returncode == 1
    assert "not on tape" in done.stderr
    assert "Traceback" not in done.stderr


def test_log_in_asks_and_shows_neither_password_nor_token(catalogue: Facility) -> None:
    code, shown = at_a_terminal("login", "--user", "ada", answer="practice")
    assert code == 0, shown
    assert "emf-krios" in shown
    stored = tokens.find("practice")
    assert stored is not None
    assert stored.reveal() not in shown
    # the question names the instance; what was typed is not shown after it
    assert shown.split(":", 1)[1].count("practice") == 0

    done = openem("logout")
    assert done.returncode == 0
    assert "Logged out of practice" in done.stdout
    assert tokens.find("practice") is None

    code, shown = at_a_terminal("login", answer=stored.reveal())
    assert code == 0, shown
    assert stored.reveal() not in shown
    assert tokens.find("practice").reveal() == stored.reveal()


def test_a_wrong_password_is_a_sentence_and_a_code(catalogue: Facility) -> None:
    code, shown = at_a_terminal("login", "--user", "ada", answer="wrong")
    assert code == 1
    assert "does not know this name and password" in shown
    assert "Traceback" not in shown


def test_a_search_by_days_group_place_and_metadata(ada: str) -> None:
    arguments = ("--from", "2025-03", "--to", "2026-02", "--group", "p20001", "--on-tape")
    condition = "acquisition.nominal_magnification >= 81000"
    done = openem("search", *arguments, "--where", condition, "--rows", "100", "--csv")
    assert done.returncode == 0, done.stderr
    expected = scicat.search(
        created=("2025-03", "2026-02"),
        owner_group="p20001",
        retrievable=True,
        where={"acquisition.nominal_magnification": (">=", 81000)},
    )
    assert 0 < len(expected) <= 100
    assert list(pd.read_csv(StringIO(done.stdout))["pid"]) == list(expected.pid)
    for wrong, words in (
        (("--where", "magnification"), "cannot be read"),
        (("--from", "yesterday"), "is not a date"),
    ):
        done = openem("search", *wrong)
        assert done.returncode == 1
        assert words in done.stderr


def test_the_files_of_a_data_set_one_a_line(ada: str, service: ScicatService) -> None:
    pid = service.add_dataset(files=3, size=4096)
    lines = openem("get", pid, "--files").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["4,096", path] for path in scicat.get(pid).files().path
    ]


def test_hints_name_commands(catalogue: Facility, service: ScicatService) -> None:
    done = openem("get", f"{service.prefix}/none")
    assert "`openem login`" in done.stderr
    assert "openem.login" not in done.stderr
    done = openem("retrieve", service.add_dataset(isPublished=True), "--yes")
    assert done.returncode == 1
    assert "--email you@example.org" in done.stderr


def test_what_is_here_already_is_not_asked_about(ada: str, service: ScicatService) -> None:
    pid = service.add_dataset(files=1, size=4096)
    assert openem("retrieve", pid, "--yes").returncode == 0
    done = openem("retrieve", pid)
    assert done.returncode == 0, done.stderr
    assert "erified: 1 file," in done.stdout


def test_two_consoles_at_the_same_retrieval_both_see_its_end(
    ada: str, catalogue: Facility, service: ScicatService
) -> None:
    pid = service.add_dataset(files=2, size=32 * 1024)
    service.robot.tape_seconds = 2.0
    both = [
        subprocess.Popen(
            [*COMMAND, "retrieve", pid, "--yes"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    for one in both:
        shown, _ = one.communicate(timeout=400)
        assert one.returncode == 0, shown.decode()
        assert b"erified: 2 files" in shown
    assert len(scicat.retrievals()) == 1


def test_a_retrieval_is_paused_and_cancelled_by_its_name(ada: str, service: ScicatService) -> None:
    service.robot.tape_seconds = 60.0
    asked = scicat.retrieve(service.add_dataset(files=2, size=4096)).start()
    done = openem("retrievals", "--pause", asked.id)
    assert done.returncode == 0, done.stderr
    assert f"`openem retrievals --follow {asked.id}` goes on" in done.stdout
    assert asked.state == "paused"
    assert f"`openem retrievals --follow {asked.id}` goes on" in openem("retrievals").stdout
    done = openem("retrievals", "--cancel", asked.id)
    assert done.returncode == 0, done.stderr
    assert asked.state == "cancelled"
    assert openem("retrievals", "--pause", "nowhere").returncode == 1
    assert asked.wait() == "cancelled"  # and its process is gone
