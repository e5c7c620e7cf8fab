"""A whole life with an account, and then: the secrets of it are nowhere but where they must be.

The names in it are those of an attacker, so that its reports are looked at for that as well.

What a person gives by environment variable is inherited by every process that the person starts;
that is what such variables are for. This program puts none there.
"""

from __future__ import annotations

import csv
import json
import logging
import os
import pickle
import re
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from _hostile import EVIL, assert_harmless, evil
from _tapes import FAST, until

import openem_nb as openem
from openem_nb import http, runs, scicat, settings, tokens
from openem_nb._processes import running_process
from openem_nb.errors import BadAnswer, NotLoggedIn, OpenEMError
from openem_nb.practice import Fault, serve
from openem_nb.practice.scicat import _users
from openem_nb.tokens import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PASSWORD = "kp7-Korrekt-Pferd-Batterie"
ID_TOKEN = "practice:ada"  # what the practice identity provider gives out
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEtc2VjcmV0In0.c2lnbmF0dXJlLW9mLWFkYQ"
SIGNED = (
    "https://store.example.org/b/a.tar?X-Amz-Credential=AKIAPRACTICE%2F20261120&X-Amz-Date=2026"
    "&X-Amz-Security-Token=bGVudC10b2tlbg&X-Amz-Signature=5ec4e75ec4e75ec4e7"
)
LENT = ("AKIAPRACTICE", "bGVudC10b2tlbg", "5ec4e75ec4e75ec4e7")


@dataclass
class Life:
    """What a life with an account left behind."""

    home: Path
    data: Path
    token: str = ""
    secrets: tuple[str, ...] = ()
    logged: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    pickled: dict[str, bytes] = field(default_factory=dict)
    processes: dict[str, tuple[str, str]] = field(default_factory=dict)
    sent: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    catalogue: str = ""


class _Keep(logging.Handler):
    """Keeps all that is logged anywhere, with everything that comes with it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{self.format(record)} {record.__dict__}")


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Log in, search, retrieve, publish, run notebooks and commands, with all logging on."""
    base = tmp_path_factory.mktemp("life")
    found = Life(base / "home", base / "data")
    root = logging.getLogger()
    before = root.level
    keep = _Keep(found.logged)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("OPENEM_")]:
            patch.delenv(name)
        patch.setenv("OPENEM_HOME", str(found.home))
        patch.setenv("OPENEM_DATA", str(found.data))
        patch.setenv("OPENEM_PROFILE", "practice")
        patch.setattr(_users, "PASSWORD", PASSWORD)
        _spy(patch, found)
        root.addHandler(keep)
        root.setLevel(logging.DEBUG)
        try:
            with (
                serve(entries=50, datasets=60, tape_seconds=0.05) as facility,
                http.using(http.Session(retries=2, backoff=0.01)),
            ):
                patch.setenv("OPENEM_PRACTICE_URL", facility.url)
                _live(found, facility)
                found.asked = [record.path for record in facility.requests]
        finally:
            root.removeHandler(keep)
            root.setLevel(before)
    signatures = set(re.findall(r"X-Amz-Signature=([0-9a-f]{16,})", "\n".join(found.asked)))
    assert signatures  # files were fetched by signed addresses
    found.secrets = (PASSWORD, found.token, *found.token.split(".")[1:], *signatures)
    return found


def _spy(patch: pytest.MonkeyPatch, found: Life) -> None:
    """Note what leaves this process."""
    send = requests.Session.send

    def noting(self: Any, request: Any, **options: Any) -> Any:
        found.sent.append((request.url, dict(request.headers)))
        return send(self, request, **options)

    patch.setattr(requests.Session, "send", noting)


def _keep(found: Life, name: str, value: Any) -> None:
    """Keep all ways in which a value shows itself."""
    texts = [repr(value), str(value), f"{value:}" if isinstance(value, str) else ""]
    if hasattr(value, "_repr_html_"):
        texts.append(str(value._repr_html_()))
    if hasattr(value, "__dict__"):
        texts.append(repr(vars(value)))
    found.shown[name] = "\n".join(texts)
    try:
        found.pickled[name] = pickle.dumps(value)
    except (TypeError, AttributeError, pickle.PicklingError):
        found.pickled[name] = b""


def _look_at(found: Life, process: psutil.Process) -> None:
    try:
        command = " ".join(process.cmdline())
        environment = "\n".join(f"{k}={v}" for k, v in process.environ().items())
    except psutil.Error:  # it has ended
        return
    if command and environment:
        found.processes[command] = (command, environment)


def _live(found: Life, facility: Any) -> None:
    service = facility.scicat["practice"]
    found.catalogue = f"{facility.url}/{service.folder}/"
    pid = evil(service, files=3, size=30_000)
    other = service.add_dataset(files=2, size=30_000, tars=2)
    _keep(found, "login", scicat.login_with("ada", Secret(PASSWORD)))
    stored = tokens.find("practice")
    assert stored is not None
    found.token = stored.reveal()
    _keep(found, "secret", stored)
    _keep(found, "connection", scicat.connection())
    _keep(found, "identity", scicat.identity())
    _keep(found, "search", scicat.search("cmd"))
    _keep(found, "facets", scicat.facets())
    data_set = scicat.get(pid)
    for name in ("files", "tape", "attachments", "bibtex", "datacite"):
        _keep(found, name, getattr(data_set, name)())
    _keep(found, "data set", data_set)
    _keep(found, "update", scicat.update(pid, comment="seen"))
    _keep(found, "plan", openem.retrieve(pid, dry_run=True))
    for fault in (Fault("status", path="/s3/", status=403), Fault("cut", path="/jobs/")):
        facility.add_fault(fault)
        with pytest.raises(OpenEMError) as caught:
            openem.retrieve(pid).run(pace=FAST)
        _keep(found, f"error {fault.kind}", caught.value)
        found.shown[f"traceback {fault.kind}"] = everything_in(caught.value)
        facility.clear_faults()
    retrieval = openem.retrieve(pid)
    _keep(found, "retrieval", retrieval)
    retrieval.run(pace=FAST)
    assert retrieval.state == "verified"
    _keep(found, "verified", retrieval)

    service.robot.ask(other, "hold")
    detached = openem.retrieve(other).start(pace=FAST)
    worker = until(lambda: running_process(detached._folder))
    until(lambda: worker.cmdline() and "retrieval" in (detached.log.read_text() or "retrieval"))
    _look_at(found, worker)
    service.robot.ask(other, "normal")
    assert detached.wait(120) == "verified", detached.words
    _keep(found, "detached", detached)
    _keep(found, "list", openem.retrievals())

    draft = scicat.draft([pid], title=EVIL, abstract=EVIL)
    _keep(found, "draft", draft)
    _keep(found, "preview", draft.preview())
    for command in (["get", pid], ["retrievals"], ["status"], ["retrieve", pid, "--yes"]):
        done = subprocess.run(
            [sys.executable, "-m", "openem_nb", *command],
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.shown[f"openem {command[0]}"] = done.stdout + done.stderr
        for process in psutil.Process().children(recursive=True):
            _look_at(found, process)
    started = [
        runs.start("search_catalogue", {"text": "cmd", "rows": "5"}),
        runs.start("retrieve_dataset", {"pids": other}),
        runs.start("publish_dataset", {"draft": draft.doi}),
    ]
    end = time.monotonic() + 400
    while any(run.state in ("queued", "running") for run in started):
        for process in psutil.Process().children(recursive=True):
            _look_at(found, process)
        assert time.monotonic() < end, [run.log.read_text() for run in started]
        time.sleep(0.02)  # a kernel is there for a moment only
    for run in started:
        assert run.state == "done", (run.error, run.log.read_text())
        _keep(found, f"run {run.name}", run)
    _keep(found, "history", runs.history())


def everything_in(error: BaseException, *, variables: bool = True) -> str:
    """Return all that any tool can tell of an error: chain, notes, attributes, local variables.

    Without the variables where a caller has given the secret as plain text: it is one of them.
    """
    whole = traceback.TracebackException.from_exception(error, capture_locals=False)
    texts = ["".join(whole.format())]
    todo: list[BaseException | None] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        todo += [one.__cause__, one.__context__]
        texts += [repr(one), repr(one.args), repr(getattr(one, "__notes__", ""))]
        texts += [repr(getattr(one, name, "")) for name in dir(one) if not name.startswith("__")]
        frame = one.__traceback__ if variables else None
        while frame is not None:
            if "/tests/" not in frame.tb_frame.f_code.co_filename:
                texts += [repr(value) for value in frame.tb_frame.f_locals.values()]
            frame = frame.tb_next
    return "\n".join(texts)


# What is left of it


def test_a_life_logs_no_secret(life: Life) -> None:
    assert any("/s3/" in line for line in life.logged)  # the store was asked, and that was logged
    assert any("auth/" in line for line in life.logged)
    for secret in life.secrets:
        assert not [line for line in life.logged if secret in line]


def test_a_life_shows_no_secret(life: Life) -> None:
    assert {"login", "verified", "preview", "openem get", "traceback status"} <= set(life.shown)
    for name, text in life.shown.items():
        for secret in (*life.secrets, "X-Amz-"):
            assert secret not in text, name
    for name, data in life.pickled.items():
        for secret in life.secrets:
            assert secret.encode() not in data, name
    assert life.pickled["search"]  # something can be pickled
    assert not life.pickled["secret"]  # and this cannot


def test_a_life_leaves_the_token_in_one_private_file(life: Life) -> None:
    holding: dict[str, list[str]] = {}
    count = 0
    for base in (life.home, life.data):
        for path in base.rglob("*"):
            if not path.is_file():
                continue
            count += 1
            content = path.read_bytes()
            for secret in (*life.secrets, "X-Amz-Signature", "Authorization"):
                if secret.encode() in content:
                    holding.setdefault(str(path.relative_to(base)), []).append(secret)
    assert count > 40
    assert list(holding) == ["config/tokens/practice"]
    assert (life.home / "config/tokens/practice").stat().st_mode & 0o177 == 0
    names = {path.name for path in life.home.rglob("*")}
    assert {"output.ipynb", "report.html", "log.txt", "record.json"} <= names


def test_a_life_shows_no_secret_in_the_list_of_processes(life: Life) -> None:
    commands = "\n".join(life.processes)
    for program in ("openem_nb.scicat", "openem_nb.runs", "ipykernel"):
        assert program in commands
    for command, environment in life.processes.values():
        for secret in life.secrets:
            assert secret not in command
            assert secret not in environment, command
        assert "OPENEM_TOKEN" not in environment, command


def test_a_life_sends_the_token_to_the_catalogue_alone_and_never_in_an_address(life: Life) -> None:
    with_token = [url for url, headers in life.sent if "Authorization" in headers]
    assert len(with_token) > 10
    assert [url for url in with_token if not url.startswith(life.catalogue)] == []
    assert any("/s3/" in url for url, _ in life.sent)
    for url, headers in life.sent:
        for secret in (PASSWORD, life.token):
            assert secret not in url
            if not url.startswith(life.catalogue):
                assert secret not in str(headers)
    for path in life.asked:  # also what the processes have asked
        assert "access_token=" not in path
        assert life.token not in path


def test_reports_of_notebooks_run_nothing(life: Life) -> None:
    runs_of = {path.parent.name: path.parent for path in life.home.rglob("output.ipynb")}
    assert len(runs_of) == 3
    for name, folder in runs_of.items():
        report = (folder / "report.html").read_text(encoding="utf-8")
        body = report[report.index("<body") :]
        assert "cmd|" in body or "retrieve" in name  # the names are there ...
        assert "<script>alert" not in body  # ... as text
        assert "<img src=x" not in body
        assert "<b>b</b>" not in body
        for output in _outputs((folder / "output.ipynb").read_text(encoding="utf-8")):
            assert "alert" not in "".join(output.get("text/markdown", ""))
            assert_harmless("".join(output.get("text/html", "")))
    (path,) = life.home.rglob("results.csv")
    with path.open(encoding="utf-8", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert [cell for cell in cells if cell.startswith("'=cmd|")]
    assert not [cell for cell in cells if cell.startswith(("=", "@"))]


def _outputs(notebook: str) -> Iterator[dict[str, Any]]:
    for cell in json.loads(notebook)["cells"]:
        for output in cell.get("outputs", ()):
            yield output.get("data", {})


def test_what_a_practice_facility_is_started_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENEM_PRACTICE_ENTRIES", "50")
    monkeypatch.setenv("OPENEM_PRACTICE_DATASETS", "20")
    code = (
        "import psutil, json\n"
        "from openem_nb import settings, tokens\n"
        f"tokens.save('practice', {JWT!r})\n"
        "settings.catalogue('practice')\n"
        "(child,) = psutil.Process().children()\n"
        "print(json.dumps([child.cmdline(), list(child.environ().values())]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-"], input=code, capture_output=True, text=True, timeout=240, check=True
    )
    command, environment = json.loads(done.stdout)
    assert "openem_nb.practice" in command
    assert JWT not in " ".join([*command, *environment])


# Services that repeat, redirect and lie


class Echo:
    """A service that repeats all that it hears, or sends it on to another one."""

    def __init__(self, *, status: int = 400, to: str = "", body: str | None = None) -> None:
        self.heard: list[tuple[str, str, dict[str, str], bytes]] = []
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                echo.heard.append((self.command, self.path, dict(self.headers), sent))
                text = body
                if text is None:
                    heard = {**self.headers, "path": self.path, "body": sent.decode()}
                    text = json.dumps({"message": f"cannot take {heard}", "statusCode": status})
                self.send_response(status)
                if to:
                    self.send_header("Location", to + self.path)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PATCH = do_DELETE = _answer

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def echo() -> Iterator[Callable[..., Echo]]:
    made: list[Echo] = []

    def start(**options: Any) -> Echo:
        made.append(Echo(**options))
        return made[-1]

    yield start
    http.session().close()
    for one in made:
        one.close()


def use(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a service the active instance."""
    path = settings.folders().config / "settings.toml"
    path.write_text(f'[profiles.evil]\nscicat_api = "{address}/api/v3"\n', encoding="utf-8")
    monkeypatch.setenv("OPENEM_PROFILE", "evil")


ASKS: dict[str, Callable[[], Any]] = {
    "get": lambda: scicat.connection().get("datasets"),
    "send": lambda: scicat.connection().send("POST", "jobs", {"password": PASSWORD}),
    "change": lambda: scicat.connection().send("PATCH", "datasets/x", {"a": SIGNED}),
    "password": lambda: scicat.login_with("ada", Secret(PASSWORD)),
    "oidc": lambda: scicat.login_oidc(Secret(JWT)),
    "address": lambda: http.session().get(scicat.connection()._root + "/v3/a" + SIGNED[31:]),
}


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 424, 401])
@pytest.mark.parametrize("ask", ASKS)
def test_a_service_that_repeats_what_it_hears_is_not_repeated(
    echo: Callable[..., Echo], monkeypatch: pytest.MonkeyPatch, ask: str, status: int
) -> None:
    service = echo(status=status)
    use(service.url, monkeypatch)
    tokens.save("evil", JWT)
    with pytest.raises(OpenEMError) as caught:
        ASKS[ask]()
    assert service.heard
    text = everything_in(caught.value, variables=ask in ("get", "password", "oidc"))
    for secret in (JWT, JWT.split(".")[1], PASSWORD, *LENT):
        assert secret not in text


@pytest.mark.parametrize("body", [f'{{"access_token": "{JWT}", ', JWT, f'[{{"url": "{SIGNED}"}}'])
def test_an_answer_that_cannot_be_read_keeps_nothing_of_itself(
    echo: Callable[..., Echo], body: str
) -> None:
    service = echo(status=200, body=body)
    with pytest.raises(BadAnswer) as caught:
        http.session().get(service.url).json()
    text = everything_in(caught.value)
    for secret in (JWT, JWT.split(".")[1], *LENT):
        assert secret not in text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("ask", ["get", "send", "change", "password", "oidc"])
def test_a_service_that_sends_on_gives_no_secret_away(
    echo: Callable[..., Echo], monkeypatch: pytest.MonkeyPatch, ask: str, status: int
) -> None:
    thief = echo(status=200, body='{"username": "ada", "access_token": "x"}')
    service = echo(status=status, to=thief.url)
    use(service.url, monkeypatch)
    tokens.save("evil", JWT)
    with pytest.raises(OpenEMError, match=urlsplit(thief.url).netloc):
        ASKS[ask]()
    assert service.heard
    for _, path, headers, body in thief.heard:
        assert "Authorization" not in headers
        for secret in (JWT, PASSWORD, *LENT):
            assert secret not in path + body.decode()


def test_a_netrc_does_not_replace_the_token(
    echo: Callable[..., Echo], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login eve password other\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    service = echo(status=200, body="{}")
    use(service.url, monkeypatch)
    tokens.save("evil", JWT)
    with pytest.raises(NotLoggedIn):
        scicat.identity()
    assert [headers.get("Authorization") for *_, headers, _ in service.heard] == [f"Bearer {JWT}"]
