"""Fixtures of the tests of the practice facility: the two dialects of SciCat, and who asks.

A module that uses them has a fixture ``scicat`` of its own: the facility.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _scicat_caller import PROFILES, Caller

if TYPE_CHECKING:
    from openem_nb.practice import Facility


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ada(scicat: Facility, profile: str) -> Caller:
    return Caller(scicat, profile, "ada")


@pytest.fixture
def at_psi(scicat: Facility) -> Caller:
    return Caller(scicat, "practice", "ada")


@pytest.fixture
def at_ethz(scicat: Facility) -> Caller:
    return Caller(scicat, "practice-ethz", "ada")
