"""Funder aliases: how phrases match, and the user's own list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openem_nb import settings
from openem_nb.errors import InvalidInput
from openem_nb.statistics.funders import Alias, aliases

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def own() -> Path:
    return settings.folders().config / "funders.toml"


@pytest.mark.parametrize(
    ("funder", "found"),
    [
        ("F. Hoffmann-La Roche LTD", True),
        ("ROCHE", True),
        ("Rochester Institute of Technology", False),
        ("La Roche-Posay", True),
        ("Larochelle", False),
    ],
)
def test_phrases_match_as_whole_words(funder: str, found: bool) -> None:
    assert Alias("Roche", "").matches(funder) is found


def test_phrases_are_no_regular_expressions() -> None:
    assert not Alias("E.H", "").matches("ETH")
    assert Alias("ETH Zürich", "").matches("eth zürich (ETHZ)")


def test_the_list_of_the_package() -> None:
    found = aliases(" SWITZERLAND ")
    assert found.origin == "package"
    assert all(alias.phrase and alias.source for alias in found.aliases)
    for name in ("Swiss National Science Foundation (SNSF)", "EPFL", "Paul Scherrer Institute"):
        assert any(alias.matches(name) for alias in found.aliases)
    for name in ("National Science Foundation (NSF)", "Not funded", "Louisiana State University"):
        assert not any(alias.matches(name) for alias in found.aliases)
    assert aliases("Germany").aliases == ()


def test_the_users_own_list_goes_before(own: Path) -> None:
    own.write_text('[[Germany]]\nphrase = "DFG"\nsource = "mine"\n', encoding="utf-8")
    assert aliases("Germany").aliases == (Alias("DFG", "mine"),)
    assert aliases("Germany").origin == str(own)
    assert aliases("Switzerland").origin == "package"
    own.write_text('[[switzerland]]\nphrase = "SNSF"\n', encoding="utf-8")
    assert [alias.phrase for alias in aliases("Switzerland").aliases] == ["SNSF"]


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        'Switzerland = "SNSF"',
        "[[Switzerland]]\nsource = 'no phrase'",
        "[[Switzerland]]\nphrase = ' '",
        "[[Switzerland]]\nphrase = 'a'\npattern = 'b'",
        "[[Switzerland]]\nphrase = 3",
    ],
)
def test_a_damaged_list_is_named(own: Path, text: str) -> None:
    own.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"funders\.toml") as caught:
        aliases("Switzerland")
    assert caught.value.hint
