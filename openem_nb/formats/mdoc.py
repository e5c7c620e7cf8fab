"""Text of an mdoc file, IMOD's "autodoc" form: header, titles, sections.

The form is ``key = value`` lines in sections with a header in brackets. What real files do beyond
it is read as well: titles with two brackets, with one or with none, titles that go on in a second
line, CRLF, Latin-1, the same key twice (the last one holds, as in SerialEM itself).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Mdoc", "Section", "Titles", "beside", "parse", "parse_titles", "stamp"]

_SECTION: Final = re.compile(r"^\[[ \t]*(ZValue|FrameSet|MontSection|Image)[ \t]*=", re.MULTILINE)
_KINDS: Final = frozenset(("ZValue", "FrameSet", "MontSection", "Image"))
_SPACES: Final = re.compile(r"[ \t]{2,}")
# English in every locale
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
        start=1,
    )
}
_STAMP: Final = re.compile(r"(\d{1,4})-([A-Za-z]{3})-(\d{1,4})\s+(\d{1,2}):(\d{2}):(\d{2})(\.\d+)?")
_CLOCK: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?", re.ASCII)
_AXIS: Final = re.compile(
    r"(?:Tilt axis angle|TiltAxisAngle)\s*=\s*(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
)
_WRITER: Final = re.compile(
    r"(SerialEM|Tomography)(?:[_ ]v?(\d[\w.]*))?\s*:\s*(.*)", re.IGNORECASE | re.DOTALL
)
_SERIAL: Final = re.compile(r"\b[A-Z]{3,}-?\d{5,}\b")
_SCHEME: Final = re.compile(r"\b(bidir|dosym)\s*=\s*(-?\d+(?:\.\d+)?)")

_LARGEST: Final = 16 << 20
"""Bytes of an mdoc file beside an image that is read; one of a thousand tilts has a few."""
LONGEST_LINE: Final = 20_000
"""Characters of one line; longer ones are no metadata and are dropped."""


class Section:
    """One section below the header.

    A tilt series has a thousand lines and a session a hundred series, so a section keeps its lines
    as they were taken apart; all sections with the same keys share one shape.
    """

    __slots__ = ("_flat", "_shape", "kind", "name")

    def __init__(self, kind: str, name: str, flat: list[str | None], shape: _Shape) -> None:
        self.kind = kind
        """``ZValue``, ``FrameSet``, ``MontSection`` or ``Image``."""
        self.name = name
        """Number of the image, or its file."""
        self._flat = flat
        self._shape = shape

    @property
    def values(self) -> dict[str, str]:
        """Values by their keys. Of a key that comes twice the last one holds, as in SerialEM."""
        return {key: self._flat[place] or "" for key, place in self._shape.places.items()}

    @property
    def wanted(self) -> tuple[str | None, ...]:
        """Values of the keys that :func:`parse` was asked for, in their order."""
        return self._shape.pick(self._flat)

    def get(self, key: str) -> str | None:
        """Return one value, None if there is none."""
        return self._flat[self._shape.places.get(key, -1)]

    def without_last(self) -> Section:
        """Return the section without its last pair."""
        pairs = dict(list(self.values.items())[:-1])
        return Section(self.kind, self.name, *_shaped(pairs, self._shape.wanted))


class _Shape:
    """The keys of sections in their order, and where their values are in a flat list.

    The list holds key, value, key, value, and at its end None: the value of what is missing.
    """

    __slots__ = ("keys", "pick", "places", "wanted")

    def __init__(self, keys: list[str], wanted: tuple[str, ...]) -> None:
        self.keys = keys
        self.wanted = wanted
        self.places = {key: 2 * number + 1 for number, key in enumerate(keys)}
        # two more than asked for: of one place alone there would be no tuple
        found = itemgetter(*(self.places.get(key, -1) for key in wanted), -1, -1)
        self.pick: Callable[[list[str | None]], tuple[str | None, ...]] = found


@dataclass(frozen=True, slots=True)
class Titles:
    """What the titles say; nothing in them is bound to a form, so all of it may be missing."""

    writer: str = ""
    """``SerialEM`` or ``Tomography``."""
    version: str = ""
    label: str = ""
    """What the facility calls its microscope, without the date that follows."""
    serial: str = ""
    """Serial number such as TITAN52337740, which Tomography writes there."""
    axis: float | None = None
    """Tilt axis in degrees."""
    scheme: str = ""
    """``bidir`` or ``dosym`` where SerialEM says so."""
    start: float | None = None
    """Angle in degrees at which such a series begins."""


@dataclass(frozen=True, slots=True)
class Mdoc:
    """One mdoc file."""

    header: dict[str, str]
    titles: tuple[str, ...]
    sections: tuple[Section, ...] = field(default=())
    ended: bool = True
    """Whether the last line ends as lines do; False for a file that broke off."""


def parse(content: str, wanted: tuple[str, ...] = ()) -> Mdoc:
    """Return header, titles and sections of an mdoc file.

    Every text is readable in some way: one that is no mdoc has no sections and no keys. Values of
    the keys ``wanted`` are at hand in each section at once.
    """
    ended = content.endswith(("\n", "\r", "\0"))
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    first = _SECTION.search(content)
    begin = first.start() if first else len(content)
    header, titles = _head(content[:begin])
    sections: list[Section] = []
    late: list[str] = []
    if first:
        shape = _Shape([], wanted)
        for part in content[begin + 1 :].split("\n["):
            top, _, body = part.partition("\n")
            kind, _, name = top.partition(" = ")
            if kind not in _KINDS:  # written in another way, or something else
                kind, _, name = top.strip().partition("=")
                kind = kind.strip()
            if kind in _KINDS:
                flat, shape = _taken_apart(body, shape)
                sections.append(Section(kind, name.rstrip("] \t").lstrip(), flat, shape))
            elif kind == "T":  # a title below the first section
                late.append(name.rstrip("] \t").strip())
    return Mdoc(header, (*titles, *late), tuple(sections), ended)


def beside(path: Path, wanted: tuple[str, ...] = ()) -> Mdoc | None:
    """Return the mdoc file that lies beside an image; None if there is none that can be read.

    That of ``stack.st`` is ``stack.st.mdoc`` (SerialEM) or ``stack.mdoc`` (Tomography).
    """
    for place in (path.with_name(f"{path.name}.mdoc"), path.with_suffix(".mdoc")):
        try:
            if place.is_file() and place.stat().st_size <= _LARGEST:
                return parse(_decoded(place.read_bytes()), wanted)
        except OSError:  # it is looked for, and need not be there
            continue
    return None


def _decoded(raw: bytes) -> str:
    """Return the text of a file, which editors of Windows may have saved as UTF-16."""
    utf16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    return raw.decode("utf-16" if utf16 else "utf-8-sig", "replace")


def _taken_apart(body: str, before: _Shape) -> tuple[list[str | None], _Shape]:
    """Return the pairs of a section, and their shape: that of the section before if it fits.

    Keys and values come apart in one go where each line has exactly one `` = ``; that this was so
    shows in the keys. Any other section is read line by line.
    """
    body = body.strip("\n")
    flat: list[str | None] = [*body.replace(" = ", "\n").split("\n")]
    keys = flat[::2]
    if len(flat) % 2 == 0:
        if keys == before.keys:
            flat.append(None)
            return flat, before
        names = [key for key in keys if key is not None and key.isidentifier()]
        if len(names) == len(keys) == body.count("\n") + 1:
            flat.append(None)
            return flat, _Shape(names, before.wanted)
    return _shaped(_lines(body), before.wanted)


def _shaped(values: dict[str, str], wanted: tuple[str, ...]) -> tuple[list[str | None], _Shape]:
    flat: list[str | None] = [word for pair in values.items() for word in pair]
    return [*flat, None], _Shape(list(values), wanted)


def _lines(body: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in body.split("\n"):
        key, equals, value = line.partition("=")
        key = key.strip()
        if equals and key and not key.startswith(("#", "[")) and len(line) < LONGEST_LINE:
            values[key] = value.strip()
    return values


def _head(content: str) -> tuple[dict[str, str], list[str]]:
    """Return keys and titles that stand before the first section."""
    values: dict[str, str] = {}
    titles: list[str] = []
    open_title = False
    for raw in content.split("\n"):
        line = raw.strip()
        if not line:
            open_title = False
            continue
        if len(line) > LONGEST_LINE:
            continue
        key, equals, value = line.lstrip("[").partition("=")
        key = key.strip()
        if equals and key == "T":
            titles.append(value.rstrip("]").strip())
            # without its closing bracket a title may go on in the next line
            open_title = line.startswith("[") and not line.endswith("]")
        elif open_title and not (_is_key(key) and equals and not line.endswith("]")):
            titles[-1] = f"{titles[-1]} {line.rstrip(']').strip()}"
            open_title = not line.endswith("]")
        elif titles and not equals and line.endswith("]"):
            titles[-1] = f"{titles[-1]} {line.rstrip(']').strip()}"
        elif equals and key and not line.startswith(("[", "#")):
            values[key] = value.strip()
    return values, titles


def _is_key(word: str) -> bool:
    return word.isidentifier() and word[0].isupper()


def parse_titles(titles: tuple[str, ...]) -> Titles:
    """Return what the titles of an mdoc file, or the labels of an image, say."""
    whole = "\n".join(titles)
    if not whole:
        return Titles()
    axis, scheme = _AXIS.search(whole), _SCHEME.search(whole)
    writer = version = label = serial = ""
    for title in titles:
        found = _WRITER.match(title.strip())
        if found:
            name, version, rest = found.group(1), found.group(2) or "", found.group(3)
            writer = "SerialEM" if name.lower() == "serialem" else "Tomography"
            dated = _STAMP.search(rest)
            label = _SPACES.sub(" ", rest[: dated.start()] if dated else rest).strip()
            number = _SERIAL.search(label) if writer == "Tomography" else None
            serial = number.group(0) if number else ""
            break
    return Titles(
        writer,
        version,
        label[:200],
        serial,
        float(axis.group(1)) if axis else None,
        scheme.group(1) if scheme else "",
        float(scheme.group(2)) if scheme else None,
    )


def stamp(value: str) -> str:
    """Return a date of SerialEM or Tomography as ISO 8601 without a zone, empty if it is none.

    ``03-May-23  13:59:32``, ``01-Aug-2022  18:58:31`` and ``2023-May-03 13:59:32`` are written,
    in local time and with English months whatever the language of the computer. A year of two
    digits is of this century: the first of these files are of 2003.
    """
    words = value.split()
    if len(words) != 2:
        return ""
    day, clock = _day(words[0]), words[1]
    return f"{day}T{clock}" if day and _CLOCK.fullmatch(clock) else ""


@lru_cache(maxsize=256)
def _day(value: str) -> str:
    """Return a day as ISO 8601; a session has one or two of them, and thousands of images."""
    words = value.split("-")
    month = _MONTHS.get(words[1].lower(), 0) if len(words) == 3 else 0
    if not month or not (words[0] + words[2]).isdecimal() or not value.isascii():
        return ""
    first, last = words[0], words[2]
    day, year = (last, first) if len(first) == 4 else (first, last)
    if len(day) > 2 or len(year) not in (2, 4):
        return ""
    try:
        found = date(int(year) + (2000 if len(year) == 2 else 0), month, int(day))
    except ValueError:
        return ""
    return found.isoformat() if found.year >= 1990 else ""
