"""The token is a secret: it shows nowhere but in the header of a request to its own instance."""

from __future__ import annotations

import logging
import pickle
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import scicat, settings, tokens
from openem_nb.errors import OpenEMError
from openem_nb.practice.faults import Fault
from openem_nb.tokens import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Place

PASSWORD = "correct-horse-battery"


def parts_of(token: str) -> tuple[str, ...]:
    """Return what must not show: the token, its claims, its signature."""
    return (token, *token.split(".")[1:])


@pytest.fixture
def token(place: Place) -> str:
    assert place.service is not None
    text = place.service.users.token("ada")
    tokens.save(place.name, text)
    return text


def shown(error: BaseException) -> str:
    """Return all that any tool can show of an error: the values of the package's variables, too."""
    whole = traceback.TracebackException.from_exception(error)
    texts = ["".join(whole.format()), repr(error), str(error), str(vars(error))]
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        todo += [one.__cause__, one.__context__]
        for value in vars(one).values():
            texts.append(repr(value))
            headers = getattr(getattr(value, "request", value), "headers", None)
            texts.append(repr(headers))
        frame = one.__traceback__
        while frame is not None:
            if "/tests/" not in frame.tb_frame.f_code.co_filename:
                texts += [repr(value) for value in frame.tb_frame.f_locals.values()]
            frame = frame.tb_next
    return "\n".join(texts)


FAULTS = [
    Fault("status", path="/v[34]/", status=400),
    Fault("status", path="/v[34]/", status=403),
    Fault("status", path="/v[34]/", status=500),
    Fault("html", path="/v[34]/"),
    Fault("cut", path="/v[34]/"),
    Fault("garbage", path="/v[34]/"),
    Fault("wrong_json", path="/v[34]/"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}{fault.status}")
@pytest.mark.parametrize(
    "ask",
    [
        lambda: scicat.search(rows=5),
        lambda: scicat.update("20.500.11935/x", comment="y"),
        lambda: scicat.connection().send("POST", "jobs", {}),
        lambda: scicat.draft(["20.500.11935/x"], title="t", abstract="a"),
    ],
    ids=["search", "update", "send", "draft"],
)
def test_no_error_shows_the_token(
    place: Place, token: str, fault: Fault, ask: Callable[[], Any]
) -> None:
    assert place.facility is not None
    place.facility.add_fault(fault)
    try:
        answer = ask()
    except OpenEMError as error:
        text, data = shown(error), _pickled(error)
    else:
        assert fault.kind == "wrong_json"  # JSON is all that is promised by a sent request
        text, data = repr(answer), b""
    assert not [part for part in parts_of(token) if part in text or part.encode() in data]


def _pickled(value: Any) -> bytes:
    try:
        return pickle.dumps(value)
    except (TypeError, AttributeError):
        return b""


def test_an_unreachable_service_shows_no_token(
    place: Place, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = settings.Profile(place.name, "x", None, scicat_api="http://127.0.0.1:9/api/v3")
    with pytest.raises(OpenEMError) as caught:
        scicat.Connection(profile).get("datasets")
    assert not [part for part in parts_of(token) if part in shown(caught.value)]


def test_no_error_of_a_log_in_shows_the_password(place: Place) -> None:
    assert place.facility is not None
    for fault in (None, *FAULTS):
        place.facility.clear_faults()
        if fault is not None:
            place.facility.add_fault(fault)
        for log_in in (
            lambda: scicat.login_with("ada", Secret(PASSWORD)),
            lambda: scicat.login_oidc(Secret(PASSWORD)),
        ):
            with pytest.raises(OpenEMError) as caught:
                log_in()
            assert PASSWORD not in shown(caught.value)


def test_nothing_that_is_kept_or_shown_holds_the_token(
    place: Place, token: str, capfd: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger()
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{self.format(record)} {record.__dict__}")

    handler = Keep(logging.DEBUG)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        here = scicat.connection()
        result = scicat.search(rows=5)
        found = scicat.get(place.pid(0))
        texts = [
            repr(here),
            repr(vars(here)),
            repr(scicat.identity()),
            repr(result),
            result._repr_html_(),
            result.query_sent,
            repr(found),
            found._repr_html_(),
            repr(found.document),
            repr(found.files()),
            scicat.logout(),
        ]
        kept = [pickle.dumps(result), pickle.dumps(found)]
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert any("GET" in line for line in lines)  # urllib3 tells what is asked
    out, err = capfd.readouterr()
    for part in parts_of(token):
        assert not [line for line in (*lines, *texts, out, err, *place.asked()) if part in line]
        assert not [data for data in kept if part.encode() in data]
    home = settings.folders().config.parent
    holding = [
        path for path in home.rglob("*") if path.is_file() and token.encode() in path.read_bytes()
    ]
    assert holding == []  # logged out


def test_the_token_file_is_for_its_owner_alone(place: Place, token: str) -> None:
    home = settings.folders().config.parent
    holding = [
        path for path in home.rglob("*") if path.is_file() and token.encode() in path.read_bytes()
    ]
    assert len(holding) == 1
    assert holding[0].stat().st_mode & 0o077 == 0
    assert token not in " ".join(sys.argv)


def test_the_token_goes_as_a_header_alone_and_the_client_beside_has_it(
    place: Place, token: str
) -> None:
    begin = len(place.asked())
    scicat.search(rows=3)
    assert not any("access_token" in line for line in place.asked()[begin:])
    client = scicat.connection().pyscicat()
    assert client.datasets_get_one(place.pid(0))["pid"] == place.pid(0)


def test_the_client_beside_is_made_only_with_a_good_log_in(place: Place) -> None:
    with pytest.raises(OpenEMError, match="Nobody is logged in"):
        scicat.connection().pyscicat()
    place.log_in("ada", seconds=-1)
    with pytest.raises(OpenEMError, match="ran out"):
        scicat.connection().pyscicat()


@pytest.mark.parametrize(
    "name", ["search", "get", "login", "login_with", "draft", "update", "facets"]
)
def test_no_public_function_takes_a_token_or_password_as_text(name: str) -> None:
    import inspect

    for parameter in inspect.signature(getattr(scicat, name)).parameters.values():
        if "token" in parameter.name or "password" in parameter.name:
            assert parameter.annotation == "Secret"
