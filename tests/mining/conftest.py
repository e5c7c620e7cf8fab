"""Folders to mine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _mined_files import noisy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def session(tmp_path: Path) -> Callable[[int], Path]:
    """Return a function that writes a folder of small noisy images, each different."""
    return lambda count: noisy(tmp_path / "session", count)
