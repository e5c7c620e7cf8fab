"""One client suite for every SciCat: both practice flavours, and a real one where it is named.

``OPENEM_TEST_SCICAT=https://scicat.example.ch/api/v3`` adds the real instance, with the token of
``OPENEM_TEST_SCICAT_TOKEN`` where there is one. Only tests that read are run there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from openem_nb import settings, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.practice import Facility
    from openem_nb.practice.scicat import ScicatService

REAL: Final = os.environ.get("OPENEM_TEST_SCICAT", "").rstrip("/")
REAL_TOKEN: Final = os.environ.get("OPENEM_TEST_SCICAT_TOKEN", "")
PRACTICE: Final = ("practice", "practice-ethz")


@dataclass(frozen=True)
class Place:
    """An instance that a test talks to."""

    name: str
    """Its profile."""
    facility: Facility | None = None
    service: ScicatService | None = None
    """The practice service with its truth; None for a real instance."""

    def log_in(self, who: str, *, seconds: float | None = None) -> None:
        assert self.service is not None
        tokens.save(self.name, self.service.users.token(who, seconds=seconds))

    def group(self, number: int) -> str:
        assert self.service is not None
        return f"{self.service.letter}{number}"

    def pid(self, index: int) -> str:
        assert self.service is not None
        return self.service.generator.pid(index)

    def asked(self) -> list[str]:
        """Return method and target of the requests to this instance so far."""
        assert self.facility is not None
        assert self.service is not None
        folder = f"/{self.service.folder}/"
        return [
            f"{record.method} {record.path}"
            for record in self.facility.requests
            if record.path.startswith(folder)
        ]

    def seen_by(self, who: str | None) -> dict[str, dict[str, Any]]:
        """Return what a person may see, by the rules and not by the service's own code."""
        assert self.service is not None
        user = self.service.users.people[who] if who else None
        found = {}
        for document in self.service.store.all("datasets"):
            mine = user is not None and (
                document["ownerGroup"] in user.groups
                or bool(set(document["accessGroups"]) & set(user.groups))
                or user.email in document["sharedWith"]
            )
            if mine or document["isPublished"]:
                found[document["pid"]] = document
        return found


@pytest.fixture(scope="session")
def scicat_facility() -> Iterator[Facility]:
    from openem_nb.practice import serve

    with serve(entries=50, seed=11, datasets=1300) as facility:
        yield facility


def _practice(name: str, facility: Facility, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("OPENEM_PROFILE", name)
    monkeypatch.setenv("OPENEM_PRACTICE_URL", facility.url)
    service = facility.scicat[name]
    before = service.offset
    yield Place(name, facility, service)
    service.offset = before
    facility.clear_faults()


@pytest.fixture(params=PRACTICE)
def place(
    request: pytest.FixtureRequest, scicat_facility: Facility, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Give each practice flavour in turn, with its truth."""
    yield from _practice(request.param, scicat_facility, monkeypatch)


@pytest.fixture(params=(*PRACTICE, *(["real"] if REAL else [])))
def anywhere(
    request: pytest.FixtureRequest, scicat_facility: Facility, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Give each instance that is to be tested, to read from: nothing may be changed there."""
    if request.param != "real":
        yield from _practice(request.param, scicat_facility, monkeypatch)
        return
    path = settings.folders().config / "settings.toml"
    path.write_text(f'[profiles.real]\nscicat_api = "{REAL}"\n', encoding="utf-8")
    monkeypatch.setenv("OPENEM_PROFILE", "real")
    if REAL_TOKEN:
        monkeypatch.setenv("OPENEM_TOKEN_REAL", REAL_TOKEN)
    yield Place("real")  # noqa: PT022  (the other branch has something to put back)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests of the real instance out of the machine."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        values = callspec.params.values() if callspec is not None else ()
        if any(isinstance(value, str) and value == "real" for value in values):
            item.add_marker(pytest.mark.enable_socket)
