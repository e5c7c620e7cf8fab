"""What a person asks a catalogue for, and the Python that asks the same."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from openem_nb import scicat
from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.panels.form import Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.jobs import Progress
    from openem_nb.values import SearchResult

__all__ = ["COMPARISONS", "CatalogueQuery", "Condition", "form_fields"]

COMPARISONS: Final = {
    "=": "is",
    ">=": "at least",
    "<=": "at most",
    "between": "between",
    "contains": "contains",
    "in": "one of",
    "!=": "is not",
    ">": "more than",
    "<": "less than",
    "exists": "is stated",
}
_PLACES: Final = {"": "Anywhere", "disk": "On disk", "tape": "On tape, can be retrieved"}
_PUBLISHED: Final = {"": "Public or not", "yes": "Public", "no": "Not public"}
_SORTS: Final = {
    "-created": "Newest first",
    "created": "Oldest first",
    "name": "By name",
    "-size": "Largest first",
    "-files": "Most files first",
}
_FACETS: Final = ("type", "keywords", "owner_group", "location")
"""Ticked values that are parameters of a search by the same name."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on the metadata of a data set, as a person wrote it."""

    name: str
    """Path in the scientific metadata, or a field of the data set."""
    comparison: str = "="
    """A key of COMPARISONS."""
    value: str = ""
    unit: str = ""

    def read(self) -> Any:
        """Return what a search takes for it: a tuple of operator, values and unit.

        Raises
        ------
        InvalidInput
            If the value does not go with the comparison.
        """
        unit = (self.unit,) if self.unit else ()
        if self.comparison not in COMPARISONS:
            raise InvalidInput(f"{self.comparison!r} is no comparison.")
        if self.comparison == "exists":
            return ("exists", True)
        if not self.value.strip():
            raise InvalidInput(f"{self.name}: what is it compared with?")
        if self.comparison == "between":
            ends = [
                part for part in re.split(r"\s*(?:,|;|\bto\b|\band\b|–)\s*", self.value) if part
            ]
            if len(ends) != 2:
                raise InvalidInput(f"{self.name}: write two values, like 0.5 to 3.")
            return ("between", *map(_plain, ends), *unit)
        if self.comparison == "in":
            values = [_plain(part) for part in self.value.split(",") if part.strip()]
            return ("in", values)
        value = self.value.strip() if self.comparison == "contains" else _plain(self.value)
        return (self.comparison, value, *unit)


@dataclass(frozen=True, slots=True)
class CatalogueQuery:
    """One question to a catalogue of data sets."""

    text: str = ""
    """Words that must all be found."""
    created_from: str = ""
    """First day, month or year of the recording."""
    created_to: str = ""
    """Last day, month or year of the recording."""
    place: str = ""
    """Where the files are: blank, ``disk`` or ``tape``."""
    published: bool | None = None
    """Only what is public, or only what is not; None for both."""
    conditions: tuple[Condition, ...] = ()
    """Conditions on metadata; all have to hold."""
    type: tuple[str, ...] = ()
    """One of these types; likewise the next three."""
    keywords: tuple[str, ...] = ()
    owner_group: tuple[str, ...] = ()
    location: tuple[str, ...] = ()
    year: tuple[int, ...] = ()
    """One of these years of recording."""
    sort: str = "-created"
    """A key of the orders that the form offers."""

    @classmethod
    def read(
        cls, values: Mapping[str, str | bool], chosen: Mapping[str, Iterable[str]] | None = None
    ) -> tuple[CatalogueQuery, dict[str, str]]:
        """Return the query that a form and ticked values describe, and messages by field."""
        errors: dict[str, str] = {}
        texts = {name: str(value).strip() for name, value in values.items()}
        ticked = {name: tuple(found) for name, found in (chosen or {}).items()}
        query = cls(
            text=texts.get("text", ""),
            created_from=texts.get("created_from", ""),
            created_to=texts.get("created_to", ""),
            place=texts.get("place", ""),
            published={"yes": True, "no": False}.get(texts.get("published", "")),
            conditions=_conditions(texts.get("conditions", "")),
            sort=texts.get("sort", "") or "-created",
            year=tuple(sorted(int(year) for year in ticked.pop("year", ()))),
            **ticked,
        )
        for name, part in (
            ("created_from", replace(query, created_to="", conditions=(), text="")),
            ("created_to", replace(query, created_from="", conditions=(), text="")),
            ("conditions", replace(query, created_from="", created_to="", text="")),
            ("text", cls(text=query.text)),
        ):
            if problem := _problem(part, hint=name != "conditions"):  # those speak of Python
                errors.setdefault(name, problem)
        if not errors and (problem := _problem(query)):
            errors["created_to"] = problem
        return query, errors

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :func:`openem_nb.scicat.search` after the text.

        Raises
        ------
        InvalidInput
            If a condition cannot be read, or two of them are on the same name.
        """
        where: dict[str, Any] = {}
        for condition in self.conditions:
            if condition.name in where:
                raise InvalidInput(
                    f"{condition.name} is there twice.", hint="Use between for two ends."
                )
            where[condition.name] = condition.read()
        created = (self.created_from or None, self.created_to or None)
        if self.year and created == (None, None) and _is_one_span(self.year):
            created = (str(self.year[0]), str(self.year[-1]))
        elif self.year:
            where["$or"] = [_in_year(year) for year in self.year]
        found: dict[str, Any] = {
            name: value[0] if len(value) == 1 else list(value)
            for name in _FACETS
            if (value := getattr(self, name))
        }
        if created != (None, None):
            found["created"] = created
        if where:
            found["where"] = where
        if self.published is not None:
            found["published"] = self.published
        if self.place:
            found["on_disk" if self.place == "disk" else "retrievable"] = True
        return found

    def without(self, facet: str) -> CatalogueQuery:
        """Return the query without the ticked values of a property."""
        return replace(self, **{facet: ()})  # type: ignore[arg-type]  # a field that is a tuple

    def search(self, *, profile: str, rows: int, progress: Progress | None = None) -> SearchResult:
        """Return the first page of what is found."""
        return scicat.search(
            self.text,
            **self.arguments(),
            sort=self.sort,
            rows=rows,
            profile=profile,
            progress=progress,
        )

    def code(self, *, profile: str | None = None, page: int = 0) -> str:
        """Return Python that makes the table of a page, as ``results``."""
        given = self.arguments()
        if self.sort != "-created":
            given["sort"] = self.sort
        if profile is not None:
            given["profile"] = profile
        lines = [f"    {self.text!r},\n"] if self.text else []
        lines += [f"    {name}={value!r},\n" for name, value in given.items()]
        arguments = f"\n{''.join(lines)}" if lines else ""
        turn = f"for _ in range({page}):\n    results = results.next()\n" if page else ""
        return f"import openem_nb as openem\n\nresults = openem.search({arguments})\n{turn}"

    def to_dict(self) -> dict[str, Any]:
        """Return the query as JSON can hold it, without what is not asked."""
        return {name: value for name, value in asdict(self).items() if value not in ("", (), None)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CatalogueQuery:
        """Return the query that :meth:`to_dict` described.

        Raises
        ------
        InvalidInput
            If there is something in it that is no part of a query.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise InvalidInput(f"{', '.join(unknown)}: no part of a query.", hint=_known(known))
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list | tuple) else value
            for name, value in data.items()
        }
        try:
            values["conditions"] = tuple(Condition(**one) for one in data.get("conditions", ()))
        except TypeError as error:
            raise InvalidInput(f"A condition of the query cannot be read: {error}.") from error
        return cls(**values)

    def to_values(self) -> dict[str, str | bool]:
        """Return the values of the form's fields."""
        published = {True: "yes", False: "no", None: ""}[self.published]
        rows = [asdict(condition) for condition in self.conditions]
        return {
            "text": self.text,
            "created_from": self.created_from,
            "created_to": self.created_to,
            "place": self.place,
            "published": published,
            "conditions": json.dumps(rows, ensure_ascii=False, separators=(",", ":")),
            "sort": self.sort,
        }

    def to_chosen(self) -> dict[str, list[str]]:
        """Return the ticked values."""
        names = (*_FACETS, "year")
        return {name: list(map(str, value)) for name in names if (value := getattr(self, name))}


def form_fields() -> list[Field]:
    """Return the fields of the search form."""
    return [
        Field(
            "text",
            "Search for",
            placeholder='apoferritin "session 12"',
            help="Words in name, description, keywords, owner; all must be found.",
            wide=True,
        ),
        Field("created_from", "Recorded from", placeholder="2026-01", help="Day, month or year."),
        Field("created_to", "Recorded to", placeholder="2026-06-30"),
        Field("place", "Files are", kind="choice", choices=tuple(_PLACES.items())),
        Field("published", "Public", kind="choice", choices=tuple(_PUBLISHED.items())),
        Field("sort", "Order", kind="choice", value="-created", choices=tuple(_SORTS.items())),
        Field(
            "conditions",
            "Metadata",
            kind="conditions",
            value="[]",
            choices=tuple(COMPARISONS.items()),
            help="With a unit, values in any unit that measures the same are compared.",
            wide=True,
        ),
    ]


def _conditions(text: str) -> tuple[Condition, ...]:
    """Return the conditions of a form, without rows in which nothing was written."""
    found = []
    for row in json.loads(text or "[]"):
        texts = {name: str(row.get(name, "")).strip() for name in ("name", "value", "unit")}
        if any(texts.values()):
            found.append(Condition(comparison=str(row.get("comparison", "=")), **texts))
    return tuple(found)


def _problem(query: CatalogueQuery, *, hint: bool = True) -> str:
    """Return what is wrong with a query, empty if nothing is."""
    try:
        for condition in query.conditions:
            if not condition.name:
                return "Write the name of what is compared."
        scicat.check(query.text, **query.arguments())
    except OpenEMError as error:
        return f"{error} {error.hint if hint else ''}".strip()
    return ""


def _plain(text: str) -> str | float | int:
    """Return a number where a text is one, unless it stands in quotation marks."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        # "inf" and "nan" are words: nobody measures them
        return text if kind is float and not math.isfinite(number) else number
    return text


def _is_one_span(years: tuple[int, ...]) -> bool:
    return years[-1] - years[0] + 1 == len(years)


def _in_year(year: int) -> dict[str, Any]:
    first, last = date(year, 1, 1), date(year + 1, 1, 1)
    return {
        "creationTime": {
            "$gte": f"{first.isoformat()}T00:00:00.000Z",
            "$lt": f"{last.isoformat()}T00:00:00.000Z",
        }
    }


def _known(names: Iterable[str]) -> str:
    return f"Parts are {', '.join(sorted(names))}."
