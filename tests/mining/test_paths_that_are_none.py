"""Whatever is given in place of a path: one kind of error, and never a bare one of the system."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from image_files import write_mrc

import openem_nb as openem
from openem_nb import images, mining
from openem_nb._folders import path_of, status_of
from openem_nb.errors import InvalidInput, NotFound, OpenEMError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OPENERS: dict[str, Callable[[Any], object]] = {
    "open_image": images.open_image,
    "open_map": images.open_map,
    "open_tar": images.open_tar,
    "scan": images.scan,
    "images_of": openem.images_of,
    "mine": lambda given: openem.mine(given, measures=["statistics"]),
    "open_mined": mining.open_mined,
    "gain": lambda given: mining.Parameters(measures=("statistics",), gain=given),
}
ODD: dict[str, Any] = {
    "long": "a long text " * 400,
    "nobody": "~nobody-of-that-name/x",
    "zero": "a\0b",
    "half": "a\ud800b",
    "bytes": b"/tmp",
    "nothing": [None],
    "list": ["a\0b"],
    "brackets": "http://[::1",
    "no host": "https:///a.mrc",
    "empty": "",
}


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_path_is_told(opener: str, odd: str) -> None:
    with pytest.raises(OpenEMError) as caught:
        OPENERS[opener](ODD[odd])
    assert str(caught.value).isprintable()
    assert caught.value.hint or odd == "bytes"


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("why", ["closed", "loop"])
def test_what_cannot_be_looked_at_is_told(
    tmp_path: Path, opener: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "closed" / "a.mrc"
    path.parent.mkdir()
    if why == "loop":
        path.symlink_to(path)
    else:  # the superuser may look everywhere
        write_mrc(path, np.zeros((4, 5), np.float32))

        def closed(name: str) -> Callable[..., object]:
            real = getattr(os, name)

            def call(given: Any, *more: Any, **options: Any) -> object:
                if isinstance(given, (str, os.PathLike)) and "closed" in str(given):
                    raise PermissionError(13, "Permission denied", str(given))
                return real(given, *more, **options)

            return call

        for name in ("stat", "open", "scandir"):
            monkeypatch.setattr(os, name, closed(name))
    with pytest.raises(OpenEMError):
        OPENERS[opener](path)
    with pytest.raises(OpenEMError):
        OPENERS[opener](str(path))


def test_a_pipe_is_neither_a_file_nor_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mrc")
    with pytest.raises(InvalidInput, match="neither a file nor a folder"):
        openem.images_of(tmp_path / "pipe.mrc")
    with pytest.raises(InvalidInput, match="No path is given"):
        images.open_image("")


def test_paths_are_taken_as_they_are(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff.mrc")
    assert path_of(str(odd)) == odd
    assert status_of(odd) is None
    odd.touch()
    assert status_of(odd) is not None
    assert status_of(odd / "below") is None
    assert path_of("~") == path_of(os.path.expanduser("~"))  # noqa: PTH111
    with pytest.raises(NotFound, match="no user nobody-of-that-name"):
        path_of("~nobody-of-that-name")
