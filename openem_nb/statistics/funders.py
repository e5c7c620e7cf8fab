"""Funders that mean a country: the list that comes with the package, and the user's own."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from openem_nb import settings
from openem_nb.errors import InvalidInput

__all__ = ["Alias", "AliasList", "aliases"]


@dataclass(frozen=True, slots=True)
class Alias:
    """A phrase in a funder's name that means the country."""

    phrase: str
    """Matched as whole words, whatever the case."""
    source: str
    """Why it means the country."""

    def matches(self, funder: str) -> bool:
        """Return whether the phrase stands in a funder's name."""
        pattern = rf"(?<!\w){re.escape(self.phrase.casefold())}(?!\w)"
        return re.search(pattern, funder.casefold()) is not None


@dataclass(frozen=True, slots=True)
class AliasList:
    """The aliases of one country, and where they were read."""

    aliases: tuple[Alias, ...]
    origin: str
    """``package`` or the path of the user's file."""


def aliases(country: str) -> AliasList:
    """Return the funder aliases of a country; none for a country that no list names.

    The user's ``funders.toml`` in the configuration folder goes before the list of the package,
    country by country.

    Raises
    ------
    InvalidInput
        If the user's file cannot be read; the message names the place.
    """
    wanted = country.strip().casefold()
    own = settings.folders().config / "funders.toml"
    if own.is_file():
        try:
            text = own.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                f"{own} cannot be read: {error}.", hint="Mend or remove the file."
            ) from error
        found = _read(text, where=str(own))
        if wanted in found:
            return AliasList(found[wanted], str(own))
    text = files("openem_nb.statistics").joinpath("funders.toml").read_text(encoding="utf-8")
    return AliasList(_read(text, where="funders.toml").get(wanted, ()), "package")


def _read(text: str, *, where: str) -> dict[str, tuple[Alias, ...]]:
    hint = 'Write [[Country]] sections with phrase = "..." and source = "...", or remove the file.'
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{where} is not valid TOML: {error}.", hint=hint) from error
    found = {}
    for country, items in document.items():
        if not isinstance(items, list):
            raise InvalidInput(f"{where}: {country} is not a list of sections.", hint=hint)
        read = [_alias(item) for item in items]
        if None in read:
            wrong = items[read.index(None)]
            raise InvalidInput(
                f"{where}: {country} has a section without phrase: {wrong}.", hint=hint
            )
        found[country.strip().casefold()] = tuple(alias for alias in read if alias)
    return found


def _alias(item: Any) -> Alias | None:
    match item:
        case {"phrase": str(phrase), **rest} if phrase.strip() and set(rest) <= {"source"}:
            return Alias(phrase.strip(), str(rest.get("source", "")))
        case _:
            return None
