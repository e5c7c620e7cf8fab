from __future__ import annotations

import base64
import json
import time

import pytest

import openem_nb as openem
from openem_nb.checkup import lines
from openem_nb.practice import Fault


def token(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{body}.signature"


@pytest.fixture
def instance(practice, monkeypatch) -> None:
    """Describe an instance with the practice archives and a SciCat that is not there."""
    addresses = practice.description()["services"]
    text = '[profiles.own]\ntitle = "Own instance"\nscicat_api = "http://127.0.0.1:9/api/v3"\n'
    text += "".join(f'{name} = "{url}"\n' for name, url in addresses.items())
    (openem.settings.folders().config / "settings.toml").write_text(text)
    monkeypatch.setenv("OPENEM_PROFILE", "own")
    monkeypatch.setattr(openem.tokens, "_keyring", lambda: None)


def test_all_practice_services_answer(practice) -> None:
    table = openem.status()
    assert list(table.columns) == ["topic", "name", "ok", "detail"]
    service = table[table.topic == "service"]
    assert list(service.name) == ["EMDB", "EMDB files", "EMPIAR", "EMPIAR files", "SciCat"]
    assert service.ok.all()
    folders = table[table.topic == "folder"]
    assert folders.detail.str.contains("free").all()
    assert openem.__version__ in set(table[table.topic == "version"].detail)


def test_a_service_that_does_not_answer_is_a_line_not_an_error(practice) -> None:
    practice.add_fault(Fault(kind="status", path="/emdb/api/.*", status=503))
    before = len(practice.requests)
    found = {line.name: line for line in lines() if line.topic == "service"}
    assert found["EMDB"].ok is False
    assert "503" in found["EMDB"].detail
    assert "openem status" not in found["EMDB"].detail
    assert len(practice.requests) == before + 5  # no repetition: it is about right now
    assert found["EMPIAR"].ok is True
    assert found["SciCat"].ok is True


def test_no_facility_at_all(monkeypatch) -> None:
    monkeypatch.setenv("OPENEM_PRACTICE_URL", "http://127.0.0.1:9")
    service = [line for line in lines() if line.topic == "service"]
    assert [line.ok for line in service] == [False]


def test_log_in_is_told_without_the_token(instance, capsys) -> None:
    def log_in() -> str:
        (line,) = [line for line in lines() if line.topic == "log-in"]
        return f"{line.ok} {line.detail}"

    assert "Nobody is logged in" in log_in()
    secret = token(username="anna", exp=time.time() + 3600)
    openem.tokens.save("own", secret)
    assert log_in().startswith("None Token of anna, valid until 20")
    openem.tokens.save("own", token(sub="anna", exp=time.time() - 60))
    assert log_in().startswith("False Token of anna expired")
    openem.tokens.save("own", "opaque")
    assert "no expiry known" in log_in()
    for expires in (1e20, float("nan"), "soon"):
        openem.tokens.save("own", token(exp=expires))
        assert "no expiry known" in log_in()
    openem.tokens.save("own", "a.%%%.c")
    assert "an unnamed user" in log_in()
    scicat = [line for line in lines() if line.name == "SciCat"]
    assert [line.ok for line in scicat] == [False]
    assert secret not in openem.status().to_string()
