"""Names, words and metadata from other people: text to whoever reads them, and nothing else."""

from __future__ import annotations

import csv
import io
import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from _hostile import EVIL, LONG, TRICKY, assert_harmless, evil
from _tapes import FAST

import openem_nb as openem
from openem_nb import http, jobs, scicat, tokens
from openem_nb._texts import one_line, printable, without_secrets
from openem_nb.errors import InvalidInput, NotOnDisk, OpenEMError
from openem_nb.practice import Facility, serve
from openem_nb.scicat import tape
from openem_nb.values import for_spreadsheets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.practice.scicat.service import ScicatService


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Facility]:
    with serve(entries=50, datasets=20, tape_seconds=0.05) as facility:
        monkeypatch.setenv("OPENEM_PROFILE", "practice")
        monkeypatch.setenv("OPENEM_PRACTICE_URL", facility.url)
        tokens.save("practice", facility.scicat["practice"].users.token("ada"))
        yield facility
        http.session().close()


@pytest.fixture
def service(catalogue: Facility) -> ScicatService:
    return catalogue.scicat["practice"]


@pytest.mark.parametrize("text", [EVIL, LONG], ids=["evil", "long"])
def test_what_is_shown_of_a_data_set_is_text(service: ScicatService, text: str) -> None:
    pid = evil(service, text)
    scicat.attach(pid, _picture(), text)
    found = scicat.get(pid)
    plan = openem.retrieve(pid, dry_run=True)
    refused = openem.retrieve(evil(service, text, tars=0), dry_run=True)
    assert refused.refused
    draft = scicat.draft([pid], title=text, abstract=text)
    retrieval = openem.retrieve(pid).run(pace=FAST)
    result = scicat.search(rows=5)
    assert pid in set(result["pid"])
    for value in (found, plan, refused, draft, draft.preview(), retrieval, result):
        if hasattr(value, "_repr_html_"):
            assert_harmless(value._repr_html_())
    for value in (found, plan, refused, retrieval, draft.preview()):
        assert not TRICKY.search(value._repr_html_())
    for value in (found, plan, refused, draft, retrieval, found.attachments(), found.lifecycle):
        assert not TRICKY.search(repr(value)), repr(value)
    for value in (found, plan, refused, retrieval):
        assert not TRICKY.search(str(value))
        assert "\nFolder  /evil" not in str(value)  # no line of its own
    assert found.document["datasetName"] == text


def _picture() -> bytes:
    from PIL import Image

    data = io.BytesIO()
    Image.new("L", (4, 4)).save(data, "PNG")
    return data.getvalue()


def test_a_bibtex_entry_ends_where_it_should(service: ScicatService) -> None:
    names = [EVIL, "}} }, note = {x", "{", "}", "a\\", "\\}", "@misc{evil, title={x}}", "100% {"]
    for name in names:
        pid = evil(service, name, published=True)
        entry = scicat.get(pid).bibtex()
        depth, ends = 0, []
        for place, letter in enumerate(entry):  # as BibTeX does: a backslash means nothing to it
            depth += (letter == "{") - (letter == "}")
            if letter == "}" and depth == 0:
                ends.append(place)
            assert depth >= 0, name
        assert ends == [len(entry) - 1], name
        assert entry.count("\n") == len(re.findall(r"^  [a-z]+ = ", entry, re.MULTILINE)) + 1
        assert not TRICKY.search(entry)


def test_errors_say_words_of_the_service_on_any_terminal(service: ScicatService) -> None:
    with pytest.raises(InvalidInput) as caught:
        raise InvalidInput(f"a {EVIL}", hint=f"b {EVIL}")
    error = caught.value
    shown = [str(error), error.hint, *error._render_traceback_(), *map(str, error.args)]
    assert not TRICKY.search("".join(shown))
    pid = evil(service)
    service.robot.ask(pid, "hold")
    retrieval = openem.retrieve(pid)
    (job,) = service.store.all("jobs")
    ended = {"statusCode": "finishedUnsuccessful", "jobStatusMessage": "finishedUnsuccessful"}
    service.store.put("jobs", job["id"], {**job, **ended, "statusMessage": EVIL})
    service.robot.ask(pid, "fail")
    with pytest.raises(NotOnDisk):
        retrieval.run(pace=FAST)
    assert retrieval.error is not None
    for text in (retrieval.words, str(retrieval.error), repr(retrieval), retrieval.error.hint):
        assert not TRICKY.search(text)
    assert_harmless(retrieval._repr_html_())


def test_progress_moves_only_its_own_line() -> None:
    state = jobs.ProgressState(1, 2, "B", EVIL)
    assert not TRICKY.search(state.line(200))
    assert "\n" not in state.line(200)
    assert_harmless(state.html())


def test_what_is_printable() -> None:
    assert printable("a\r\nb\tc") == "a\nb\tc"
    assert one_line(" a\r\nb\t c ") == "a b c"
    for good in ("Zürich µm Å", "\u4e2d\u6587", "e\u0301", "\U0001f469\u200d\U0001f52c"):
        assert printable(good) == good
    assert not TRICKY.search(printable(EVIL))
    printable("\ud800").encode()  # half a character, which no stream can write


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Bearer authentication required", "Bearer authentication required"),
        ("password: must be longer than 8", "password: must be longer than 8"),
        ("the Signature does not match", "the Signature does not match"),
        ('{"password": "two words", "a": 1}', '{"password": "***", "a": 1}'),
        (r"{\"password\": \"x\"}", r"{\"password\": \"***\"}"),
        ("?access_token=abc&b=1", "?access_token=***&b=1"),
        ("a?X-Amz-Signature=ab12&X-Amz-Date=1", "a?X-Amz-Signature=***&X-Amz-Date=1"),
        ("bad eyJhbGciOi.eyJzdWIi.c2ln here", "bad *** here"),
        ("Authorization: Bearer 0123456789abcdef0123", "Authorization: Bearer ***"),
    ],
)
def test_what_is_cut_out_of_the_words_of_a_service(said: str, shown: str) -> None:
    assert without_secrets(said) == shown


def openem_command(*arguments: str, terminal: bool) -> str:
    """Run the console command; return what it wrote to a pipe, or all of it to a terminal."""
    command = [sys.executable, "-m", "openem_nb", *arguments]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "400"}
    if not terminal:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        return done.stdout
    ours, theirs = pty.openpty()
    child = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    with os.fdopen(ours, "rb", buffering=0) as stream:
        while True:
            try:
                piece = stream.read(65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            said += piece
    child.wait(120)
    return said.decode("utf-8", "replace")


def test_commands_send_no_sequences_to_a_terminal(service: ScicatService) -> None:
    pid = evil(service)
    evil(service, tars=0)
    openem.retrieve(pid)
    broken = service.add_dataset(tars=0, datasetName=EVIL)
    for command in (
        ["search", "--rows", "50"],
        ["search", "--csv", "--rows", "50"],
        ["get", pid],
        ["retrieve", pid, "--yes"],
        ["retrieve", broken, "--yes"],
        ["retrievals"],
    ):
        shown = openem_command(*command, terminal=True)
        # the line of the progress is drawn anew with these, and with nothing else
        plain = shown.replace("\r\n", "\n").replace("\r\x1b[2K", "")
        assert not TRICKY.search(plain), (command, plain[-600:])
        assert re.search("script|micrograph|verified|" + pid, plain), command


def test_a_table_for_spreadsheets_holds_no_formula(service: ScicatService) -> None:
    frame = pd.DataFrame(
        {"name": ["=1+1", "+1", "-1", "@x", "\tx", "plain", "", None], "size": range(-4, 4)}
    )
    safe = for_spreadsheets(frame)
    assert list(safe["name"][:6]) == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "plain"]
    assert list(safe["size"]) == list(range(-4, 4))  # numbers are no texts
    assert frame["name"][0] == "=1+1"
    evil(service)
    text = openem_command("search", "--csv", "--rows", "50", terminal=False)
    rows = list(csv.reader(io.StringIO(text)))
    assert {len(row) for row in rows} == {len(rows[0])}
    cells = [cell for row in rows for cell in row]
    assert any("cmd|" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "@"))]


def test_an_error_that_is_no_error_of_ours_is_not_swallowed(service: ScicatService) -> None:
    with pytest.raises(OpenEMError):
        tape.reattach(EVIL)
    with pytest.raises(InvalidInput) as caught:
        scicat.get(EVIL)
    assert not TRICKY.search(str(caught.value))
