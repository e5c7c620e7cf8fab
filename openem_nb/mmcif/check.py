"""Whether an mmCIF file is what the dictionary and the deposition system want."""

from __future__ import annotations

import difflib
import html
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gemmi import cif

from openem_nb._texts import one_line
from openem_nb.mmcif._categories import CATEGORIES
from openem_nb.mmcif._dictionary import dictionary as dictionary_at
from openem_nb.mmcif._files import decoded, document_of, unpacked
from openem_nb.mmcif._long_values import shortened
from openem_nb.mmcif._message import Code, Level, Message
from openem_nb.mmcif._own_checks import asked_for, long_values, open_and_odd

if TYPE_CHECKING:
    from openem_nb.mmcif._dictionary import Dictionary, Item

__all__ = ["Check", "Message", "check_mmcif", "parsed"]

_ORDER: Final = {"error": 0, "warning": 1, "info": 2}
_PLACE: Final = re.compile(r"(?s)(?:\w+:(?P<line>\d+) )?\[(?P<block>[^\]]*)\] (?P<text>.*)")
_ITEM: Final = re.compile(r"(_[\w\[\]-]+\.[\w\[\]/%-]+)")


@dataclass(frozen=True, slots=True)
class Check:
    """What the dictionary says of a file."""

    messages: tuple[Message, ...] = field(repr=False)
    """Errors first."""
    dictionary: str
    """Version of the PDBx/mmCIF dictionary."""
    name: str = ""
    """The file, or its first data block."""

    @property
    def errors(self) -> tuple[Message, ...]:
        """What a deposition does not accept."""
        return self._of("error")

    @property
    def warnings(self) -> tuple[Message, ...]:
        """What a deposition asks about."""
        return self._of("warning")

    @property
    def infos(self) -> tuple[Message, ...]:
        """What is worth knowing."""
        return self._of("info")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    def _of(self, level: Level) -> tuple[Message, ...]:
        return tuple(one for one in self.messages if one.level == level)

    def __str__(self) -> str:
        head = (
            f"{self.name}: {len(self.errors)} errors, {len(self.warnings)} warnings "
            f"(PDBx/mmCIF {self.dictionary})"
        )
        lines = [
            f"{one.level}: {one.item}: {one.text}" + (f" {one.remedy}" if one.remedy else "")
            for one in self.messages
            if one.level != "info"
        ]
        return "\n".join([head, *lines])

    def _repr_html_(self) -> str:
        """Show the messages as a table, errors first."""
        head = f"<p><b>{html.escape(one_line(str(self).partition(chr(10))[0]))}</b></p>"
        if not self.messages:
            return head
        left = 'style="text-align:left"'  # notebooks put what is in cells to the right
        columns = "".join(
            f'<th scope="col" {left}>{name}</th>'
            for name in ("level", "item", "what", "remedy", "line")
        )
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td {left}>{html.escape(one_line(str(value)))}</td>"
                for value in (one.level, one.item, one.text, one.remedy, one.line or "")
            )
            + "</tr>"
            for one in self.messages
        )
        return f"{head}<table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>"


def check_mmcif(path_or_text: Path | str, *, dictionary: Path | str | None = None) -> Check:
    """Check a file, or its text, as the deposition system does.

    Types, lists, ranges, mandatory items, keys and parents are checked against the dictionary with
    the deposition system's own lists and ranges. A range of the deposition system alone gives a
    warning: it asks, and takes the value.

    Parameters
    ----------
    path_or_text :
        A file, packed with gzip or not, or the text of one.
    dictionary :
        A newer PDBx/mmCIF dictionary than the one in the package.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If it is no CIF, or a damaged one; the message names the line.

    Examples
    --------
    >>> result = check_mmcif("deposition.cif")  # doctest: +SKIP
    >>> result.ok, [message.text for message in result.errors]  # doctest: +SKIP
    """
    document, name = parsed(path_or_text)
    words = dictionary_at(dictionary)
    with shortened(document) as long:
        archive = {_first(raw) for raw in _validate(document, words, deposition=False)}
        said = _validate(document, words, deposition=True)
    made: dict[tuple[str, str, str, int | None], Message] = {}
    for raw in said:
        message = _message(raw, document, words, everywhere=_first(raw) in archive)
        made.setdefault((message.code, message.item, message.text, message.line), message)
    for message in (
        *long_values(long, words),
        *open_and_odd(document, words),
        *asked_for(document[0], words),
    ):
        made.setdefault((message.code, message.item, message.text, message.line), message)
    ordered = sorted(made.values(), key=lambda one: (_ORDER[one.level], one.block, one.line or 0))
    return Check(tuple(ordered), words.version, name)


def parsed(path_or_text: Path | str) -> tuple[cif.Document, str]:
    """Return a file or a text as gemmi reads it, and its name.

    Raises
    ------
    NotFound, InvalidInput
        As :func:`check_mmcif`.
    """
    if isinstance(path_or_text, str) and (
        "\n" in path_or_text or (path_or_text[:5] == "data_" and not Path(path_or_text).exists())
    ):
        document = document_of(path_or_text, "the text")
        return document, document[0].name
    path = Path(path_or_text)
    return document_of(decoded(unpacked(path), path.name), path.name), path.name


def _validate(document: cif.Document, words: Dictionary, *, deposition: bool) -> list[str]:
    """Return gemmi's messages; its own verdict misses what is absent, doubled or an orphan."""
    messages: list[str] = []
    ddl = cif.Ddl(
        logger=messages.append,
        print_unknown_tags=True,
        use_regex=True,
        use_context=True,
        use_linked_groups=True,
        use_mandatory=True,
        use_unique_keys=True,
    )
    ddl.read_ddl(cif.read_string(words.data))
    messages.clear()  # what gemmi thinks of the dictionary itself
    ddl.use_deposition_checks = deposition
    ddl.validate_cif(document)
    return messages


def _first(raw: str) -> str:
    """Return a message without the list that follows it, which differs between archive and form."""
    return raw.partition("\n")[0]


def _message(raw: str, document: cif.Document, words: Dictionary, *, everywhere: bool) -> Message:
    place = _PLACE.fullmatch(raw)
    if place is None:
        return Message("warning", "", one_line(raw))
    text, block = place["text"], place["block"]
    line = int(place["line"]) if place["line"] else None
    named = _ITEM.match(text.removeprefix("unknown tag ").removeprefix("missing mandatory tag: "))
    item = named[1] if named else _item_at(document, block, line)
    if not item and (found := _ITEM.search(text)):
        item = found[1]
    if not item and text.startswith("unknown tag "):
        item = text.split()[-1]
    if text.startswith("category "):
        item = f"_{text.partition(' has ')[0].split()[-1]}"
    level, code, said, remedy = _classed(text, item, words, everywhere=everywhere)
    return Message(level, item, said, remedy, code, line, block)


def _classed(
    text: str, item: str, words: Dictionary, *, everywhere: bool
) -> tuple[Level, Code, str, str]:
    """Return level, kind, words and remedy of one message."""
    first = text.partition("\n")[0]
    known = words.items.get(words.spelt(item))
    if text.startswith("category indicated as "):
        return "info", "context", f"The category is marked {first.split()[3].rstrip(':')}.", ""
    if "is for pdb internal use" in text:
        return "info", "context", "The item is for the archive's own use.", "It may be left out."
    if text.startswith("unknown tag"):
        near = difflib.get_close_matches(item, words.items, 1, 0.8)
        remedy = f"Is it {near[0]}?" if near else "Leave it out, or give a newer dictionary."
        return "warning", "unknown", "The dictionary does not know this item.", remedy
    if text.startswith(("missing mandatory tag", "missing category key")):
        return "error", "missing", "The item is mandatory and not there.", f"Add {item}."
    if "is not one of the allowed values" in text:
        value = first.partition(" is not one")[0].rpartition(": ")[2].strip("'\"")
        plain = {choice.lower(): choice for choice in (known.choices if known else ())}
        near = [plain[one] for one in difflib.get_close_matches(value.lower(), plain, 3, 0.4)]
        where = "the list" if everywhere else "the deposition system's list, only in the archive's"
        remedy = f"Nearest: {', '.join(near)}." if near else "Choose one of the list."
        return "error", "list", f"{value!r} is not in {where}.", remedy
    if "value out of expected range" in text:
        value = first.rpartition(": ")[2]
        if everywhere:
            said = f"{value} is outside what the dictionary allows."
            return "error", "range", said, "Check the value and its unit."
        said = f"{value} is not {_between(known)}, as the deposition system expects."
        return "warning", "range", said, "Check the unit; if the value is right, keep it."
    if "does not match the" in text or text.startswith("expected number"):
        remedy = f"The type is {known.type if known else 'another'}."
        if not first.isascii():
            remedy = "PDBx/mmCIF allows ASCII alone: write it without accents."
        return "error", "type", f"{first}.", remedy
    if "duplicated key" in text:
        twice = text.partition("\n")[2].strip().partition("\n")[0]
        category = text.split()[1]
        return "error", "key", f"{category} has rows of the same key: {twice}.", "Number the rows."
    if "parent" in text:
        ours = item[1:].partition(".")[0] in CATEGORIES
        partly = re.search(r"1st miss: .*(^|\+)[.?](\+|$)", text) is not None
        level: Level = "error" if ours and not partly else "warning"
        return level, "parent", f"{one_line(text)}.", "Add the row that it points to."
    return "warning", "other", f"{one_line(text)}.", ""


def _between(known: Item | None) -> str:
    """Return the range of a deposition in words; its limits themselves are outside of it."""
    if known is None or known.low is known.high is None:
        return "in the range"
    if known.high is None:
        return f"above {known.low:g}"
    return (
        f"below {known.high:g}"
        if known.low is None
        else f"between {known.low:g} and {known.high:g}"
    )


def _item_at(document: cif.Document, block: str, line: int | None) -> str:
    """Return the item that stands on a line; gemmi's messages on pairs do not name it."""
    for one in document if line is not None else ():
        for item in one if one.name == block else ():
            pair: Any = item.pair  # gemmi does not say of what type it is
            if item.line_number == line and pair is not None:
                return str(pair[0])
    return ""
