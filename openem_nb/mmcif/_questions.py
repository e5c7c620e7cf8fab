"""What a deposition asks for and the document does not determine, and the answers to it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import InvalidInput
from openem_nb.mmcif._categories import CATEGORIES
from openem_nb.mmcif._convert import Text, foldable
from openem_nb.mmcif._labels import label
from openem_nb.mmcif._layout import given_by_us
from openem_nb.mmcif._mapping import MAPPING
from openem_nb.mmcif.deposition import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.mmcif._collect import Collected, LeftOut
    from openem_nb.mmcif._dictionary import Dictionary, Item
    from openem_nb.mmcif._layout import Table

__all__ = ["answer", "applies", "asked_categories", "questions", "who_knows"]

_ALWAYS: Final = (
    *("em_experiment", "em_entity_assembly", "em_entity_assembly_naturalsource"),
    *("em_specimen", "em_buffer", "em_vitrification", "em_imaging", "em_image_recording"),
    *("em_ctf_correction", "em_3d_reconstruction", "em_admin", "em_author_list"),
    "pdbx_contact_author",
)
_MORE: Final = {
    "spa": ("em_start_model", "em_euler_angle_assignment"),
    "subtomo": ("em_tomography_specimen", "em_euler_angle_assignment", "em_volume_selection"),
    "env_tomo": ("em_tomography_specimen",),
    "cellular_tomo": ("em_tomography_specimen",),
}
_RECOMBINANT: Final = "em_entity_assembly_recombinant"
_WHO: Final = {
    **dict.fromkeys(("em_admin", "em_author_list"), "OneDep"),
    **dict.fromkeys(
        (
            *("em_ctf_correction", "em_3d_reconstruction", "em_start_model"),
            *("em_euler_angle_assignment", "em_volume_selection", "em_particle_selection"),
        ),
        "reconstruction",
    ),
}
_EXAMPLE: Final = 'Give them like {"_em_ctf_correction.type": "NONE"}.'
_KEY: Final = re.compile(r"(_\w+\.\w+)(?:\[([1-9]\d{0,3})\])?")


def who_knows(item: str) -> str:
    """Return who has to supply an item: the depositor, the reconstruction, or OneDep itself."""
    return _WHO.get(item[1:].partition(".")[0], "depositor")


def asked_categories(technique: str) -> tuple[str, ...]:
    """Return the categories that an entry of this technique has to have."""
    return (*_ALWAYS, *_MORE.get(technique, ()))


def answer(made: Collected, answers: Mapping[str, Any], dictionary: Dictionary) -> None:
    """Put what a person answered into the rows; it stands above what the document says.

    Raises
    ------
    InvalidInput
        If there is no such item, or the answer is not what the dictionary allows there.
    """
    if not isinstance(answers, Mapping):
        raise InvalidInput("Answers are given by item.", hint=_EXAMPLE)
    for key, value in answers.items():
        match = _KEY.fullmatch(key) if isinstance(key, str) else None
        item = dictionary.items.get(match[1]) if match else None
        if match is None or item is None or item.category not in CATEGORIES:
            near = difflib.get_close_matches(str(key), _askable(dictionary), 3)
            raise InvalidInput(
                f"There is no question {key!r}.",
                hint=f"Did you mean {' or '.join(near)}?" if near else "See .missing for the keys.",
            )
        if given_by_us(item.name):
            raise InvalidInput(f"{key} is a number that ties rows together; it is given.")
        text = _as_text(value, item)
        if problem := item.problem(text):
            near = difflib.get_close_matches(text, item.choices, 3, 0.3)
            raise InvalidInput(
                f"{key}: {problem}.",
                hint=f"Nearest: {', '.join(near)}." if near else f"The type is {item.type}.",
            )
        made.put(item.name, Text(text, note="given by a person"), row=int(match[2] or 1))
        made.left_out[:] = [
            one
            for one in made.left_out
            if (one.item, one.row) != (item.name, int(match[2] or 1)) or not one.ask
        ]


def _askable(dictionary: Dictionary) -> list[str]:
    return [item.name for item in dictionary.items.values() if item.category in CATEGORIES]


def _as_text(value: Any, item: Item) -> str:
    if isinstance(value, bool):
        yes_no = ("NO", "YES") if "YES" in item.choices else ("N", "Y")
        return yes_no[value]
    if isinstance(value, float | int):
        return f"{value:.12g}"
    if isinstance(value, str) and value.strip():
        return foldable(value.strip())
    raise InvalidInput(f"{item.name}: {value!r} is not an answer.", hint="Give a text or a number.")


def questions(made: Collected, table: Table, dictionary: Dictionary) -> tuple[Question, ...]:
    """Return what is open: mandatory items first, then values that are in no list.

    Parameters
    ----------
    table :
        The categories as they are written.
    """
    asked: dict[tuple[str, int], Question] = {}
    wanted = [
        category
        for category in CATEGORIES
        if category in table
        or (category in asked_categories(made.technique) and applies(table, category))
    ]
    if _says(table, "_em_entity_assembly.source") == "RECOMBINANT" and _RECOMBINANT not in wanted:
        wanted.append(_RECOMBINANT)
    refused = {(one.item, one.row): one for one in made.left_out if one.item and one.ask}
    for category in wanted:
        for item in dictionary.category(category):
            for number, row in _rows(made, table, category):
                if not item.mandatory or given_by_us(item.name) or row.get(item.name) is not None:
                    continue
                if not _applies_item(table, item.name):
                    continue
                one = refused.get((item.name, number))
                why = _refused(one) if one else _why(item.name, made)
                asked[item.name, number] = _question(
                    item, number, why, mandatory=True, refused=one is not None
                )
    for (name, number), one in refused.items():
        rows = dict(_rows(made, table, name[1:].partition(".")[0]))
        if (name, number) not in asked and rows.get(number, {}).get(name) is None:
            asked[name, number] = _question(
                dictionary[name], number, _refused(one), mandatory=False, refused=True
            )
    return tuple(asked.values())


def _rows(
    made: Collected, table: Table, category: str
) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    """Yield the rows of a category under the numbers that the document gave them."""
    rows = table.get(category)
    if not rows:
        yield 1, {}
        return
    numbers = sorted(made.rows.get(category, {})) or list(range(1, len(rows) + 1))
    yield from zip(numbers, rows, strict=False)


def _says(table: Table, item: str) -> str | None:
    """Return what the first row that says anything of an item says."""
    rows = table.get(item[1:].partition(".")[0], [])
    return next((row[item] for row in rows if row.get(item)), None)


def applies(table: Table, category: str) -> bool:
    if category == "em_vitrification":
        return _says(table, "_em_specimen.vitrification_applied") != "NO"
    if category == "em_entity_assembly_naturalsource":
        return _says(table, "_em_entity_assembly.source") != "SYNTHETIC"
    return True


def _applies_item(table: Table, item: str) -> bool:
    if item == "_em_image_scans.scanner_model":
        detector = _says(table, "_em_image_recording.film_or_detector_model") or ""
        return detector.endswith(("FILM", "IMAGE PLATES"))
    return True


def _why(item: str, made: Collected) -> str:
    paths = [
        row.path
        for row in MAPPING
        if row.item == item and (not row.techniques or made.technique in row.techniques)
    ]
    if not paths:
        return "OSC-EM has no field for it"
    return f"the document does not say {paths[0]}"


def _refused(one: LeftOut) -> str:
    return f"{one.path} cannot be taken: {one.reason}"


def _question(item: Item, row: int, why: str, *, mandatory: bool, refused: bool) -> Question:
    return Question(
        item=item.name,
        label=label(item.name),
        type=item.type,
        choices=item.choices,
        unit=item.unit,
        mandatory=mandatory,
        why=why,
        who=who_knows(item.name),
        row=row,
        about=item.about,
        refused=refused,
    )
