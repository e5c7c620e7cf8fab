from __future__ import annotations

import copy
import logging
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from openem_nb import settings
from openem_nb.errors import CannotWrite, InvalidInput, Unreachable


def write_settings(text: str) -> None:
    (settings.folders().config / "settings.toml").write_text(text, encoding="utf-8")


def test_practice_is_the_profile_where_nothing_is_configured() -> None:
    assert settings.profile().name == "practice"
    assert settings.profile().archives is None


def test_real_profiles_have_the_real_addresses() -> None:
    for name in ("psi", "psi-qa", "ethz"):
        chosen = settings.profile(name)
        assert chosen.archives is not None
        assert chosen.archives.notice is None
        assert chosen.scicat_api is not None
        assert settings.services(name).emdb_api == "https://www.ebi.ac.uk/emdb/api"


def test_environment_wins_over_file_and_name_over_both(monkeypatch) -> None:
    write_settings('profile = "ethz"\n')
    assert settings.profile().name == "ethz"
    monkeypatch.setenv("OPENEM_PROFILE", "psi-qa")
    assert settings.profile().name == "psi-qa"
    assert settings.profile("psi").name == "psi"


def test_use_reaches_child_processes(monkeypatch) -> None:
    monkeypatch.setenv("OPENEM_PROFILE", "practice")
    settings.use("psi")
    assert os.environ["OPENEM_PROFILE"] == "psi"
    with pytest.raises(InvalidInput):
        settings.use("nowhere")
    assert settings.profile().name == "psi"


def test_a_custom_profile_from_toml() -> None:
    write_settings(
        '[profiles.unibas]\ntitle = "SciCat at UNIBAS"\nscicat_api = "https://scicat.example.ch/api/v3/"\n'
        'flavour = "v427"\nemdb_api = "https://mirror.example.ch/emdb/api/"\n'
    )
    chosen = settings.profile("unibas")
    assert chosen.scicat_api == "https://scicat.example.ch/api/v3"
    assert chosen.archives.emdb_api == "https://mirror.example.ch/emdb/api"
    assert chosen.archives.name == "unibas"
    assert chosen.archives.empiar_api == settings.Services().empiar_api


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("profile = ", "not valid TOML"),
        ('profile = "nowhere"', "no profile named 'nowhere'"),
        ("profiles = 3", "profiles must be a table"),
        ('[profiles.x]\nscicat = "https://a"', "unknown key 'scicat'"),
        ("[profiles.x]\nscicat_api = 3", "must be text"),
        ('[profiles.x]\nscicat_api = "a.b.c"', "is not an address"),
        ('[profiles.x]\nflavour = "v9"', "flavour must be"),
        ('[profiles.practice]\ntitle = "x"', "cannot be redefined"),
    ],
)
def test_bad_settings_say_what_is_wrong(text: str, says: str) -> None:
    write_settings(text)
    with pytest.raises(InvalidInput, match=says) as caught:
        settings.profile()
    assert caught.value.hint


def test_folders_follow_the_environment(tmp_path, monkeypatch) -> None:
    found = settings.folders()
    assert found.config == tmp_path / "home" / "config"
    assert found.data == tmp_path / "data"
    assert found.runs.is_dir()
    monkeypatch.delenv("OPENEM_DATA")
    assert settings.folders().data == tmp_path / "home" / "data"
    monkeypatch.delenv("OPENEM_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert settings.folders().config.is_relative_to(tmp_path / "person")


def test_a_home_that_cannot_be_made(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("OPENEM_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(CannotWrite) as caught:
        settings.folders()
    assert "OPENEM_HOME" in caught.value.hint


def test_write_whole_keeps_the_old_file_when_it_cannot_write(tmp_path, monkeypatch) -> None:
    target = tmp_path / "state.json"
    settings.write_whole(target, "old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CannotWrite, match="No space left"):
        settings.write_whole(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["state.json"]


def test_a_secret_does_not_leak(caplog) -> None:
    secret = settings.Secret("hunter2")
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
    monkeypatch.setattr(settings, "_keyring", lambda: None)
    assert settings.token("psi-qa") is None
    settings.save_token("psi-qa", "  abc.def.ghi \n")
    path = settings.folders().config / "tokens" / "psi-qa"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert settings.token("psi-qa").reveal() == "abc.def.ghi"
    monkeypatch.setenv("OPENEM_TOKEN_PSI_QA", "from-environment")
    assert settings.token("psi-qa").reveal() == "from-environment"
    monkeypatch.delenv("OPENEM_TOKEN_PSI_QA")
    settings.forget_token("psi-qa")
    assert settings.token("psi-qa") is None


def test_a_token_file_that_others_can_read_is_refused(tmp_path, monkeypatch) -> None:
    path = tmp_path / "token"
    path.write_text("abc")
    path.chmod(0o644)
    monkeypatch.setenv("OPENEM_PROFILE", "psi")
    monkeypatch.setenv("OPENEM_TOKEN_FILE", str(path))
    with pytest.raises(InvalidInput) as caught:
        settings.token("psi")
    assert f"chmod 600 {path}" in caught.value.hint
    path.chmod(0o600)
    assert settings.token("psi").reveal() == "abc"


def test_a_named_token_file_is_for_the_active_profile_alone(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(settings, "_keyring", lambda: None)
    monkeypatch.setenv("OPENEM_PROFILE", "psi")
    monkeypatch.setenv("OPENEM_TOKEN_FILE", str(tmp_path / "token"))
    settings.save_token("psi", "for-psi")
    assert settings.token("ethz") is None
    settings.save_token("ethz", "for-ethz")
    assert (tmp_path / "token").read_text() == "for-psi\n"
    settings.forget_token("ethz")
    assert settings.token("psi").reveal() == "for-psi"


@pytest.mark.parametrize("text", ["", "  ", "two words", "two\nlines", "caf\u00e9", "a\0b"])
def test_what_is_no_token_is_not_saved(text: str) -> None:
    with pytest.raises(InvalidInput):
        settings.save_token("psi", text)


@pytest.mark.parametrize("text", ["hunter2\nhunter3", "hunter2 hunter3", "hunter2\u2603"])
def test_what_is_no_token_is_not_used_and_not_shown(text: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("OPENEM_TOKEN_PSI", text)
    with pytest.raises(InvalidInput, match="OPENEM_TOKEN_PSI") as caught:
        settings.token("psi")
    assert "hunter" not in f"{caught.value} {caught.value.hint}"
    monkeypatch.delenv("OPENEM_TOKEN_PSI")
    path = settings.folders().config / "tokens" / "psi"
    path.parent.mkdir()
    settings.write_whole(path, text, private=True)
    with pytest.raises(InvalidInput, match="token file"):
        settings.token("psi")
    settings.write_whole(path, " \n", private=True)
    assert settings.token("psi") is None


def test_a_token_that_cannot_be_written_is_said(monkeypatch) -> None:
    monkeypatch.setattr(settings, "_keyring", lambda: None)
    (settings.folders().config / "tokens").write_text("in the way")
    with pytest.raises(CannotWrite, match="tokens"):
        settings.save_token("psi", "abc")


def test_settings_that_cannot_be_used(monkeypatch) -> None:
    monkeypatch.delenv("OPENEM_PROFILE", raising=False)
    write_settings('profile = ["psi"]\n')
    with pytest.raises(InvalidInput, match="no profile"):
        settings.profile()
    path = settings.folders().config / "settings.toml"
    path.unlink()
    path.mkdir()
    with pytest.raises(InvalidInput, match="cannot be read"):
        settings.profile()


def test_keyring_is_used_where_there_is_one(monkeypatch) -> None:
    kept: dict[tuple[str, str], str] = {}

    class Ring:
        get_password = staticmethod(lambda app, name: kept.get((app, name)))
        set_password = staticmethod(lambda app, name, text: kept.update({(app, name): text}))
        delete_password = staticmethod(lambda app, name: kept.pop((app, name)))

    monkeypatch.setattr(settings, "_keyring", Ring)
    settings.save_token("psi", "abc")
    assert kept == {("openem", "psi"): "abc"}
    assert settings.token("psi").reveal() == "abc"
    settings.forget_token("psi")
    assert settings.token("psi") is None


@pytest.mark.parametrize("variable", ["OPENEM_PRACTICE_ENTRIES", "OPENEM_PRACTICE_SEED"])
def test_practice_size_must_be_a_number(variable: str, monkeypatch) -> None:
    monkeypatch.setenv(variable, "many")
    with pytest.raises(InvalidInput, match=variable):
        settings.services()


def test_practice_address_that_nobody_answers(monkeypatch) -> None:
    monkeypatch.setenv("OPENEM_PRACTICE_URL", "http://127.0.0.1:9")
    with pytest.raises(Unreachable):
        settings.services()


def test_the_practice_facility_of_a_process_ends_with_it() -> None:
    code = (
        "from openem_nb import settings, http\n"
        "found = settings.services()\n"
        "assert found is settings.services()\n"
        "assert found.name == 'practice-50-3', found\n"
        "http.session().json(found.emdb_api + '/search/*?rows=1')\n"
        "print(found.emdb_api)\n"
    )
    environment = {**os.environ, "OPENEM_PRACTICE_ENTRIES": "50", "OPENEM_PRACTICE_SEED": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    import psutil

    port = done.stdout.strip().split(":")[2].split("/")[0]
    serving = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "openem_nb.practice" in (process.info["cmdline"] or [])
    ]
    listening = [
        connection.laddr.port for process in serving for connection in process.net_connections()
    ]
    assert int(port) not in listening


def test_threads_share_one_facility_and_a_killed_one_is_replaced() -> None:
    code = (
        "import psutil\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from openem_nb import settings, http\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    found = set(pool.map(lambda _: settings.services(), range(4)))\n"
        "(child,) = psutil.Process().children()\n"
        "assert len(found) == 1, found\n"
        "child.kill()\n"
        "psutil.wait_procs([child], timeout=30)\n"
        "new = settings.services()\n"
        "assert new not in found\n"
        "http.session().json(new.emdb_api + '/search/*?rows=1')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OPENEM_PRACTICE_ENTRIES": "50"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
