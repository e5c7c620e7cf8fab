"""A document as rows of PDBx/mmCIF categories: what is known, what is refused, what has no item."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from openem_nb import oscem
from openem_nb.mmcif._convert import Text, to_text
from openem_nb.mmcif._mapping import MAPPING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openem_nb.mmcif._dictionary import Dictionary
    from openem_nb.mmcif._mapping import Row

__all__ = ["Collected", "Entry", "LeftOut", "collect", "found"]

_METHODS: Final = {
    "spa": "SINGLE PARTICLE",
    "subtomo": "SUBTOMOGRAM AVERAGING",
    "env_tomo": "TOMOGRAPHY",
    "cellular_tomo": "TOMOGRAPHY",
}
_CELLS: Final = ("env_tomo", "cellular_tomo")

# A field that says whether what stands beside it was in use at all.
_SWITCHES: Final = (
    ("acquisition.energy_filter.", "acquisition.energy_filter.used", "the filter was not in use"),
    *(
        (f"acquisition.specialist_optics.{name}.", f"acquisition.specialist_optics.{name}.used", "")
        for name in (
            *("phaseplate", "spherical_aberration_corrector"),
            "chromatic_aberration_corrector",
        )
    ),
    ("sample.grid.film_", "sample.grid.film_support", "there was no support film"),
    ("sample.specimen.vitrification_cryogen", "sample.specimen.vitrification", ""),
    ("sample.specimen.humidity", "sample.specimen.vitrification", ""),
    ("sample.specimen.temperature", "sample.specimen.vitrification", ""),
)
_SAID: Final = frozenset({path for _, path, _ in _SWITCHES} | {"acquisition.technique"})
"""Fields without an item of their own whose meaning is kept: by what is written and what is not."""
_MOLECULE: Final = "sample.molecule"
_NO_ITEM: Final = "PDBx/mmCIF has no item for it"


@dataclass(frozen=True, slots=True)
class Entry:
    """One value that was written."""

    path: str
    """Where it stands in the document; empty for what follows from the technique or an answer."""
    item: str
    row: int
    """Number of the row in its category, from 1."""
    value: str
    unit: str = ""
    unit_to: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A value that is not in the file, with the reason."""

    path: str
    value: Any
    reason: str
    item: str = ""
    """The item that could not say it; empty where there is none."""
    row: int = 1
    ask: bool = False
    """Whether a person could give it in a form that fits."""

    @property
    def without_item(self) -> bool:
        """Whether PDBx/mmCIF has nothing that means the same; nobody can change that."""
        return self.reason == _NO_ITEM


@dataclass(slots=True)
class Collected:
    """What a document says, by category and row."""

    technique: str
    rows: dict[str, dict[int, dict[str, str]]] = field(default_factory=dict)
    """Category, number of the row in the document, item: its text."""
    entries: list[Entry] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def put(self, item: str, text: Text, *, path: str = "", row: int = 1) -> None:
        """Write one value."""
        category = item[1:].partition(".")[0]
        self.rows.setdefault(category, {}).setdefault(row, {})[item] = text.value
        self.entries.append(Entry(path, item, row, text.value, text.unit, text.unit_to, text.note))

    def value(self, item: str, row: int = 1) -> str | None:
        """Return what a row says, None if it says nothing."""
        return self.rows.get(item[1:].partition(".")[0], {}).get(row, {}).get(item)


def found(document: Mapping[str, Any], path: str) -> Iterator[tuple[str, int, Any]]:
    """Yield path, number from 1 and value for each place that a path of the table names."""
    before, bracket, after = path.partition("[")
    if not bracket:
        value = oscem.get_at(document, path)
        if not _is_blank(value):
            yield path, 1, value
        return
    members = oscem.get_at(document, before)
    which, _, rest = after.partition("]")
    if not isinstance(members, list):
        return
    places = _final(members) if which == "final" else range(len(members))
    for place in places:
        exact = f"{before}[{place}]{rest}"
        value = oscem.get_at(document, exact)
        if not _is_blank(value):
            yield exact, 1 if which else place + 1, value


def _is_blank(value: Any) -> bool:
    """Return whether a value says nothing."""
    return value in (None, [], {}) or (isinstance(value, str) and not value.strip())


def _final(volumes: list[Any]) -> list[int]:
    """Return the place of the one volume that is called final, or nothing."""
    final = [
        place
        for place, one in enumerate(volumes)
        if isinstance(one, dict) and "final" in str(one.get("volume_type", "")).lower()
    ]
    return final if len(final) == 1 else []


def collect(document: Mapping[str, Any], technique: str, dictionary: Dictionary) -> Collected:
    """Return what ``document`` says in the items of ``dictionary``."""
    made = Collected(technique)
    covered: set[str] = set()
    for row in MAPPING:
        for path, number, value in found(document, row.path):
            if row.techniques and technique not in row.techniques:
                continue
            reason = _switched_off(document, path) or _elsewhere(document, row, number)
            if reason is not None:
                if reason:
                    covered.add(path)
                    made.left_out.append(LeftOut(path, value, reason))
                continue
            covered.add(path)
            _write(made, dictionary, row, path, _row_number(document, row, number), value)
    _one_flag(document, made)
    _first_of_several(made)
    _same_organisms(made)
    _derive(document, made)
    _without_item(document, made, covered)
    return made


def _without_item(document: Mapping[str, Any], made: Collected, covered: set[str]) -> None:
    """Report what no row of the table speaks of; a list of plain values counts once."""
    covered = covered | {one.path for one in made.entries}
    finals = {one.path.rpartition(".")[0] for one in made.entries if ".volumes[" in one.path}
    covered |= {f"{volume}.volume_type" for volume in finals}  # it chose the volume
    reported: dict[str, list[Any]] = {}
    for path, value in oscem.paths(document):
        if path in covered or path in _SAID or _is_blank(value):
            continue
        whole = path[: path.rindex("[")] if path.endswith("]") else path
        reported.setdefault(whole, []).append(value)
    for path, values in reported.items():
        value = values[0] if len(values) == 1 else values
        made.left_out.append(LeftOut(path, value, _NO_ITEM))


def _write(
    made: Collected, dictionary: Dictionary, row: Row, path: str, number: int, value: Any
) -> None:
    if row.kind == "flag" and made.value(row.item) == "Y":
        return
    text = to_text(value, row, dictionary[row.item])
    if isinstance(text, Text):
        made.put(row.item, text, path=path, row=number)
        if row.item == "_pdbx_chem_comp_depositor_info.descriptor":
            kind = "_pdbx_chem_comp_depositor_info.descriptor_type"
            made.put(kind, Text("SMILES"), path=path, row=number)
    elif row.kind not in ("serial", "version"):
        made.left_out.append(LeftOut(path, value, text.reason, row.item, number, text.ask))


def _switched_off(document: Mapping[str, Any], path: str) -> str | None:
    for start, switch, reason in _SWITCHES:
        if path.startswith(start) and path != switch and oscem.get_at(document, switch) is False:
            return reason or f"{switch} is false"
    return None


def _elsewhere(document: Mapping[str, Any], row: Row, number: int) -> str | None:
    """Return why this row of the table does not hold for a molecule; empty if another one does."""
    if not row.path.startswith(_MOLECULE) or row.category not in (
        *("entity_src_gen", "entity_src_nat"),
        "em_entity_assembly_recombinant",
    ):
        return None
    made_in = oscem.get_at(document, f"{_MOLECULE}[{number - 1}].expression_system")
    if (row.category == "entity_src_nat") is bool(made_in):
        if row.path.endswith("gene_name"):
            return "without an expression system there is no item for a gene"
        if row.path.endswith("taxonomy_id_expression"):
            return "there is no expression system that it could belong to"
        return ""
    return None


def _row_number(document: Mapping[str, Any], row: Row, number: int) -> int:
    """Return the row of the category: grants and funders share rows where there are as many."""
    if row.item == "_pdbx_audit_support.funding_organization":
        grants = oscem.get_at(document, "organizational.grants")
        funders = oscem.get_at(document, "organizational.funder")
        count = len(grants) if isinstance(grants, list) else 0
        if count != len(funders):
            return number + count
    return number if row.kind != "flag" else 1


def _one_flag(document: Mapping[str, Any], made: Collected) -> None:
    """Report ligands whose own flag is not what the one flag of an entry says."""
    flag = made.value("_pdbx_entry_details.has_ligand_of_interest")
    for path, _, value in found(document, "sample.ligands[].present"):
        if flag == "Y" and value is False:
            made.left_out.append(LeftOut(path, value, "an entry has one flag for all ligands"))


def _first_of_several(made: Collected) -> None:
    """Say that what holds for the acquisition was taken for the first of several detectors."""
    count = len(made.rows.get("em_image_recording", {}))
    for place, one in enumerate(made.entries):
        of_all = one.item.startswith("_em_image_recording.") and "detectors[" not in one.path
        if of_all and count > 1:
            made.entries[place] = replace(one, note=f"taken for the first of {count} detectors")


def _same_organisms(made: Collected) -> None:
    """Name each organism once: the sources of an assembly are a list, not one for each molecule."""
    for category in ("em_entity_assembly_naturalsource", "em_entity_assembly_recombinant"):
        rows = made.rows.get(category, {})
        seen: dict[tuple[tuple[str, str], ...], int] = {}
        for number, row in list(rows.items()):
            key = tuple(sorted(row.items()))
            if key in seen:
                del rows[number]
            seen.setdefault(key, number)
        kept = set(rows)
        made.entries[:] = [
            one
            for one in made.entries
            if not one.item.startswith(f"_{category}.") or one.row in kept
        ]


def _derive(document: Mapping[str, Any], made: Collected) -> None:
    """Add what follows from the technique and from several fields together."""
    technique = made.technique
    state = made.value("_em_experiment.aggregation_state")
    if technique in _METHODS and state in (None, "PARTICLE"):
        made.put(
            "_em_experiment.reconstruction_method",
            Text(_METHODS[technique], note=f"follows from the technique {technique}"),
        )
    if technique in _CELLS:
        _derive_cells(document, made)
    else:
        _derive_source(document, made)


def _derive_source(document: Mapping[str, Any], made: Collected) -> None:
    source = "_em_entity_assembly.source"
    molecules = oscem.get_at(document, _MOLECULE)
    if not isinstance(molecules, list) or not molecules:
        return
    systems = [bool(isinstance(one, dict) and one.get("expression_system")) for one in molecules]
    if all(systems) and made.value(source) is None:
        note = "every molecule has an expression system"
        made.put(source, Text("RECOMBINANT", note=note), path=f"{_MOLECULE}[].expression_system")
        made.left_out[:] = [
            one if one.item != source else LeftOut(one.path, one.value, one.reason, one.item)
            for one in made.left_out
        ]
    for number, recombinant in enumerate(systems, 1):
        if recombinant:
            path = f"{_MOLECULE}[{number - 1}].expression_system"
            made.put("_entity.src_method", Text("man"), path=path, row=number)
    ids = ",".join(str(number) for number in sorted(made.rows.get("entity", {})))
    if ids and made.rows.get("em_entity_assembly"):
        made.put("_em_entity_assembly.entity_id_list", Text(ids, note="the molecules"))


def _derive_cells(document: Mapping[str, Any], made: Collected) -> None:
    tissue = oscem.get_at(document, "sample.specimen_env.tissue")
    if made.technique == "cellular_tomo" or tissue:
        kind = "CELL" if made.technique == "cellular_tomo" else "TISSUE"
        path = "acquisition.technique" if kind == "CELL" else "sample.specimen_env.tissue"
        made.put("_em_experiment.aggregation_state", Text(kind), path=path)
        made.put("_em_entity_assembly.type", Text(kind), path=path)
    if made.rows.get("em_entity_assembly_naturalsource"):
        path = "sample.specimen_env.organism"
        made.put("_em_entity_assembly.source", Text("NATURAL"), path=path)
    method = oscem.get_at(document, "sample.freezing.method")
    if method in ("plunge_freezing", "high_pressure_freezing"):
        path = "sample.freezing.method"
        pressed = "YES" if method == "high_pressure_freezing" else "NO"
        made.put("_em_specimen.vitrification_applied", Text("YES"), path=path)
        made.put("_em_tomography_specimen.high_pressure_freezing", Text(pressed), path=path)
    sectioning = made.value("_em_tomography_specimen.sectioning")
    if sectioning is not None and sectioning != "FOCUSED ION BEAM":
        made.rows.pop("em_focused_ion_beam", None)
        thinned = [one for one in made.entries if one.item.startswith("_em_focused_ion_beam.")]
        made.entries[:] = [one for one in made.entries if one not in thinned]
        reason = "the sample was not thinned with ions"
        made.left_out += [LeftOut(one.path, one.value, reason, one.item) for one in thinned]
