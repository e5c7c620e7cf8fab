"""Text of an mdoc file, IMOD's "autodoc" form: header, titles, sections.

The form is ``key = value`` lines in sections with a header in brackets. What real files do beyond
it is read as well: titles with two brackets, with one or with none, titles that go on in a second
line, CRLF, Latin-1, the same key twice (the last one holds, as in SerialEM itself).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Mdoc", "Section", "Titles", "parse", "parse_titles", "stamp"]

_SECTION: Final = re.compile(r"^\[[ \t]*(ZValue|FrameSet|MontSection|Image)[ \t]*=", re.MULTILINE)
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
_AXIS: Final = re.compile(
    r"(?:Tilt axis angle|TiltAxisAngle)\s*=\s*(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
)
_WRITER: Final = re.compile(
    r"(SerialEM|Tomography)(?:[_ ]v?(\d[\w.]*))?\s*:\s*(.*)", re.IGNORECASE | re.DOTALL
)
_SERIAL: Final = re.compile(r"\b[A-Z]{3,}-?\d{5,}\b")
_SCHEME: Final = re.compile(r"\b(bidir|dosym)\s*=\s*(-?\d+(?:\.\d+)?)")

LONGEST_LINE: Final = 20_000
"""Characters of one line; longer ones are no metadata and are dropped."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section below the header."""

    kind: str
    """``ZValue``, ``FrameSet``, ``MontSection`` or ``Image``."""
    name: str
    """Number of the image, or its file."""
    values: dict[str, str]


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


def parse(content: str) -> Mdoc:
    """Return header, titles and sections of an mdoc file.

    Every text is readable in some way: one that is no mdoc has no sections and no keys.
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
        shape = _Shape()
        for part in content[begin:].split("\n["):
            top, _, body = part.partition("\n")
            kind, _, name = top.lstrip("[").rstrip().rstrip("]").partition("=")
            kind = kind.strip()
            if kind in ("ZValue", "FrameSet", "MontSection", "Image"):
                sections.append(Section(kind, name.strip(), shape.pairs(body)))
            elif kind == "T":  # a title below the first section
                late.append(name.strip())
    return Mdoc(header, (*titles, *late), tuple(sections), ended)


class _Shape:
    """The keys of the sections of one file, which are nearly always the same ones in one order."""

    __slots__ = ("keys",)

    def __init__(self) -> None:
        self.keys: list[str] = []

    def pairs(self, body: str) -> dict[str, str]:
        """Return the pairs of a section.

        Keys and values are taken apart in one go where each line has exactly one `` = ``; that
        this was so shows in the keys. Any other section is read line by line.
        """
        body = body.strip("\n")
        flat = body.replace(" = ", "\n").split("\n")
        keys = flat[::2]
        if keys == self.keys and len(flat) % 2 == 0:
            return dict(zip(keys, flat[1::2], strict=True))
        lines = body.count("\n") + 1
        if len(flat) == 2 * lines and all(map(str.isidentifier, keys)):
            self.keys = keys
            return dict(zip(keys, flat[1::2], strict=True))
        return _lines(body)


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
    found = _STAMP.search(value)
    month = _MONTHS.get(found.group(2).lower(), 0) if found else 0
    if not found or not month:
        return ""
    first, last = found.group(1), found.group(3)
    year, day = (int(first), int(last)) if len(first) == 4 else (int(last), int(first))
    if year < 100:
        year += 2000
    hour, minute, second = int(found.group(4)), int(found.group(5)), int(found.group(6))
    longest = (
        29
        if month == 2 and year % 4 == 0 and (year % 100 or year % 400 == 0)
        else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    )
    if not (1990 <= year < 2200 and 1 <= day <= longest and hour < 24 and minute < 60 > second):
        return ""
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{found.group(7) or ''}"
