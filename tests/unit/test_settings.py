from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
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


def test_retrieved_files_go_where_the_facility_has_a_place() -> None:
    write_settings(
        '[profiles.none]\ntitle = "x"\n'
        '[profiles.broker]\nbroker_api = "https://broker.example.ch"\n'
        '[profiles.disk]\ncopy_host = "copy.example.ch"\nwork_disk = "/work/retrieved/"\n'
    )
    assert settings.profile("none").retrieve_options == ()
    assert settings.profile("broker").retrieve_options == ("URLs",)
    chosen = settings.profile("disk")
    assert chosen.retrieve_options == ("PSI", "PSI-RA")
    assert (chosen.copy_host, chosen.work_disk) == ("copy.example.ch", "/work/retrieved")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("profile = ", "not valid TOML"),
        ('profile = "nowhere"', "no profile named 'nowhere'"),
        ("profiles = 3", "profiles is of the wrong kind"),
        ('profile = ["psi"]', "profile is of the wrong kind"),
        ('profil = "psi"', "unknown key 'profil'"),
        ('[profiles.x]\nscicat_api = "https://u:pw@a.ch"', "user or password"),
        ('[profiles.ebi]\ntitle = "x"', "cannot be redefined"),
        ('[profiles."../x"]\ntitle = "x"', "cannot be the name"),
        ('[profiles.x]\nscicat = "https://a"', "unknown key 'scicat'"),
        ("[profiles.x]\nscicat_api = 3", "must be text"),
        ('[profiles.x]\nscicat_api = "a.b.c"', "is not an address"),
        ('[profiles.x]\nflavour = "v9"', "flavour must be"),
        ('[profiles.x]\ncopy_host = "a.ch; rm"', "not the name of a host"),
        ('[profiles.x]\nwork_disk = "work"', "not a whole path"),
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


def test_settings_that_cannot_be_used(monkeypatch) -> None:
    monkeypatch.delenv("OPENEM_PROFILE", raising=False)
    write_settings('profile = ["psi"]\n')
    with pytest.raises(InvalidInput, match="wrong kind"):
        settings.profile()
    path = settings.folders().config / "settings.toml"
    path.unlink()
    path.mkdir()
    with pytest.raises(InvalidInput, match="cannot be read"):
        settings.profile()


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
        "assert found == settings.services()\n"
        "assert settings.catalogue().scicat_api.startswith(found.emdb_api[:16])\n"
        "assert found.name == 'practice4-50-3', found\n"
        "http.session().json(found.emdb_api + '/search/*?rows=1')\n"
        "print(found.emdb_api)\n"
    )
    environment = {**os.environ, "OPENEM_PRACTICE_ENTRIES": "50", "OPENEM_PRACTICE_SEED": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    port = int(done.stdout.strip().split(":")[2].split("/")[0])
    end = time.monotonic() + 120
    while port in _listening():
        assert time.monotonic() < end, "the facility lives on"
        time.sleep(0.05)


def _listening() -> list[int]:
    """Return the ports of all practice facilities of this machine; other tests have some, too."""
    import psutil

    ports: list[int] = []
    for process in psutil.process_iter(["cmdline"]):
        if "openem_nb.practice" in (process.info["cmdline"] or []):
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end between two questions
                ports += [connection.laddr.port for connection in process.net_connections()]
    return ports


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
        "psutil.wait_procs([child], timeout=120)\n"
        "new = settings.services()\n"
        "assert new not in found\n"
        "http.session().json(new.emdb_api + '/search/*?rows=1')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OPENEM_PRACTICE_ENTRIES": "50"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
