from __future__ import annotations

import copy
import logging
import pickle
import stat

import pytest

from openem_nb import settings, tokens
from openem_nb.errors import CannotWrite, InvalidInput


def test_a_secret_does_not_leak(caplog) -> None:
    secret = tokens.Secret("hunter2")
    assert secret.reveal() == "hunter2"
    with caplog.at_level(logging.INFO):
        logging.getLogger("x").info("%s %r", secret, secret)
    shown = f"{secret} {secret!r} {[secret]} {vars(settings).get('nothing')} {caplog.text}"
    assert "hunter2" not in shown
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            leak(secret)
    assert not hasattr(secret, "__dict__")


def test_tokens_from_environment_and_private_file(monkeypatch) -> None:
    monkeypatch.setattr(tokens, "_keyring", lambda: None)
    assert tokens.find("psi-qa") is None
    tokens.save("psi-qa", "  abc.def.ghi \n")
    path = settings.folders().config / "tokens" / "psi-qa"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tokens.find("psi-qa").reveal() == "abc.def.ghi"
    monkeypatch.setenv("OPENEM_TOKEN_PSI_QA", "from-environment")
    assert tokens.find("psi-qa").reveal() == "from-environment"
    monkeypatch.delenv("OPENEM_TOKEN_PSI_QA")
    tokens.forget("psi-qa")
    assert tokens.find("psi-qa") is None


def test_a_token_file_that_others_can_read_is_refused(tmp_path, monkeypatch) -> None:
    path = tmp_path / "token"
    path.write_text("abc")
    path.chmod(0o644)
    monkeypatch.setenv("OPENEM_PROFILE", "psi")
    monkeypatch.setenv("OPENEM_TOKEN_FILE", str(path))
    with pytest.raises(InvalidInput) as caught:
        tokens.find("psi")
    assert f"chmod 600 {path}" in caught.value.hint
    path.chmod(0o600)
    assert tokens.find("psi").reveal() == "abc"


def test_a_named_token_file_is_for_the_active_profile_alone(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tokens, "_keyring", lambda: None)
    monkeypatch.setenv("OPENEM_PROFILE", "psi")
    monkeypatch.setenv("OPENEM_TOKEN_FILE", str(tmp_path / "token"))
    tokens.save("psi", "for-psi")
    assert tokens.find("ethz") is None
    tokens.save("ethz", "for-ethz")
    assert (tmp_path / "token").read_text() == "for-psi\n"
    tokens.forget("ethz")
    assert tokens.find("psi").reveal() == "for-psi"


@pytest.mark.parametrize("text", ["", "  ", "two words", "two\nlines", "caf\u00e9", "a\0b"])
def test_what_is_no_token_is_not_saved(text: str) -> None:
    with pytest.raises(InvalidInput):
        tokens.save("psi", text)


@pytest.mark.parametrize("text", ["hunter2\nhunter3", "hunter2 hunter3", "hunter2\u2603"])
def test_what_is_no_token_is_not_used_and_not_shown(text: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("OPENEM_TOKEN_PSI", text)
    with pytest.raises(InvalidInput, match="OPENEM_TOKEN_PSI") as caught:
        tokens.find("psi")
    assert "hunter" not in f"{caught.value} {caught.value.hint}"
    monkeypatch.delenv("OPENEM_TOKEN_PSI")
    path = settings.folders().config / "tokens" / "psi"
    path.parent.mkdir()
    settings.write_whole(path, text, private=True)
    with pytest.raises(InvalidInput, match="token file"):
        tokens.find("psi")
    settings.write_whole(path, " \n", private=True)
    assert tokens.find("psi") is None


def test_a_token_that_cannot_be_written_is_said(monkeypatch) -> None:
    monkeypatch.setattr(tokens, "_keyring", lambda: None)
    (settings.folders().config / "tokens").write_text("in the way")
    with pytest.raises(CannotWrite, match="tokens"):
        tokens.save("psi", "abc")


def test_keyring_is_used_where_there_is_one(monkeypatch) -> None:
    kept: dict[tuple[str, str], str] = {}

    class Ring:
        get_password = staticmethod(lambda app, name: kept.get((app, name)))
        set_password = staticmethod(lambda app, name, text: kept.update({(app, name): text}))
        delete_password = staticmethod(lambda app, name: kept.pop((app, name)))

    monkeypatch.setattr(tokens, "_keyring", Ring)
    tokens.save("psi", "abc")
    assert kept == {("openem", "psi"): "abc"}
    assert tokens.find("psi").reveal() == "abc"
    tokens.forget("psi")
    assert tokens.find("psi") is None


def test_a_misspelt_service_gets_no_token() -> None:
    with pytest.raises(InvalidInput, match="no service named 'psii'") as caught:
        tokens.save("psii", "abc")
    assert "psi-qa" in caught.value.hint
