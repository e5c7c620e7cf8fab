"""The facade of images: loaded on first use, and a name means what it says whoever came first."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys

import pytest

from openem_nb import images


def test_all_members_are_there() -> None:
    for name in images.__all__:
        assert getattr(images, name) is not None
        assert not inspect.ismodule(getattr(images, name))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = images.nothing


@pytest.mark.parametrize(
    "code",
    [
        "from openem_nb.images.ctf import Ctf; from openem_nb import images",
        "import openem_nb.images.ctf; from openem_nb import images",
        "from openem_nb import images; images.ctf; from openem_nb.images.ctf import Ctf",
    ],
)
def test_functions_are_not_hidden_by_their_modules(code: str) -> None:
    asked = f"{code}; print(type(images.ctf).__name__, type(images.statistics).__name__)"
    assert _run(asked) == "function function"


def test_a_header_does_not_wait_for_what_fits_rings() -> None:
    asked = (
        "import sys; from openem_nb import images; images.open_image; images.jpeg;"
        "print([one for one in ('scipy', 'pandas', 'PIL', 'h5py', 'imagecodecs', 'mrcfile')"
        " if one in sys.modules])"
    )
    assert _run(asked) == "[]"


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_functions_that_use_it_can_be_sent_to_another_process() -> None:
    cloudpickle = pytest.importorskip("cloudpickle", reason="dask is not installed")
    assert pickle.loads(pickle.dumps(images)) is images
    sent = cloudpickle.loads(cloudpickle.dumps(lambda: images.contrast))
    assert sent() is images.contrast
