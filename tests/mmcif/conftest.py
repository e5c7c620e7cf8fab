"""Where the tests of mmCIF find real samples."""

from __future__ import annotations

from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "em"


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of real samples beside the checkout; skip where it is missing."""
    if not SAMPLES.is_dir():
        pytest.skip("the real samples are not there")
    return SAMPLES
