"""Which parameters that the repositories ask for are there, from which file, and who has the rest.

The table is computed: from the dictionary's mandatory codes, the mapping between OSC-EM and
PDBx/mmCIF, what EMPIAR demands of an image set, and what each reader can supply.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb import oscem
from openem_nb._texts import one_line
from openem_nb.errors import InvalidInput
from openem_nb.mmcif._beside import BESIDE
from openem_nb.mmcif._collect import found
from openem_nb.mmcif._facility import SAYS
from openem_nb.mmcif._requirements import FORMATS, Parameter, parameters, supplied_by
from openem_nb.mmcif.write import to_mmcif

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.figure import Figure

    from openem_nb.mmcif.deposition import Deposition
    from openem_nb.oscem import Extraction
    from openem_nb.oscem.instruments import Instrument, Instruments

__all__ = ["Coverage", "Covered", "coverage"]

_MICROSCOPE: Final = "microscope file"
_LEFT: Final = 'style="text-align:left"'
"""Notebooks put what is in cells to the right."""


@dataclass(frozen=True, slots=True)
class Covered:
    """One parameter, and what is known of it."""

    parameter: Parameter
    formats: frozenset[str]
    """Formats whose readers can give it."""
    there: bool | None = None
    """Whether it is there; None where no session and no document was given."""
    value: str = ""
    source: str = ""
    """Where it comes from: file and tag, instrument file, a person, or what it follows from."""
    who: str = ""
    """Who can supply it, if it is not there."""
    why: str = ""
    """Why a value that is there is not taken."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The table of the repositories' requirements."""

    technique: str
    rows: tuple[Covered, ...] = field(repr=False)
    name: str = ""
    """Folder of the session; empty for a document, or the formats alone."""

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each parameter; the last columns say which format can supply it."""
        import pandas as pd

        rows = [
            {
                "parameter": one.parameter.name,
                "path": one.parameter.path,
                "item": one.parameter.item,
                "emdb": one.parameter.emdb,
                "empiar": one.parameter.empiar,
                "there": one.there,
                "value": one.value,
                "source": one.source,
                "who": one.who,
                "why": one.why,
                **{label: name in one.formats for name, label in FORMATS.items()},
            }
            for one in self.rows
        ]
        return pd.DataFrame(rows).astype({"there": "boolean"})

    @property
    def mandatory(self) -> tuple[Covered, ...]:
        """The parameters that a repository insists on."""
        return tuple(
            one for one in self.rows if "mandatory" in (one.parameter.emdb, one.parameter.empiar)
        )

    @property
    def summary(self) -> str:
        """What the table says, in a few lines."""
        if all(one.there is None for one in self.rows):
            lines = [f"{len(self.rows)} parameters, {len(self.mandatory)} mandatory; supplied by"]
            for name, label in FORMATS.items():
                count = sum(name in one.formats for one in self.rows)
                needed = sum(name in one.formats for one in self.mandatory)
                lines.append(f"  {label}: {count}, of which {needed} mandatory")
            return "\n".join(lines)
        there = sum(one.there is True for one in self.rows)
        needed = sum(one.there is True for one in self.mandatory)
        head = f"{there} of {len(self.rows)} parameters are there, "
        lines = [f"{head}{needed} of {len(self.mandatory)} mandatory ones."]
        open_ones: dict[str, list[str]] = {}
        for one in self.mandatory:
            if not one.there:
                open_ones.setdefault(one.who, []).append(one.parameter.name)
        lines += [f"  {who}: {', '.join(names)}" for who, names in open_ones.items()]
        return "\n".join(lines)

    def figure(self) -> Figure:
        """Return a picture: parameters as rows, formats as columns, the session before them."""
        from openem_nb.mmcif._coverage_picture import draw

        return draw(self)

    def __str__(self) -> str:
        return self.summary

    def _repr_html_(self) -> str:
        """Show the table; a mark and a word in each cell, never a colour alone."""
        session = any(one.there is not None for one in self.rows)
        columns = ["parameter", "OSC-EM", "PDBx/mmCIF", "EMDB", "EMPIAR"]
        if session:
            columns += ["there", "value", "from, or who has it"]
        columns += FORMATS.values()
        head = "".join(f'<th scope="col" {_LEFT}>{html.escape(name)}</th>' for name in columns)
        body = "".join(f"<tr>{_cells(one, session=session)}</tr>" for one in self.rows)
        text = "<br>".join(html.escape(line) for line in self.summary.splitlines())
        return f"<p>{text}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(one: Covered, *, session: bool) -> str:
    asked = one.parameter
    cells = [asked.path, asked.item, asked.emdb, asked.empiar]
    if session:
        cells += ["yes" if one.there else "no", one.value, one.source or one.why or one.who]
    cells += ["yes" if name in one.formats else "" for name in FORMATS]
    rest = "".join(f"<td {_LEFT}>{html.escape(one_line(cell))}</td>" for cell in cells)
    return f'<th scope="row" {_LEFT}>{html.escape(asked.name)}</th>{rest}'


def coverage(
    of: Extraction | Mapping[str, Any] | Path | str | None = None,
    *,
    technique: str | None = None,
    instruments: Instruments | Instrument | Path | str | None = None,
) -> Coverage:
    """Return the table of the repositories' requirements.

    Parameters
    ----------
    of :
        A session's folder, which is extracted; an extraction; an OSC-EM document; or None for what
        each format can supply, whatever the session.
    technique :
        ``spa``, ``subtomo``, ``env_tomo`` or ``cellular_tomo``; by default that of the session, and
        ``spa`` without one.
    instruments :
        What the facility says of its microscopes, as for :func:`openem_nb.extract`; by default what
        the extraction was made with, or all files in the configuration folder.

    Raises
    ------
    NotFound, InvalidInput
        If there is no such folder or technique, or it is no document.

    Examples
    --------
    >>> print(coverage().summary)  # doctest: +SKIP
    >>> coverage("/data/session").frame.query("emdb == 'mandatory' and not there")  # doctest: +SKIP
    """
    if technique is not None and technique not in oscem.TECHNIQUES:
        raise InvalidInput(
            f"There is no technique {technique!r}.", hint=f"Known: {', '.join(oscem.TECHNIQUES)}."
        )
    if of is None:
        chosen = technique or "spa"
        rows = [Covered(one, supplied_by(one), who=_who(one, None)) for one in parameters(chosen)]
        return Coverage(chosen, tuple(rows))
    if isinstance(of, str | Path):
        of = oscem.extract(of, technique=technique, instruments=instruments)
    provenance: Mapping[str, Any] = {}
    beside: Mapping[str, Any] = {}
    formats, name = None, ""
    if isinstance(of, oscem.Extraction):
        document, provenance, beside = of.document, of.provenance, of.beside
        instruments = of.instrument if instruments is None else instruments
        formats, name = frozenset(of.files), of.folder.name
    elif isinstance(of, dict):
        document = of
    else:
        raise InvalidInput(
            f"Coverage cannot be told of {type(of).__name__}.",
            hint="Give a folder, an extraction or a document.",
        )
    chosen = technique or oscem.technique_of(document)
    written = None
    if isinstance(document.get("acquisition"), dict):
        written = to_mmcif(document, instruments=instruments)
    rows = [_covered(one, document, provenance, written, formats) for one in parameters(chosen)]
    return Coverage(chosen, tuple(_with_beside(one, beside) for one in rows), name)


def _with_beside(row: Covered, beside: Mapping[str, Any]) -> Covered:
    """Return a row with what a file says and OSC-EM has no place for."""
    origin = beside.get(BESIDE.get(row.parameter.item, ""))
    if row.there or origin is None or origin.others:
        return row
    value = f"{origin.value} {origin.unit}".strip()
    source = f"{_source(beside, origin.path)}; OSC-EM has no place for it"
    return replace(row, there=True, value=value, source=source, who="", why="")


def _who(parameter: Parameter, formats: frozenset[str] | None) -> str:
    """Return who can supply a parameter: a file of these formats (of any, if None), or a person."""
    able = supplied_by(parameter)
    if able and (formats is None or able & formats):
        return _MICROSCOPE
    return parameter.who


def _covered(
    parameter: Parameter,
    document: Mapping[str, Any],
    provenance: Mapping[str, Any],
    written: Deposition | None,
    formats: frozenset[str] | None,
) -> Covered:
    able = supplied_by(parameter)
    entries = [one for one in written.entries if one.item == parameter.item] if written else []
    if parameter.item and entries:
        source = _source(provenance, entries[0].path)
        if entries[0].note.startswith(SAYS) or not source:
            source = entries[0].note or "the document"
        said = dict.fromkeys(f"{one.value} {_unit(one.unit_to)}".strip() for one in entries)
        return Covered(parameter, able, there=True, value="; ".join(said), source=source)
    places = list(found(document, parameter.path)) if parameter.path else []
    if places and not parameter.item:
        path, _, value = places[0]
        source = _source(provenance, path) or "the document"
        return Covered(parameter, able, there=True, value=_shown(value), source=source)
    if not parameter.path and not parameter.item and formats and able & formats:
        names = ", ".join(FORMATS[name] for name in sorted(able & formats))
        return Covered(parameter, able, there=True, value=names, source="the image files")
    who = _who(parameter, formats)
    if formats is not None and who == _MICROSCOPE:  # it could be in such a file, and is not
        who = parameter.who
    refused = [
        one
        for one in (written.left_out if written else ())
        if (one.item == parameter.item if one.item else places and one.path == places[0][0])
    ]
    return Covered(parameter, able, there=False, who=who, why=refused[0].reason if refused else "")


def _unit(name: str) -> str:
    from openem_nb import units

    return units.find(name).symbol if name else ""


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "value" in value:
        return f"{value['value']} {value.get('unit', '')}".strip()
    return str(value)


def _source(provenance: Mapping[str, Any], path: str) -> str:
    """Return file and tag of a value, or of what it is a part of."""
    while path:
        origin = provenance.get(path)
        if origin is not None:
            parts = [origin.source, origin.file, origin.tag]
            return ", ".join(dict.fromkeys(part for part in parts if part))
        path = path.rpartition(".")[0]
    return ""
