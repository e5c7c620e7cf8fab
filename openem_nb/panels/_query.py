"""What a person asks an archive for, and the Python that asks the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

from openem_nb import emdb, empiar
from openem_nb.errors import InvalidInput
from openem_nb.panels.form import Field, Values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.values import SearchResult

__all__ = ["METHODS", "ORDERS", "RepositoryQuery", "form_fields"]

Repository = Literal["EMDB", "EMPIAR"]

METHODS: Final = {
    "singleParticle": "Single particle",
    "subtomogramAveraging": "Subtomogram averaging",
    "tomography": "Tomography",
    "helical": "Helical reconstruction",
    "electronCrystallography": "Electron crystallography",
}
ORDERS: Final = {
    "found": "As found",
    "newest": "Newest release first",
    "resolution": "Best resolution first",
}
_RAW_DATA: Final = {"": "With or without", "yes": "With raw data", "no": "Without raw data"}
_SORT: Final = {"newest": ("map_release_date", False), "resolution": ("resolution", True)}


@dataclass(frozen=True, slots=True)
class RepositoryQuery:
    """One question to EMDB or EMPIAR.

    EMPIAR can be asked by free text only; the other fields do not count there.
    """

    repository: Repository = "EMDB"
    """Which archive."""
    text: str = ""
    """Words, a "phrase", or a query in the archive's own language."""
    resolution_from: float | None = None
    """Best resolution wanted, in angstrom."""
    resolution_to: float | None = None
    """Worst resolution wanted, in angstrom."""
    organism: str = ""
    """Name of the organism the sample is from."""
    method: str = ""
    """A key of METHODS."""
    funder: str = ""
    """Name of a funding body."""
    microscope: str = ""
    """Model of the microscope."""
    author: str = ""
    """Name of an author."""
    year_from: int | None = None
    """First year of deposition."""
    year_to: int | None = None
    """Last year of deposition."""
    raw_data: bool | None = None
    """Whether raw data must (or must not) be in EMPIAR."""
    order: str = "found"
    """A key of ORDERS."""

    @classmethod
    def read(cls, values: Mapping[str, str | bool]) -> tuple[RepositoryQuery, dict[str, str]]:
        """Return the query that a form holds, and a message for each field that cannot be read."""
        errors: dict[str, str] = {}
        found: dict[str, Any] = {}
        for field in fields(cls):
            text = str(values.get(field.name, "")).strip()
            try:
                found[field.name] = _READERS.get(field.name, str)(text)
            except ValueError as error:
                errors[field.name] = str(error)
        query = cls(**{name: value for name, value in found.items() if value is not None})
        _check_order(query.resolution_from, query.resolution_to, "resolution_to", errors)
        _check_order(query.year_from, query.year_to, "year_to", errors)
        return query, errors

    def to_values(self) -> Values:
        """Return the query as a form holds it."""
        raw = {None: "", True: "yes", False: "no"}[self.raw_data]
        numbers = ("resolution_from", "resolution_to", "year_from", "year_to")
        values: Values = {name: _number_text(getattr(self, name)) for name in numbers}
        for field in fields(self):
            if field.name not in (*numbers, "raw_data"):
                values[field.name] = getattr(self, field.name)
        return {**values, "raw_data": raw}

    def to_dict(self) -> dict[str, Any]:
        """Return the query as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RepositoryQuery:
        """Return the query that :meth:`to_dict` made.

        Raises
        ------
        InvalidInput
            If something else is given; the message names it.
        """
        unknown = set(data) - {field.name for field in fields(cls)}
        if unknown:
            raise InvalidInput(f"A query has no {', '.join(sorted(unknown))}.")
        given = cls(**data)
        query, errors = cls.read(given.to_values())
        if errors:
            raise InvalidInput("; ".join(f"{name}: {text}" for name, text in errors.items()))
        return query

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :func:`openem_nb.emdb.query` that are not empty."""
        found: dict[str, Any] = {"text": self.text}
        if (self.resolution_from, self.resolution_to) != (None, None):
            found["resolution"] = (self.resolution_from, self.resolution_to)
        for name in ("organism", "method", "funder", "microscope", "author"):
            found[name] = getattr(self, name)
        if (self.year_from, self.year_to) != (None, None):
            found["deposited"] = (self.year_from, self.year_to)
        found["raw_data"] = self.raw_data
        return {name: value for name, value in found.items() if value not in ("", None)}

    def lucene(self) -> str:
        """Return the query in the archive's language, as it is sent.

        Raises
        ------
        InvalidInput
            If nothing is asked, or if the text is not valid in that language.
        """
        if self.repository == "EMPIAR":
            return self.text or "*"
        return emdb.query(**self.arguments())

    def search(self, progress: Any) -> SearchResult:
        """Ask the archive and return all hits as it orders them."""
        if self.repository == "EMPIAR":
            return empiar.search(self.lucene(), progress=progress)
        return emdb.search(self.lucene(), progress=progress)

    def sort(self, frame: SearchResult) -> Any:
        """Return the hits in the order asked for; rows without a value come last."""
        column, ascending = _SORT.get(self.order, ("", True))
        if column not in frame:
            return frame
        return frame.sort_values(column, ascending=ascending, kind="stable", na_position="last")

    def code(self) -> str:
        """Return Python that makes the same table, as ``results``."""
        if self.repository == "EMPIAR":
            return f"from openem_nb import empiar\n\nresults = empiar.search({self.lucene()!r})\n"
        arguments = "".join(f"    {name}={value!r},\n" for name, value in self.arguments().items())
        call = f"emdb.query(\n{arguments})" if arguments else "emdb.query()"
        lines = f"from openem_nb import emdb\n\nquery = {call}\nresults = emdb.search(query)\n"
        if self.order not in _SORT:
            return lines
        column, ascending = _SORT[self.order]
        how = f'ascending={ascending}, kind="stable", na_position="last"'
        return f'{lines}results = results.sort_values("{column}", {how})\n'


def form_fields(repository: Repository) -> list[Field]:
    """Return the fields of the search form for an archive."""
    archives = (("EMDB", "EMDB (maps)"), ("EMPIAR", "EMPIAR (raw images)"))
    text_help = 'Words, a "phrase", or field:value as in the archive\'s own search.'
    found = [
        Field("repository", "Repository", kind="choice", value=repository, choices=archives),
        Field("text", "Search for", placeholder="apoferritin", help=text_help, wide=True),
    ]
    if repository == "EMPIAR":
        return found
    return [
        *found,
        Field("resolution_from", "Resolution from (Å)", kind="number", placeholder="1.2"),
        Field("resolution_to", "Resolution to (Å)", kind="number", placeholder="3.5"),
        Field("organism", "Organism", placeholder="Homo sapiens"),
        Field("method", "Method", kind="choice", choices=(("", "Any"), *METHODS.items())),
        Field("microscope", "Microscope", placeholder="FEI TITAN KRIOS"),
        Field("author", "Author", placeholder="Name"),
        Field("funder", "Funder", help="Found as words anywhere in the entry."),
        Field("raw_data", "Raw data in EMPIAR", kind="choice", choices=tuple(_RAW_DATA.items())),
        Field("year_from", "Deposited from year", kind="number", placeholder="2019"),
        Field("year_to", "Deposited to year", kind="number", placeholder="2026"),
        Field("order", "Order", kind="choice", value="found", choices=tuple(ORDERS.items())),
    ]


def _check_order(low: float | None, high: float | None, name: str, errors: dict[str, str]) -> None:
    if low is not None and high is not None and low > high:
        errors[name] = "This is below the beginning of the range."


def _number_text(value: float | None) -> str:
    return "" if value is None else repr(value)


def _resolution(text: str) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        value = 0.0
    if value is not None and not 0 < value < 1000:
        raise ValueError("Write a number in angstrom, such as 3.5.")
    return value


def _year(text: str) -> int | None:
    if text and not (text.isascii() and text.isdecimal() and 1990 <= int(text) <= 2100):
        raise ValueError("Write a year, such as 2019.")
    return int(text) if text else None


def _choice(allowed: Mapping[str, Any], default: str) -> Any:
    def read(text: str) -> str:
        if text and text not in allowed:
            raise ValueError(f"Choose one of {', '.join(filter(None, allowed))}.")
        return text or default

    return read


def _raw_data(text: str) -> bool | None:
    _choice(_RAW_DATA, "")(text)
    return {"": None, "yes": True, "no": False}[text]


_READERS: Final[dict[str, Any]] = {
    "repository": _choice({"EMDB": "", "EMPIAR": ""}, "EMDB"),
    "resolution_from": _resolution,
    "resolution_to": _resolution,
    "year_from": _year,
    "year_to": _year,
    "method": _choice(METHODS, ""),
    "raw_data": _raw_data,
    "order": _choice(ORDERS, "found"),
}
