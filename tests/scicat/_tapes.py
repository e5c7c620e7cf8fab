"""A practice facility with tapes for the tests of retrievals, and what they have in common."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openem_nb import http, scicat
from openem_nb.practice import serve
from openem_nb.scicat.tape import Pace
from openem_nb.tokens import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from openem_nb.practice import Facility
    from openem_nb.practice.facility import RequestRecord
    from openem_nb.practice.scicat.service import ScicatService

FLAVOURS = ["practice", "practice-ethz"]
FAST = Pace(first=0.03, longest=0.1)


@dataclass
class Site:
    """A facility, and the instance that a test talks to."""

    facility: Facility
    name: str
    monkeypatch: pytest.MonkeyPatch
    _seen: int = field(default=0)

    @property
    def service(self) -> ScicatService:
        return self.facility.scicat[self.name]

    def add(self, **shape: Any) -> str:
        return self.service.add_dataset(**({"files": 4, "size": 50_000} | shape))

    def login(self, username: str = "ada") -> None:
        scicat.login_with(username, Secret("practice"), self.name)

    def mark(self) -> None:
        """Look at requests from here on only."""
        self._seen = len(self.facility.requests)

    def asked(self, method: str, part: str) -> list[RequestRecord]:
        requests = self.facility.requests[self._seen :]
        return [one for one in requests if one.method == method and part in one.path]

    @property
    def jobs_sent(self) -> int:
        return len(self.asked("POST", "/jobs"))

    @property
    def jobs(self) -> list[dict[str, Any]]:
        return list(self.service.store.all("jobs"))

    @property
    def tars_fetched(self) -> list[RequestRecord]:
        return self.asked("GET", "/s3/")

    def elsewhere(self, folder: Path) -> None:
        """Go to another machine of the same person: another home, the same token."""
        token = Path(os.environ["OPENEM_HOME"]) / "config" / "tokens" / self.name
        text = token.read_text(encoding="utf-8").strip()
        self.monkeypatch.setenv("OPENEM_HOME", str(folder / "home"))
        self.monkeypatch.setenv("OPENEM_DATA", str(folder / "data"))
        self.monkeypatch.setenv(f"OPENEM_TOKEN_{self.name.upper().replace('-', '_')}", text)


@contextmanager
def site(monkeypatch: pytest.MonkeyPatch, name: str, **options: Any) -> Iterator[Site]:
    """Run a facility whose robot is quick, log ada in, and point the environment at it."""
    with serve(entries=50, **({"datasets": 0, "tape_seconds": 0.05} | options)) as facility:
        monkeypatch.setenv("OPENEM_PROFILE", name)
        monkeypatch.setenv("OPENEM_PRACTICE_URL", facility.url)
        found = Site(facility, name, monkeypatch)
        found.login()
        found.mark()
        yield found
        http.session().close()


def until(condition: Callable[[], Any], timeout: float = 120.0) -> Any:
    """Wait for a condition and return what it gave."""
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, "it has not come to pass in time"
        time.sleep(0.01)
    return found


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Return size and sha1 of the files of a data set that are on disk."""
    own = {"retrieved.json", ".openem-manifest.jsonl"}
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_size,
            hashlib.sha1(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in own
    }


def truth(one: Site, pid: str) -> dict[str, tuple[int, str]]:
    """Return size and checksum of the files of a data set, as the archive has them."""
    from openem_nb.practice.scicat._store import blocks_of

    return {
        file["path"]: (file["size"], file["chk"])
        for block in blocks_of(one.service.store, "datablocks", pid)
        for file in block["dataFileList"]
    }


def assert_whole(one: Site, pid: str, folder: Path) -> None:
    """Compare what is on disk with what the archive has, byte for byte."""
    algorithm = "sha1" if one.name == "practice" else "md5"
    expected = truth(one, pid)
    assert expected
    found = {
        path.relative_to(folder).as_posix(): (
            path.stat().st_size,
            hashlib.new(algorithm, path.read_bytes()).hexdigest(),
        )
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("retrieved.json", ".openem-manifest.jsonl")
    }
    missing, extra = expected.keys() - found.keys(), found.keys() - expected.keys()
    wrong = [path for path in expected.keys() & found.keys() if found[path] != expected[path]]
    assert (missing, extra, wrong) == (set(), set(), []), f"{missing=} {extra=} {wrong=}"


def everything_written(*folders: Path) -> bytes:
    """Return what all files below some folders hold."""
    return b"".join(
        path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()
    )
