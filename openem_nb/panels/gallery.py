"""Thousands of micrographs as thumbnails: sorted, filtered by what was measured, and judged."""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import traitlets

from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.images.selection import MARKS, read_selection, write_selection
from openem_nb.panels import _html
from openem_nb.panels._front_end import FrontEnd, module, style
from openem_nb.panels._gallery_pictures import Folder, Made, Nothing
from openem_nb.panels._gallery_rows import Rows, View
from openem_nb.panels._refresher import Refresher
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd

    from openem_nb.images.selection import Keep
    from openem_nb.panels._gallery_pictures import PictureSource

__all__ = ["Gallery", "View"]

_SHEET: Final = 24
"""Thumbnails in the picture that a saved notebook keeps."""
_BATCH: Final = 256
"""Thumbnails that one answer carries at most."""


class Gallery(FrontEnd):
    """A grid of thumbnails with the measurements behind it.

    Pictures travel when they come into sight. Sorting, filtering and drawing happen in the browser,
    so they wait for nothing; what a person has chosen is known here as :attr:`view`.

    Parameters
    ----------
    table :
        One row for each image: a column with its name, and measurements.
    thumbnails :
        Folder with JPEG files, or a function that makes the JPEG of a name (None while it cannot);
        it runs in the background.
    key :
        Column with the names; they have to differ.
    label :
        Heading and accessible name.
    open :
        Called with a name when a person opens an image; returns a sentence for the status line or
        nothing. It must be quick.

    Examples
    --------
    >>> from openem_nb import Gallery
    >>> gallery = Gallery(mined.frame, thumbnails=mined.folder)  # doctest: +SKIP
    >>> gallery.marks.query("mark == 'good'")  # doctest: +SKIP
    """

    _esm = module("gallery")
    _css = style("gallery")

    label = traitlets.Unicode().tag(sync=True)
    version = traitlets.Int(0).tag(sync=True)
    pictures = traitlets.Int(0).tag(sync=True)
    opens = traitlets.Bool(False).tag(sync=True)
    hidden = traitlets.Bool(False).tag(sync=True)
    told = traitlets.Unicode().tag(sync=True)
    view_state = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        table: pd.DataFrame | None = None,
        *,
        thumbnails: Path | str | Callable[[str], bytes | None] | PictureSource | None = None,
        key: str = "name",
        label: str = "Gallery",
        open: Callable[[str], str | None] | None = None,  # noqa: A002  (what it does)
    ) -> None:
        super().__init__(label=label, opens=open is not None)
        self._lock = threading.RLock()
        self._rows = Rows(key)
        self._view = View()
        self._selected: list[str] = []
        self._open = open
        self._marked: list[Callable[[], None]] = []
        self._refresher = Refresher(self._announce)
        self._source: PictureSource = self._source_of(thumbnails)
        for action, handler in (
            ("rows", self._on_rows),
            ("thumbnails", self._on_thumbnails),
            ("mark", self._on_mark),
            ("note", self._on_note),
            ("select", self._on_select),
            ("open", self._on_open),
        ):
            self.answer(action, handler)
        self.observe(self._on_view, "view_state")
        if table is not None:
            self.show(table)

    def _source_of(self, thumbnails: Any) -> PictureSource:
        if thumbnails is None:
            return Nothing()
        if isinstance(thumbnails, str | Path):
            return Folder(Path(thumbnails))
        if callable(thumbnails):
            return Made(thumbnails, self.pictures_ready)
        source: PictureSource = thumbnails
        return source

    # what is shown

    def show(self, table: pd.DataFrame) -> None:
        """Show another table; of one that has grown only what is new travels to the browser.

        Marks and notes belong to names: they stay where an image of that name is still there.

        Raises
        ------
        InvalidInput
            If there is no column of names, or two are the same.
        """
        with self._lock:
            self._rows.show(table)
            names = set(self._rows.names)
            self._selected = [name for name in self._selected if name in names]
            self.version = self._rows.version

    def replace(self, table: pd.DataFrame) -> pd.DataFrame:
        """Show other images, also where their names are the same; return :attr:`marks` until then.

        Marks, notes, the selection and pictures belong to the images before and are forgotten.

        Raises
        ------
        InvalidInput
            As :meth:`show`; then nothing changes.
        """
        with self._lock:
            before = self.marks
            self._rows.show(table, anew=True)
            self._selected = []
            if isinstance(self._source, Made):
                self._source.forget()
            self.version = self._rows.version
        return before

    @property
    def table(self) -> pd.DataFrame | None:
        """The table as it was given, rows counted from 0."""
        return self._rows.frame

    @property
    def view(self) -> View:
        """Order and filters that a person has chosen."""
        return self._view

    def look(self, view: View) -> None:
        """Do what choosing this order and these filters does."""
        self.view_state = _as_sent(view)

    @property
    def shown(self) -> pd.DataFrame:
        """The rows that are shown, in their order, with ``mark`` and ``note``."""
        with self._lock:
            return self._judged().iloc[self._rows.shown(self._view)]

    @property
    def selected(self) -> tuple[str, ...]:
        """Names of the images that a person has selected."""
        return tuple(self._selected)

    def pictures_ready(self) -> None:
        """Say that thumbnails are there which were not there before; in any thread."""
        self._refresher.ask()

    def tell(self, words: str) -> None:
        """Say something in the status line: what has become of an image that was to be opened."""
        self.told = _html.plain(words)

    def _announce(self) -> bool:
        self.pictures += 1
        return False

    # what a person thinks

    @property
    def marks(self) -> pd.DataFrame:
        """The marked images and those with a note: all columns, and ``mark`` and ``note``."""
        with self._lock:
            found = self._judged()
            return found[(found["mark"] != "") | (found["note"] != "")]

    def _judged(self) -> pd.DataFrame:
        import pandas as pd

        rows = self._rows
        if rows.frame is None:
            return pd.DataFrame({rows.key: [], "mark": [], "note": []})
        return rows.frame.assign(
            mark=[rows.marks.get(name, "") for name in rows.names],
            note=[rows.notes.get(name, "") for name in rows.names],
        )

    def mark(self, names: Iterable[str], mark: str = "", *, note: str | None = None) -> None:
        """Mark images as ``good`` or ``bad``, or take the mark away; and write a note to them.

        Raises
        ------
        InvalidInput
            If there is no such mark or image.
        """
        if mark not in MARKS:
            raise InvalidInput(f"There is no mark {mark!r}.", hint="Choose good, bad or nothing.")
        with self._lock:
            places = {name: row for row, name in enumerate(self._rows.names)}
            rows = []
            for name in names:
                if name not in places:
                    raise InvalidInput(f"There is no image {name!r} here.")
                rows.append(places[name])
        self._say(rows, mark=mark, note=note)

    def _say(self, rows: list[int], **said: str | None) -> None:
        with self._lock:
            self._rows.say(rows, **said)
            self.version = self._rows.version
        self._tell_marked()

    def _tell_marked(self) -> None:
        for told in tuple(self._marked):
            told()

    def on_mark(self, told: Callable[[], None]) -> None:
        """Call ``told()`` after each mark and note; it must be quick."""
        self._marked.append(told)

    def save(
        self, path: Path | str, *, keep: Keep = "all", folder: Path | str | None = None
    ) -> Path:
        """Write all images with their marks and notes as CSV or STAR; return the path.

        Parameters
        ----------
        keep, folder :
            As for :func:`openem_nb.images.write_selection`.
        """
        with self._lock:
            frame = self._judged()
        return write_selection(path, frame, name=self._rows.key, keep=keep, folder=folder)

    def load(self, path: Path | str) -> int:
        """Take marks and notes from a file that was saved; return how many images had one here."""
        found = self.take(read_selection(path))
        self._tell_marked()
        return found

    def take(self, selection: pd.DataFrame) -> int:
        """Take marks and notes from a table with the columns ``name``, ``mark`` and ``note``.

        Names may have more folders in front of them than they have here.
        """
        with self._lock:
            places = {name: row for row, name in enumerate(self._rows.names)}
            found = 0
            for name, mark, note in zip(
                *(selection[column] for column in ("name", "mark", "note")), strict=True
            ):
                row = _place(str(name), places)
                if row is not None and (mark or note):
                    self._rows.say([row], mark=str(mark), note=str(note))
                    found += 1
            self.version = self._rows.version
        return found

    # without a front end

    def picture(self, count: int = _SHEET) -> bytes:
        """Return a JPEG with the first thumbnails that are shown, and their names below them."""
        from openem_nb.panels._gallery_sheet import sheet

        shown = self.shown.head(count)
        cells: list[tuple[str, str, bytes | str | None]] = []
        for row, name, mark in zip(
            shown.index.tolist(), shown[self._rows.key], shown["mark"], strict=True
        ):
            found: bytes | str | None
            try:
                found = self._source.picture(str(name), self._about(row))
            except OpenEMError:
                found = "cannot be read"
            cells.append((_html.plain(str(name)), str(mark), found))
        return sheet(cells)

    @property
    def alt(self) -> str:
        """What the picture is, in words."""
        return f"{self.label}: {counted(len(self.shown), 'image')} of {len(self._rows.names):,}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        found = super()._repr_mimebundle_(**options)
        if found is None or not len(self.shown):
            return found
        data, metadata = found if isinstance(found, tuple) else (found, {})
        picture = base64.b64encode(self.picture()).decode("ascii")
        data = {**data, "text/plain": self.alt, "image/jpeg": picture}
        return data, {**metadata, "image/jpeg": {"alt": self.alt}}

    def close(self) -> None:
        """End the updates, the making of pictures, and the widget."""
        self._source.close()
        self._refresher.close()
        super().close()

    # what the front end asks for

    def _on_rows(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        since = int(content["since"])
        if not since:  # what was said while its page still connected is lost to it
            self.send_state(["label", "opens", "hidden", "told", "version", "pictures"])
        with self._lock:
            return self._rows.since(since)

    def _on_thumbnails(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._lock:
            wanted = [(row, self._name(row)) for row in list(content["rows"])[:_BATCH]]
        answers: list[dict[str, Any]] = []
        buffers: list[bytes] = []
        for row, name in wanted:
            try:
                found = self._source.picture(name, self._about(row))
            except OpenEMError as error:
                answers.append({"error": _html.plain(str(error))})
                continue
            answers.append({} if found is None else {"buffer": len(buffers)})
            if found is not None:
                buffers.append(found)
        return {"pictures": answers, "buffers": buffers}

    def _about(self, row: int) -> dict[str, object]:
        frame = self._rows.frame
        if frame is None or "thumbnail" not in frame:
            return {}
        return {"thumbnail": frame.at[row, "thumbnail"]}

    def _name(self, row: Any) -> str:
        if not isinstance(row, int) or not 0 <= row < len(self._rows.names):
            raise InvalidInput("The list of images has changed.", hint="Try once more.")
        return self._rows.names[row]

    def _meant(self, content: Mapping[str, Any]) -> list[str]:
        """Return the names of rows as they were numbered when the front end last read them."""
        if int(content.get("version", self._rows.version)) < self._rows.moved:
            raise InvalidInput("Other images are shown by now.", hint="Try once more.")
        return [self._name(row) for row in content["rows"]]

    def _on_mark(self, content: Mapping[str, Any]) -> None:
        with self._lock:
            self.mark(self._meant(content), str(content["mark"]))

    def _on_note(self, content: Mapping[str, Any]) -> None:
        with self._lock:
            self._meant(content)
            note = " ".join(str(content["note"]).split())[:500]
            self._say(content["rows"], note=note)

    def _on_view(self, _: Any) -> None:
        with self._lock:
            self._view = View.of(self.view_state)

    def _on_select(self, content: Mapping[str, Any]) -> None:
        with self._lock:
            self._selected = self._meant(content)

    def _on_open(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._lock:
            (name,) = self._meant({**content, "rows": [content["row"]]})
        told = None if self._open is None else self._open(name)
        return {"told": _html.plain(told or "")}


def _as_sent(view: View) -> dict[str, Any]:
    return {
        "sort": view.sort,
        "descending": view.descending,
        "ranges": {name: list(pair) for name, pair in view.ranges.items()},
        "find": view.find,
        "only": view.only,
    }


def _place(name: str, places: Mapping[str, int]) -> int | None:
    """Return the row of a name, or of the longest end of it that is one here."""
    while name not in places:
        _, slash, name = name.partition("/")
        if not slash:
            return None
    return places[name]
