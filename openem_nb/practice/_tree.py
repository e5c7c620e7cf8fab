"""The file servers: folders of EMDB entries and of EMPIAR entries, with Apache's listings."""

from __future__ import annotations

import datetime as dt
import email.utils
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from openem_nb.practice import _volumes
from openem_nb.practice._answer import Answer, Question, html
from openem_nb.practice._emdb_maps import file_names, map_box
from openem_nb.practice._empiar_entry import ImageSet, image_sets
from openem_nb.practice._empiar_images import micrograph
from openem_nb.practice._headers import emdb_cif, emdb_fsc, emdb_header, empiar_header
from openem_nb.practice._vocabulary import EXAMPLE_RAW

if TYPE_CHECKING:
    from openem_nb.practice.truth import EmdbTruth, EmpiarTruth, Truth

__all__ = ["EmdbFiles", "EmpiarFiles"]

EMDB_START: Final = "/pub/databases/emdb/structures"
EMPIAR_START: Final = "/empiar/world_availability"
_WIDEST: Final = 23  # characters of a name that a listing shows
_TYPES: Final = {
    "gz": "application/x-gzip",
    "xml": "application/xml",
    "png": "image/png",
    "gif": "image/gif",
    "tif": "image/tiff",
    "md": "text/plain; charset=utf-8",
}

Files = Mapping[str, Callable[[], bytes]]


@dataclass(frozen=True, slots=True)
class _Folder:
    """The files of one entry by path below its folder, and folders without files."""

    files: Files
    modified: dt.date
    empty: tuple[str, ...] = ()


class _FileServer(ABC):
    def __init__(self, truth: Truth, start: str) -> None:
        self.truth = truth
        self.start = start

    @abstractmethod
    def names(self) -> list[str]:
        """Return the folders of all entries."""

    @abstractmethod
    def folder(self, name: str) -> _Folder | None:
        """Return one entry's files."""

    def answer(self, question: Question) -> Answer | None:
        """Answer with a file, a listing, or the redirect to the name with a slash at its end."""
        path = question.path
        if path == self.start:
            return _moved(question)
        if not path.startswith(self.start + "/"):
            return None
        name, slash, rest = path[len(self.start) + 1 :].partition("/")
        if not name:
            return _listing(
                path, [(f"{folder}/", None, self.truth.today) for folder in self.names()]
            )
        folder = self.folder(name)
        if folder is None:
            return _missing()
        if not slash:
            return _moved(question)
        if rest in folder.files:
            return _file(rest, folder.files[rest](), folder.modified)
        inside = _inside(folder, rest)
        if inside is None:
            return _missing()
        return _listing(path, inside) if path.endswith("/") else _moved(question)


def _inside(folder: _Folder, path: str) -> list[tuple[str, int | None, dt.date]] | None:
    """Return names, sizes (None for folders) and dates in a folder; None where there is none."""
    start = path.rstrip("/") + "/" if path.strip("/") else ""
    rows: dict[str, int | None] = {}
    for name in folder.files:
        if name.startswith(start):
            child, slash, _ = name[len(start) :].partition("/")
            rows[child + slash] = None if slash else len(folder.files[name]())
    for name in folder.empty:
        if f"{name}/".startswith(start) and f"{name}/" != start:
            rows[f"{name}/"[len(start) :].partition("/")[0] + "/"] = None
    if not rows and start.rstrip("/") not in folder.empty:
        return None
    return [(name, size, folder.modified) for name, size in sorted(rows.items())]


def _missing() -> Answer:
    page = "<h1>Not Found</h1><p>The requested URL was not found on this server.</p>"
    return html("404 Not Found", page, 404)


def _moved(question: Question) -> Answer:
    page = html("301 Moved Permanently", "<h1>Moved Permanently</h1>", 301)
    return Answer(301, page.body, page.content_type, {"Location": question.raw_path + "/"})


def _file(name: str, data: bytes, modified: dt.date) -> Answer:
    moment = dt.datetime.combine(modified, dt.time(0, 3), dt.UTC)
    etag = f'"{len(data):x}-{zlib.crc32(data):08x}"'
    kind = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    if (
        name.endswith(".gz") and len(data) % 4 == 0
    ):  # the type of compressed files is not the same everywhere
        kind = "text/plain; charset=UTF-8"
    return Answer(
        200, data, kind, validators=(etag, email.utils.format_datetime(moment, usegmt=True))
    )


def _rounded(size: int) -> str:
    """Return a size as Apache shows it: bytes below 1 K, else two or three figures."""
    if size < 1000:
        return str(size)
    value = float(size)
    units = iter("KMGT")
    unit = ""
    while not unit or value >= 999.5:
        value, unit = value / 1024, next(units)
    return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"


def _listing(path: str, rows: list[tuple[str, int | None, dt.date]]) -> Answer:
    """Return an Apache listing: sort and parent links, shortened names, rounded sizes."""
    shown = escape(path.rstrip("/"))
    sort = "".join(
        f'<th><a href="?C={key};O={order}">{name}</a></th>'
        for key, order, name in (
            ("N", "D", "Name"),
            ("M", "A", "Last modified"),
            ("S", "A", "Size"),
        )
    )
    lines = [f'<tr><th valign="top"><img src="/icons/blank.gif" alt="[ICO]"></th>{sort}</tr>']
    lines.append('<tr><th colspan="4"><hr></th></tr>')
    parent = escape(quote(path.rstrip("/").rpartition("/")[0] + "/"))
    lines.append(
        '<tr><td valign="top"><img src="/icons/back.gif" alt="[PARENTDIR]"></td>'
        f'<td><a href="{parent}">Parent Directory</a></td><td>&nbsp;</td>'
        '<td align="right">  - </td></tr>'
    )
    for name, size, day in rows:
        short = name if len(name) <= _WIDEST else name[: _WIDEST - 3] + "..>"
        icon, alt = ("folder", "[DIR]") if size is None else ("unknown", "[   ]")
        lines.append(
            f'<tr><td valign="top"><img src="/icons/{icon}.gif" alt="{alt}"></td>'
            f'<td><a href="{escape(quote(name, safe="/&"))}">{escape(short)}</a></td>'
            f'<td align="right">{day.isoformat()} 00:03  </td>'
            f'<td align="right">{"  - " if size is None else _rounded(size)}</td></tr>'
        )
    table = "<table>\n" + "\n".join(lines) + '\n<tr><th colspan="4"><hr></th></tr>\n</table>'
    return html(f"Index of {shown}", f"<h1>Index of {shown}</h1>\n{table}\n<p>Practice data</p>")


class EmdbFiles(_FileServer):
    """``structures/EMD-n/`` with maps, masks, headers, pictures and FSC of released entries."""

    def __init__(self, truth: Truth) -> None:
        super().__init__(truth, EMDB_START)

    def names(self) -> list[str]:
        """Return the entries with files."""
        return [entry.emdb_id for entry in self.truth.emdb.values() if entry.map_released]

    def folder(self, name: str) -> _Folder | None:
        """Return one entry's files; None where it is not released."""
        entry = self.truth.emdb.get(name)
        if entry is None or entry.map_released is None:
            return None
        return _Folder(self._files(entry), entry.updated)

    def _files(self, entry: EmdbTruth) -> Files:
        edge, voxel, _ = map_box(entry, self.truth.seed)
        number = int(entry.emdb_id[4:])
        label = f"::::EMDATABANK.org::::{entry.emdb_id}::::"
        lower = entry.emdb_id.lower()
        under = lower.replace("-", "_")
        names = file_names(entry, self.truth.seed)

        def made(part: int) -> bytes:
            if not names["half"] or entry.resolution is None or part > 2:
                return _volumes.mrc_map(edge, voxel, label, number * 10 + part)
            from openem_nb.practice._half_maps import map_file  # NumPy, which others do without

            return map_file(
                part,
                edge=edge,
                voxel=voxel,
                resolution=entry.resolution,
                label=label,
                seed=number,
            )

        def volume(part: int) -> Callable[[], bytes]:
            return lambda: _volumes.gzipped(made(part))

        files: dict[str, Callable[[], bytes]] = {
            f"header/{lower}-v30.xml": lambda: emdb_header(entry),
            f"header/{lower}.xml": lambda: emdb_header(entry),
            f"metadata/{lower}.cif.gz": lambda: _volumes.gzipped(emdb_cif(entry)),
        }
        files |= {f"map/{file}": volume(0) for file in names["map"]}
        files |= {f"other/{file}": volume(part) for part, file in enumerate(names["half"], 1)}
        files |= {f"other/{file}": volume(3) for file in names["additional"]}
        files |= {
            f"masks/{file}": lambda: _volumes.mrc_map(edge, voxel, label, number, mask=True)
            for file in names["masks"]
        }
        picture = _volumes.gif if names["images"][:1] == (f"{lower[4:]}.gif",) else _volumes.png
        files |= {f"images/{file}": lambda: picture(120, number) for file in names["images"]}
        if names["half"] and entry.resolution:
            files[f"fsc/{under}_fsc.xml"] = lambda: emdb_fsc(entry)
        return files


class EmpiarFiles(_FileServer):
    """``world_availability/n/`` with the header and the folders of the image sets."""

    def __init__(self, truth: Truth) -> None:
        super().__init__(truth, EMPIAR_START)

    def names(self) -> list[str]:
        """Return the released entries."""
        return [
            entry.empiar_id[7:] for entry in self.truth.empiar.values() if entry.status == "REL"
        ]

    def folder(self, name: str) -> _Folder | None:
        """Return one entry's files; None where it is unknown or obsolete."""
        entry = self.truth.empiar.get(f"EMPIAR-{name}")
        if entry is None or entry.status != "REL":
            return None
        sets = image_sets(entry, self.truth.seed)
        files: dict[str, Callable[[], bytes]] = {f"{name}.xml": lambda: empiar_header(entry, sets)}
        if int(name) % 41 == 7:  # an entry whose data never arrived
            return _Folder(files, entry.updated, empty=("data",))
        files["data/README.md"] = lambda: (
            f"{entry.title}\nPractice data: images of noise.\n".encode()
        )
        for number, part in enumerate(sets):
            files |= _image_files(entry, part, number)
        return _Folder(files, entry.updated)


def _image_files(entry: EmpiarTruth, part: ImageSet, number: int) -> Files:
    start = (int(entry.empiar_id[7:]) * 16 + number) * 1000
    judged = entry.empiar_id == EXAMPLE_RAW and number == 0

    def image(seed: int, suffix: str) -> Callable[[], bytes]:
        if judged:
            return lambda: micrograph(seed, seed - start)
        if suffix in ("tif", "eer"):  # by their content these are TIFF alike
            return lambda: _volumes.tiff(48, 32, seed)
        if suffix in ("mrc", "mrcs"):
            side = _volumes.NOISE_SIDE
            return lambda: _volumes.mrc_image(side, side, 2 if suffix == "mrcs" else 1, seed)
        return lambda: _volumes.noise(1500, seed)

    if part.is_file:
        return {part.directory: image(start, part.suffix)}
    files = {
        f"{part.directory}/FoilHole_{start + at}_Data_20260{number + 1}.{part.suffix}": image(
            start + at, part.suffix
        )
        for at in range(part.images)
    }
    if part.frames > 1:
        files[f"{part.directory}/gain & defects.mrc"] = image(start + 999, "mrc")
    return files
