"""What a facility says of its microscopes, in TOML files."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openem_nb import oscem
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.images.gain import turned
from openem_nb.oscem.instruments import CameraInfo, Instrument, Instruments, example, load


def written(tmp_path: Path, text: str, name: str = "krios.toml") -> Path:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return file


def test_the_example_is_a_file_that_can_be_read(tmp_path: Path) -> None:
    (krios,) = load(written(tmp_path, example()))
    assert krios.serial == "TITAN52339260"
    assert krios.name == "Titan Krios G4"
    assert krios.cs == 2.7
    assert krios.c2_aperture == 50.0
    assert krios.time_zone == "Europe/Zurich"
    assert krios.gain_flip_rotate == {"tiff": "flip upside down", "eer": "none"}
    for words in krios.gain_flip_rotate.values():  # are read as they stand there
        assert turned(np.eye(2), words).shape == (2, 2)
    assert krios.detectors["EF-Falcon"] == CameraInfo(
        "EF-Falcon", "Falcon 4i", "TFS FALCON 4i (4k x 4k)", 4096, 4096
    )
    assert krios.mirror is None
    assert krios.file == tmp_path / "krios.toml"
    assert oscem.instruments.example is example


def test_what_is_not_said_is_not_known(tmp_path: Path) -> None:
    (one,) = load(written(tmp_path, "[TALOS-9950416]\n"))
    assert one == Instrument("TALOS-9950416", file=tmp_path / "krios.toml")
    assert one.cs is None
    assert one.name == ""


def test_all_files_of_the_configuration_are_read() -> None:
    assert len(load()) == 0
    folder = Path(os.environ["OPENEM_HOME"]) / "config" / "instruments"
    folder.mkdir()
    written(folder, "[TITAN1]\ncs = '2700 µm'\n", "b.toml")
    written(folder, "[TALOS2]\nmirror = '~/epu'\nalso = ['EM-PC']\n", "a.toml")
    written(folder, "not read", "notes.txt")
    known = load()
    assert [one.serial for one in known] == ["TALOS2", "TITAN1"]
    assert known.find("titan-1") is known.all[1]
    assert known.all[1].cs == 2.7
    assert known.all[0].mirror == Path.home() / "epu"
    table = known.table()
    assert list(table["file"]) == ["a.toml", "b.toml"]
    assert "TITAN1" in known._repr_html_()


@pytest.mark.parametrize(
    ("serial", "name"),
    [
        ("TITAN52339260", "krios"),
        ("titan 52339260", "krios"),
        ("TALOS-9950416", "talos"),
        ("TALOS9950416", "talos"),
        ("9950416", "talos"),
        ("KRIOS2-PC", "other"),
        ("TITAN5233926", None),
        ("TITAN", None),
        ("", None),
        ("-", None),
    ],
)
def test_a_microscope_is_found_by_its_serial_number(serial: str, name: str | None) -> None:
    known = Instruments(
        (
            Instrument("TITAN52339260", name="krios"),
            Instrument("9950416", name="talos"),
            Instrument("TITAN3", name="other", also=("Krios2-PC",)),
        )
    )
    found = known.find(serial)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("cs = 2.7", "krios.toml: cs stands outside of a section", "TITAN52339260"),
        ("[T1]\nnmae = 2.7", "krios.toml: T1.nmae is not a key", "Did you mean name?"),
        ("[T1]\nxyz = 2.7", "T1.xyz is not a key", "The keys are also, c2_aperture"),
        ("[T1]\ncs = 0", "T1.cs is 0; expected a number in mm above zero", "Leave out"),
        ("[T1]\ncs = true", "T1.cs is True; expected a number in mm", "Leave out"),
        ("[T1]\ncs = 'big'", "T1.cs is 'big'; expected a number in mm", "Leave out"),
        ("[T1]\ncs = '2.7 kV'", "T1.cs is '2.7 kV'; expected", "Leave out"),
        ("[T1]\ncs = nan", "T1.cs is nan; expected", "Leave out"),
        ("[T1]\nname = ''", "T1.name is ''; expected a text", "Leave out"),
        ("[T1]\nname = 3", "T1.name is 3; expected a text", "Leave out"),
        ("[T1]\ntime_zone = 'Zurich'", "T1.time_zone is 'Zurich'; expected a time zone", "Leave"),
        ("[T1]\ntime_zone = '../etc/passwd'", "T1.time_zone is", "Leave"),
        ("[T1]\nalso = 'x'", "T1.also is 'x'; expected a list of texts", "Leave"),
        ("[T1.detectors]\nEF = 'K3'", "T1.detectors.EF is 'K3'; expected a section", "Leave"),
        ("[T1]\ndetectors = 3", "T1.detectors is 3; expected a section", "Leave"),
        ("[T1.detectors.EF]\nwidth = 4.5", "T1.detectors.EF.width is 4.5; expected a whole", "L"),
        ("[T1.detectors.EF]\nnam = 'K3'", "T1.detectors.EF.nam is not a key", "Did you mean name"),
        ("[T1]\ngain_flip_rotate = 'x'", "T1.gain_flip_rotate is 'x'; expected a text for", "L"),
        ("[T1]\n[T1]", "is no TOML file", "example"),
        ("[T1\n", "is no TOML file", "example"),
        ("[T1]\n[t-1]", "krios.toml: t-1 is the microscope of section T1", "one section"),
        ("[T1]\n[T2]\nalso = ['t1']", "T2 is the microscope of section T1", "one section"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(written(tmp_path, text))
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        load(tmp_path / "none.toml")
    (tmp_path / "krios.toml").write_bytes(b"[T1]\nname = '\xff'")
    with pytest.raises(InvalidInput, match=r"krios\.toml is no TOML file"):
        load(tmp_path / "krios.toml")
    with (tmp_path / "huge.toml").open("wb") as stream:
        stream.truncate(10_000_000)
    with pytest.raises(InvalidInput, match="too large"):
        load(tmp_path / "huge.toml")


LINES = st.lists(st.sampled_from([*example().splitlines(), "[T2]", "[T2.detectors.x]", "cs = {}"]))


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(LINES, st.text(max_size=5))
def test_any_file_is_read_or_told(tmp_path: Path, lines: list[str], more: str) -> None:
    file = written(tmp_path, "\n".join([*lines, more]).replace("\ud800", ""))
    with contextlib.suppress(InvalidInput):  # the only error that a file of any content may raise
        assert all(one.serial for one in load(file))
