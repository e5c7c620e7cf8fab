from __future__ import annotations

import threading
import warnings
from datetime import UTC, datetime, timedelta
from getpass import GetPassWarning
from typing import TYPE_CHECKING

import pytest

from openem_nb import scicat, settings, tokens
from openem_nb.errors import (
    BadAnswer,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    RateLimited,
    TokenExpired,
)
from openem_nb.practice.faults import Fault
from openem_nb.scicat import people
from openem_nb.scicat.connection import Connection, connection
from openem_nb.tokens import Secret

if TYPE_CHECKING:
    from conftest import Place

PASSWORD = Secret("practice")


def test_a_password_is_typed_where_it_does_not_show(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def type_it(prompt: str) -> str:
        asked.append(prompt)
        return "practice"

    monkeypatch.setattr(people, "getpass", type_it)
    found = scicat.login(username="ada")
    assert asked == [f"Password of ada at {place.name}: "]
    assert found.username == "ada"
    assert found.groups == ("emf-krios", place.group(20001), place.group(20002))
    assert found.email == "ada@practice.example"
    assert found.expires is not None
    assert 3500 < (found.expires - datetime.now(UTC)).total_seconds() < 3610
    assert scicat.identity() == found
    assert found.words.startswith(f"ada (emf-krios, {place.group(20001)}")


def test_a_token_is_pasted_where_it_does_not_show(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.service is not None
    token = place.service.users.token("ben")
    monkeypatch.setattr(people, "getpass", lambda prompt: f"  {token}\n")
    assert scicat.login().username == "ben"
    assert scicat.login(place.name).groups == (place.group(20003),)


@pytest.mark.parametrize("trouble", [EOFError, NotImplementedError, GetPassWarning])
@pytest.mark.parametrize("username", [None, "ada"])
def test_where_nobody_can_type_that_is_said(
    place: Place, monkeypatch: pytest.MonkeyPatch, trouble: type[BaseException], username: str
) -> None:
    def nobody(prompt: str) -> str:
        if issubclass(trouble, Warning):
            warnings.warn("would show", trouble, stacklevel=1)
            return "practice"
        raise trouble

    monkeypatch.setattr(people, "getpass", nobody)
    with pytest.raises(InvalidInput, match="Nobody is here") as raised:
        scicat.login(username=username)
    assert "OPENEM_TOKEN_" in raised.value.hint
    assert scicat.identity() is None


def test_what_is_no_token_is_not_kept(place: Place) -> None:
    assert place.service is not None
    place.log_in("ada")
    with pytest.raises(InvalidInput, match="not a SciCat token"):
        scicat.login_token(Secret("my-password"))
    forged = place.service.users.token("admin")[:-6] + "AAAAAA"
    with pytest.raises(NotLoggedIn, match="does not accept"):
        scicat.login_token(Secret(forged))
    with pytest.raises(TokenExpired):
        scicat.login_token(Secret(place.service.users.token("ben", seconds=-5)))
    found = scicat.identity()
    assert found is not None
    assert found.username == "ada"


def test_a_wrong_password_says_what_else_can_be_done(place: Place) -> None:
    with pytest.raises(NotLoggedIn, match="name and password") as caught:
        scicat.login_with("ada", Secret("wrong"))
    assert "SciCat token" in caught.value.hint
    assert tokens.find(place.name) is None
    with pytest.raises(InvalidInput):
        scicat.login_with(" ", PASSWORD)


def test_the_directory_is_asked_after_the_accounts_of_the_instance(place: Place) -> None:
    with pytest.raises(NotLoggedIn):
        scicat.login_with("ada", Secret("wrong"))
    assert [line.rpartition("/")[2] for line in place.asked()[-2:]] == ["login", "ldap"]


def test_an_instance_without_a_directory_is_no_fault(place: Place) -> None:
    assert place.facility is not None
    place.facility.add_fault(Fault("status", path="auth/ldap", status=404))
    with pytest.raises(NotLoggedIn, match="name and password"):
        scicat.login_with("ada", Secret("wrong"))


def test_an_identity_token_is_exchanged_where_that_is_offered(place: Place) -> None:
    if place.name == "practice-ethz":
        with pytest.raises(InvalidInput, match="does not exchange"):
            scicat.login_oidc(Secret("practice:ada"))
        return
    assert scicat.login_oidc(Secret("practice:ada")).username == "ada"
    # the service takes one a second: the pause that it asks for is made
    assert scicat.login_oidc(Secret("practice:ben")).username == "ben"
    assert any("auth/oidc/token" in line for line in place.asked())
    with pytest.raises(NotLoggedIn, match="refuses the token"):
        scicat.login_oidc(Secret("practice:nobody"))


def test_a_service_that_stays_busy_is_given_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.facility is not None
    pauses: list[float] = []
    monkeypatch.setattr(people.time, "sleep", pauses.append)
    place.facility.add_fault(Fault("status", path="oidc/token", status=429, retry_after=3))
    with pytest.raises(RateLimited):
        scicat.login_oidc(Secret("practice:ada"))
    assert pauses == [3.0, 3.0, 3.0]


def test_logging_out_forgets_the_token_and_says_that_it_lives_on(place: Place) -> None:
    assert scicat.logout() == f"Nobody was logged in to {place.name}."
    place.log_in("ada")
    words = scicat.logout()
    assert tokens.find(place.name) is None
    assert "a copy works until" in words
    assert any(line.endswith("auth/logout") for line in place.asked())
    assert scicat.identity() is None


def test_an_expired_token_can_be_forgotten(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.log_in("ada", seconds=-100)
    assert "could not be told" in scicat.logout()
    assert tokens.find(place.name) is None
    assert place.service is not None
    variable = f"OPENEM_TOKEN_{place.name.upper().replace('-', '_')}"
    monkeypatch.setenv(variable, place.service.users.token("ada"))
    assert "environment variable still holds" in scicat.logout()


def test_an_expired_token_is_noticed_before_anything_is_asked(place: Place) -> None:
    place.log_in("ada", seconds=-1)
    before = len(place.asked())
    for ask in (scicat.search, scicat.count, scicat.identity, lambda: scicat.get(place.pid(0))):
        with pytest.raises(TokenExpired) as caught:
            ask()
        assert "openem.login(" in caught.value.hint
    assert len(place.asked()) == before


def test_a_clock_that_differs_does_not_turn_private_data_into_public_only(place: Place) -> None:
    """The service's clock runs ahead: the token is good here, and has run out there."""
    assert place.service is not None
    assert place.facility is not None
    place.log_in("ada", seconds=600)
    private = next(pid for pid, d in place.seen_by("ada").items() if not d["isPublished"])
    assert scicat.get(private).pid == private
    place.service.offset += timedelta(seconds=601)
    for ask in (
        lambda: scicat.get(private),
        lambda: scicat.count(private),
        lambda: scicat.search(private),
    ):
        with pytest.raises(NotLoggedIn):
            ask()


def test_a_token_of_another_instance_is_refused_before_an_answer_is_believed(
    place: Place, scicat_facility: object
) -> None:
    assert place.facility is not None
    other = next(one for name, one in place.facility.scicat.items() if name != place.name)
    tokens.save(place.name, other.users.token("ada"))
    with pytest.raises(NotLoggedIn, match="does not accept") as caught:
        scicat.search(rows=5)
    assert "one instance only" in caught.value.hint
    scicat.logout()
    assert scicat.search(rows=5).total == len(place.seen_by(None))


def test_who_is_logged_in_is_asked_once_and_again_when_nothing_is_found(place: Place) -> None:
    place.log_in("reader", seconds=1234)
    begin = len(place.asked())
    scicat.search(rows=5)
    scicat.search(rows=5)
    assert sum("whoami" in line for line in place.asked()[begin:]) == 1


def test_four_requests_at_a_time_at_most(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from openem_nb.scicat import _pages

    assert place.facility is not None
    monkeypatch.setattr(_pages, "PAGE", 20)
    monkeypatch.setattr(_pages, "_WORKERS", 12)
    running, most = 0, 0
    lock = threading.Lock()
    assert place.service is not None
    answer = place.service.answer
    together = threading.Event()

    def counted(question: object) -> object:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running > 1:
                together.set()
        if "limits" in str(vars(question)):  # a page waits for the one beside it
            together.wait(5)
        try:
            return answer(question)  # type: ignore[arg-type]
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(place.service, "answer", counted)
    assert len(scicat.search(rows=None)) == len(place.seen_by(None))
    assert 2 <= most <= 4


def test_the_token_stays_with_its_instance(place: Place) -> None:
    """An instance that sends requests on to elsewhere is no longer the instance."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    seen: list[str | None] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: object) -> None: ...

    class Moved(Elsewhere):
        def do_GET(self) -> None:
            seen.append("moved")
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{elsewhere.server_port}/x")
            self.send_header("Content-Length", "0")
            self.end_headers()

    assert place.service is not None
    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    moved = ThreadingHTTPServer(("127.0.0.1", 0), Moved)
    threads = [threading.Thread(target=one.serve_forever) for one in (elsewhere, moved)]
    for thread in threads:
        thread.start()
    try:
        profile = settings.Profile(
            place.name, "moved", None, scicat_api=f"http://127.0.0.1:{moved.server_port}/api/v3"
        )
        tokens.save(place.name, place.service.users.token("ada"))
        with pytest.raises(BadAnswer, match="sends requests on"):
            Connection(profile).get("datasets")
        assert seen == ["moved", None]
    finally:
        for one in (elsewhere, moved):
            one.shutdown()
            one.server_close()
        for thread in threads:
            thread.join()


def test_what_is_no_backend_is_said_to_be_none(place: Place) -> None:
    assert place.facility is not None
    place.log_in("ada", seconds=777)
    place.facility.add_fault(Fault("status", path="auth/whoami", status=404))
    with pytest.raises(BadAnswer, match="not a SciCat backend"):
        connection().get("datasets")


@pytest.mark.parametrize("address", [None, "https://scicat.example.ch", "https://a.ch/api/v5"])
def test_an_address_that_is_not_that_of_the_api_is_refused(address: str | None) -> None:
    with pytest.raises(InvalidInput, match="no usable address"):
        Connection(settings.Profile("mine", "mine", None, scicat_api=address))


def test_a_fault_of_the_service_is_no_answer(place: Place) -> None:
    assert place.facility is not None
    place.facility.add_fault(Fault("html", path="v3/datasets/count"))
    with pytest.raises(BadAnswer):
        scicat.count()
    place.facility.clear_faults()
    place.facility.add_fault(Fault("status", path="v3/datasets/count", status=502, times=2))
    assert scicat.count() == len(place.seen_by(None))  # asked again


def test_a_missing_data_set_says_who_is_asking(place: Place) -> None:
    with pytest.raises(NotFound, match="no data set") as caught:
        scicat.get("20.500.11935/none")
    assert "log in" in caught.value.hint
    place.log_in("ben")
    with pytest.raises(NotFound) as caught:
        scicat.get("20.500.11935/none")
    assert "ben" in caught.value.hint


def test_a_private_data_set_of_others_is_refused_with_the_groups_that_count(place: Place) -> None:
    private = next(
        pid for pid, d in place.seen_by("ada").items() if pid not in place.seen_by("ben")
    )
    with pytest.raises((NotLoggedIn, NotFound)) as anonymous:
        scicat.get(private)
    assert "openem.login" in anonymous.value.hint
    place.log_in("ben")
    with pytest.raises((NotAllowed, NotFound)) as caught:
        scicat.get(private)
    assert place.group(20003) in caught.value.hint


def test_any_instance_says_who_is_logged_in(anywhere: Place) -> None:
    if anywhere.service is not None:
        anywhere.log_in("ada")
    found = scicat.identity()
    if found is not None:
        assert found.username
        assert found.expires is None or found.expires > datetime.now(UTC)
