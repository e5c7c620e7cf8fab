"""Where the tests of metadata find real samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _epu_forms import write_images

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def samples(samples: Path) -> Path:
    """Return the folder of real samples of metadata; skip where it is missing."""
    return samples / "em"


@pytest.fixture
def session(tmp_path):
    """Return the folder of a small session."""
    write_images(tmp_path, 4, defocus=[-1e-6, -1.2e-6, -8e-7, -1e-6], dose=[4e21, 4e21, 5e21, 3e21])
    return tmp_path
