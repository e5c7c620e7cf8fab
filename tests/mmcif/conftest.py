"""Where the tests of mmCIF find real samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def samples(samples: Path) -> Path:
    """Return the folder of real samples of metadata; skip where it is missing."""
    return samples / "em"
