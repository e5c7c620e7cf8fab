"""What was read of a session: the document, where each value comes from, and what is missing."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb import units
from openem_nb.errors import InvalidMetadata
from openem_nb.oscem._beside import beside
from openem_nb.oscem._document import series_of
from openem_nb.oscem._missing import Missing, missing
from openem_nb.oscem.check import Problem, validate
from openem_nb.oscem.document import get_at, is_quantity, join, set_at, split, without
from openem_nb.oscem.doubts import doubts
from openem_nb.oscem.fields import choose
from openem_nb.oscem.provenance import GIVEN, Provenance
from openem_nb.oscem.readers import Finding, label
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from openem_nb.oscem._compose import Composer
    from openem_nb.oscem._gather import Tilt
    from openem_nb.oscem.instruments import Instrument

__all__ = ["Extraction", "Missing", "made", "summary"]

_TECHNIQUE: Final = "acquisition.technique"


@dataclass(frozen=True, slots=True)
class Extraction:
    """A session as it was read. Made by :func:`openem_nb.extract`.

    Examples
    --------
    >>> found = openem.extract("/data/session")  # doctest: +SKIP
    >>> found.document["acquisition"]["pixel_size"]  # doctest: +SKIP
    {'value': 0.415, 'unit': 'Å', 'valueSI': 4.15e-11, 'unitSI': 'm'}
    >>> found.complete({"instrument.cs": "2.7 mm"}).write("session.json")  # doctest: +SKIP
    """

    folder: Path
    technique: str
    """Whose schema the document follows. The document names it only where a file or a person does;
    of a folder without metadata it is ``general``, the one that asks for least."""
    document: dict[str, Any] = field(repr=False)
    """OSC-EM, with true values only; it may lack what has to be there, see ``missing``."""
    provenance: Mapping[str, Provenance] = field(repr=False)
    """Where each value comes from, by its path."""
    findings: tuple[Finding, ...] = field(repr=False)
    """What a person should know, the gravest first."""
    missing: tuple[Missing, ...] = field(repr=False)
    """What has to be there and no file says."""
    problems: tuple[Problem, ...] = field(repr=False)
    """Everything in which the document is not valid; empty if it can be written."""
    files: Mapping[str, Mapping[str, int]]
    """How many readings there were of each kind, by their source."""
    others: Mapping[str, int] = field(repr=False)
    """Files that no reader knows, by the ending of their names."""
    seconds: float
    """How long it took."""
    beside: Mapping[str, Provenance] = field(default_factory=dict, repr=False)
    """What files say and OSC-EM has no place for, by name: ``serial``, ``session_name``,
    ``software_version``, ``dose_per_pixel`` in electrons, ``stage_tilt``, ``time_last``, ..."""
    instrument: Instrument | None = field(default=None, repr=False)
    """What the facility says of the microscope, None where it says nothing."""
    _tilts: tuple[Tilt, ...] = field(default=(), repr=False)
    _waiting: Mapping[str, tuple[Any, Provenance]] = field(default_factory=dict, repr=False)
    _needed: Mapping[str, str] = field(default_factory=dict, repr=False)
    _si: bool = field(default=True, repr=False)

    def complete(self, values: Mapping[str, Any]) -> Extraction:
        """Return the extraction with values that a person gives; this one stays as it is.

        Parameters
        ----------
        values :
            By path. Text is read as the schema wants it there: ``"2.7 mm"`` for a quantity,
            ``"yes"`` for a truth. ``acquisition.technique`` changes the schema.

        Raises
        ------
        InvalidInput
            If the schema has no such path, or the text is not what belongs there.
        """
        from openem_nb.oscem.answers import field_of, read_answer

        technique = self.technique
        if (other := values.get(_TECHNIQUE)) is not None:
            technique = choose(other)
        document = copy.deepcopy(self.document)
        provenance = dict(self.provenance)
        for path, value in values.items():
            if isinstance(value, str):
                value = read_answer(path, value, technique=technique)
            else:
                field_of(path, technique=technique)
            if self._si and is_quantity(value) and units.is_known(value["unit"]):
                value = units.quantity(value["value"], value["unit"], si=True)
            set_at(document, path, value)
            provenance[path] = _given(path, value)
        waiting = dict(self._waiting)
        for path, (value, origin) in self._waiting.items():
            if get_at(document, path) is not None:
                del waiting[path]
                continue
            with_it = copy.deepcopy(document)
            set_at(with_it, path, value)
            if len(validate(with_it, technique=technique)) <= len(
                validate(document, technique=technique)
            ) and _anchored(document, path):
                document = with_it
                provenance[path] = origin
                del waiting[path]
        return replace(
            self,
            technique=technique,
            document=document,
            provenance=provenance,
            missing=missing(document, technique, self._needed),
            problems=validate(document, technique=technique),
            _waiting=waiting,
        )

    def without(self, *paths: str) -> Extraction:
        """Return the extraction without some values; this one stays as it is.

        Of an object or a list that held nothing else, nothing stays.

        Raises
        ------
        InvalidInput
            If the document has no such path.
        """
        document, provenance = self.document, dict(self.provenance)
        for path in paths:
            document, gone = without(document, path)
            provenance = dict(_left(provenance, split(gone)))
        return replace(
            self,
            document=copy.deepcopy(document),
            provenance=provenance,
            missing=missing(document, self.technique, self._needed),
            problems=validate(document, technique=self.technique),
        )

    def __str__(self) -> str:
        """Return what was read in one line."""
        return summary(self)

    def table(self) -> pd.DataFrame:
        """Return one row for each value: path, value, unit, source, file, tag, rule, agreement.

        Numbers are numbers there, in the unit beside them.
        """
        import pandas as pd

        rows = [
            {**asdict(one), "value": _bare(get_at(self.document, one.path, one.value))}
            for one in self.provenance.values()
        ]
        frame = pd.DataFrame(rows, columns=[*Provenance.__dataclass_fields__])
        return frame.assign(others=frame["others"].map(", ".join))

    def tilts(self) -> pd.DataFrame:
        """Return one row for each exposure of each tilt series, in the order of exposure.

        Columns: ``series`` (its file), ``exposure_number`` from 1, ``angle`` in degrees, ``time``,
        ``dose`` and ``accumulated_dose`` (with this exposure) in e/Å², ``prior_dose`` as the file
        says it, ``defocus`` in nm, ``exposure_time`` in s, ``movie``. What no file says is empty.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for name, found in series_of(list(self._tilts)).items():
            total: float | None = 0.0
            for number, tilt in enumerate(found, start=1):
                total = None if total is None or tilt.dose is None else total + tilt.dose
                rows.append(
                    {
                        "series": name,
                        "exposure_number": number,
                        "angle": tilt.angle,
                        "time": tilt.time,
                        "dose": tilt.dose,
                        "accumulated_dose": total,
                        "prior_dose": tilt.prior_dose,
                        "defocus": tilt.defocus,
                        "exposure_time": tilt.exposure,
                        "movie": tilt.movie,
                    }
                )
        return pd.DataFrame(rows, columns=_TILT_COLUMNS)

    def write(self, path: Path | str) -> Path:
        """Write the document as JSON, if it is whole.

        Raises
        ------
        InvalidMetadata
            If something is missing or wrong; the message lists it.
        CannotWrite
            If the file cannot be written.
        """
        from openem_nb.oscem.files import write

        needed = [one for one in self.missing if one.required]
        if needed:
            listed = "\n".join(f"- {one.path}: {one.description}" for one in needed)
            raise InvalidMetadata(
                f"The document lacks what OSC-EM asks for:\n{listed}",
                problems=self.problems,
                hint="Give these values with complete({path: value}), or write an instrument file."
                " write_draft() keeps what is there.",
            )
        target = Path(path).expanduser()
        write(self.document, target)
        return target

    def write_draft(self, path: Path | str) -> Path:
        """Write what is there and what is missing, to be completed later; always possible."""
        from openem_nb.oscem.drafts import write_draft

        return write_draft(
            self.document,
            path,
            technique=self.technique,
            missing=self.missing,
            provenance=self.provenance,
            findings=self.findings,
        )

    def _repr_html_(self) -> str:
        from openem_nb.oscem._extraction_html import html_of

        return html_of(self)


_TILT_COLUMNS = [
    *("series", "exposure_number", "angle", "time", "dose", "accumulated_dose", "prior_dose"),
    *("defocus", "exposure_time", "movie"),
]


def made(
    *,
    folder: Path,
    technique: str,
    composer: Composer,
    others: Mapping[str, int],
    seconds: float,
    instrument: Instrument | None,
) -> Extraction:
    """Return the extraction of what was composed."""
    gathered, document = composer.gathered, composer.document
    for doubt in doubts(document, technique=technique):
        hint = "Look whether the files say this, and give the right value yourself if need be."
        gathered.findings.add(Finding("doubt", doubt.message, hint))
    files: dict[str, dict[str, int]] = {}
    for (source, kind), group in sorted(gathered.groups.items()):
        if group.count:
            files.setdefault(source, {})[kind] = group.count
    return Extraction(
        folder=folder,
        technique=technique,
        document=document,
        provenance=composer.provenance,
        findings=gathered.findings.all(),
        missing=missing(document, technique, composer.needed),
        problems=validate(document, technique=technique),
        files=files,
        others=others,
        seconds=seconds,
        beside=beside(composer),
        instrument=instrument,
        _tilts=tuple(gathered.tilts),
        _waiting=composer.waiting,
        _needed=composer.needed,
        _si=composer.si,
    )


def summary(found: Extraction) -> str:
    """Return in one line what was read: files by kind, values, what is missing, findings."""
    files = ", ".join(
        f"{count:,} {label(source)} ({kind})"
        for source, kinds in found.files.items()
        for kind, count in kinds.items()
    )
    required = sum(one.required for one in found.missing)
    levels = [one.level for one in found.findings]
    told = [
        counted(levels.count(level), word)
        for level, word in (("error", "error"), ("warning", "warning"), ("info", "note"))
        if level in levels
    ]
    if not found.problems:
        state = "valid"
    elif required:
        state = f"{counted(required, 'value')} missing"
    else:
        state = counted(len(found.problems), "problem")
    parts = [f"{found.technique}, {files or 'no files'}", counted(len(found.provenance), "value")]
    parts += [state, *([", ".join(told)] if told else [])]
    return f"{found.folder.name}: {'; '.join(parts)}; {found.seconds:.1f} s"


def _left(
    provenance: Mapping[str, Provenance], gone: tuple[str | int, ...]
) -> Iterator[tuple[str, Provenance]]:
    """Yield the origins of what stays; later members of a list have moved up by one."""
    *above, last = gone
    depth = len(above)
    for path, origin in provenance.items():
        parts = split(path)
        here = parts[depth] if len(parts) > depth and list(parts[:depth]) == above else None
        if here is None:
            yield path, origin
        elif isinstance(last, int) and isinstance(here, int) and here > last:
            moved = join((*above, here - 1, *parts[depth + 1 :]))
            yield moved, replace(origin, path=moved)
        elif here != last:
            yield path, origin


def _bare(value: Any) -> Any:
    if is_quantity(value):
        return value["value"]
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _given(path: str, value: Any) -> Provenance:
    if is_quantity(value):
        return Provenance(path, f"{value['value']}", GIVEN, unit=str(value["unit"]))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Provenance(path, text, GIVEN)


def _anchored(document: dict[str, Any], path: str) -> bool:
    """Return whether the object that a value waits for has been begun."""
    top = path.split(".")[0]
    if top == "sample":
        return "sample" in document
    return get_at(document, path.rpartition(".")[0]) is not None
