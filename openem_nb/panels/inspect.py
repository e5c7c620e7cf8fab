"""Inspect the images of a data set: see all of them, open one, measure, judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from openem_nb import settings
from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.images.picks import read_picks
from openem_nb.mining.files import find, root_of
from openem_nb.panels import _html
from openem_nb.panels._folder_choice import FolderChoice
from openem_nb.panels._inspect_known import measured_ctf, picks_beside
from openem_nb.panels._inspect_marks import KeptMarks
from openem_nb.panels._inspect_measure import MeasureBox
from openem_nb.panels._inspect_practice import practice_folder
from openem_nb.panels._inspect_static import Kept
from openem_nb.panels._inspect_table import listed, measured
from openem_nb.panels._inspect_thumbnails import Thumbnails
from openem_nb.panels._panel import Panel
from openem_nb.panels._refresher import Refresher
from openem_nb.panels.error_view import Disclosure
from openem_nb.panels.form import Field, Form, Values
from openem_nb.panels.gallery import Gallery
from openem_nb.panels.micrograph import MicrographView
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from openem_nb.images.picks import Picks
    from openem_nb.jobs import Job, Progress
    from openem_nb.mining import Mined
    from openem_nb.mining.files import ImageFile, ImageFiles

__all__ = ["InspectPanel"]

_PRACTICE: Final = 24
"""Micrographs of a practice data set."""
_KEEP: Final = (
    ("all", "All, with their marks"),
    ("good", "Those marked good"),
    ("not bad", "All but those marked bad"),
)


class InspectPanel(Panel):
    """The images of a folder as a gallery, with viewer, measurements and marks.

    Thumbnails are made in the background and kept; marks and notes are kept for each folder, so
    that closing the notebook loses nothing.

    Parameters
    ----------
    source :
        A folder, or what has one in ``.folder``: a data set that was retrieved or downloaded.
    pattern :
        Only files whose name, or path in the folder, is like this: ``*_fractions.tiff``.
    voltage, cs, pixel_size :
        KV, mm and Å for measurements, where the files do not know them.
    picks :
        Particle picks, or a file of them, of all images; otherwise those in a file beside an image
        that is named like it (``.box``, ``.cbox``, ``.star``, ``_autopick.star``).

    Examples
    --------
    >>> from openem_nb import InspectPanel
    >>> InspectPanel("session/Images-Disc1")  # doctest: +SKIP
    """

    def __init__(
        self,
        source: Any = None,
        *,
        pattern: str | None = None,
        voltage: float | None = None,
        cs: float | None = None,
        pixel_size: float | None = None,
        picks: Picks | Path | str | None = None,
    ) -> None:
        self._picks = picks
        self._kept: Kept | None = None
        super().__init__("Inspect micrographs", notice=None, offer_login=False)
        self.folder: Path | None = None
        """The folder that is shown."""
        self._files: dict[str, ImageFile] = {}
        self._pattern = ""
        self.making: Job[int] | None = None
        """The work that makes the thumbnails, None before the first folder."""
        self._opened = ""
        self.form = Form(
            [
                Field("folder", "Folder of the images", wide=True),
                Field(
                    "pattern",
                    "Only files like",
                    value=pattern or "",
                    placeholder="*_fractions.tiff",
                    help="All images where it is empty.",
                ),
            ],
            label="Images",
            submit_label="Show the images",
            submit=self._submit,
        )
        self.place = FolderChoice(
            self._start, self._choose, practise=self.practise, practice="Make practice micrographs"
        )
        self.summary = _html.text_widget()
        self.thumbnails = Thumbnails(settings.folders().cache / "thumbnails", self._arrived)
        self.gallery = Gallery(thumbnails=self.thumbnails, label="Images", open=self._on_open)
        self.gallery.on_mark(self._on_mark)
        self.kept = KeptMarks(self.gallery)
        self._refresher = Refresher(self._refresh, interval=1.0)
        self.viewer = MicrographView()
        self.viewing = ipywidgets.VBox([_html.text_widget(), self.viewer])
        self.viewing.layout.display = "none"
        self.measure = MeasureBox(
            self._follow, self._measured, voltage=voltage, cs=cs, pixel_size=pixel_size
        )
        self.save_form = Form(
            [
                Field("path", "Save as", placeholder="selection.star or selection.csv"),
                Field("keep", "Images", kind="choice", value="all", choices=_KEEP),
            ],
            label="Save marks and notes",
            submit_label="Save",
            submit=self._submit_save,
        )
        self.tabs = ipywidgets.Tab(
            [self.measure, ipywidgets.VBox([self.save_form])], titles=("Measure", "Save marks")
        )
        self.code_view = Disclosure("Show code")
        self._add(self.form, self.place, self.errors, self.jobs)
        self._add(self.summary, self.gallery, self.viewing, self.tabs, self.code_view)
        self._show_parts(False)
        self.place.show(source is None)
        if source is not None:
            folder = root_of(source)
            if folder is None:
                raise InvalidInput(
                    f"{type(source).__name__} is no folder.",
                    hint="Give a folder, or a data set that was brought to disk.",
                )
            self._choose(folder)

    @property
    def mined(self) -> Mined | None:
        """What was measured; None before the first time."""
        return self.measure.mined

    @property
    def frame(self) -> pd.DataFrame | None:
        """The images with all that is known of them; None before a folder was read."""
        return self.gallery.table

    def show(self, folder: Path | str) -> None:
        """List the images of a folder in the background."""
        self._choose(Path(folder))

    def show_image(self, name: str) -> None:
        """Show an image in the viewer, in the background.

        Raises
        ------
        InvalidInput
            If there is no such image.
        """
        self._on_open(name)

    def practise(self) -> None:
        """Write a practice data set below the data folder and show it."""
        self.errors.clear()
        self._start(
            "Write practice micrographs",
            lambda progress: practice_folder(_PRACTICE, progress),
            self._choose,
        )

    def code(self) -> str:
        """Return Python that does the same: ``mined`` and ``gallery``, and ``view`` of one image.

        Raises
        ------
        InvalidInput
            If no folder was read yet.
        """
        with self._lock:
            if self.folder is None:
                raise InvalidInput("No folder was read yet.", hint="Choose a folder first.")
            given = {"pattern": self._pattern} if self._pattern else {}
            given |= self.measure.given or {"measures": ("thumbnail",)}
            more = "".join(f", {name}={value!r}" for name, value in given.items())
            lines = ["import openem_nb as openem", ""]
            lines.append(f"mined = openem.mine({str(self.folder)!r}{more})")
            lines.append("gallery = openem.Gallery(mined.frame, thumbnails=mined.folder)")
            if self._opened:
                view = self.viewer.code().splitlines()
                lines[0:1] = [line for line in view if line.startswith(("import", "from"))]
                lines += [line for line in view if line and line not in lines]
        return "\n".join(lines) + "\n"

    # without a front end

    @property
    def alt(self) -> str:
        """What the pictures are, in words."""
        return ". ".join([self.gallery.alt, *([self.viewer.alt] if self._opened else [])])

    def pictures(self) -> list[tuple[str, bytes]]:
        """Return what is shown as JPEG, each with its words: the gallery, and the open image."""
        if self.frame is None or not len(self.gallery.shown):
            return []
        found = [(self.gallery.alt, self.gallery.picture())]
        if self._opened:
            found.append((self.viewer.alt, self.viewer.picture()))
        return found

    def _ipython_display_(self) -> None:
        """Show pictures, and the panel that takes their place where there is a front end."""
        self._kept = Kept(self.pictures)
        self._kept.show()
        widget = super()._repr_mimebundle_()
        if widget is not None:
            from IPython.display import display

            widget.pop("text/plain", None)  # the pictures are what is shown in its place
            display(widget, raw=True)  # type: ignore[no-untyped-call]

    def _keep(self) -> None:
        if self._kept is not None:
            self._kept.renew()

    def close(self) -> None:
        """End all updates, the making of thumbnails, and the widgets; measuring goes on."""
        if self.making is not None:
            self.making.cancel()
        self._refresher.close()
        self._keep_marks()
        self.measure.close()
        self.viewer.close()
        self.save_form.close()
        super().close()

    # what callbacks do

    def _choose(self, folder: Path) -> None:
        self.form.fill(folder=str(folder))
        self.form.submit()

    def _submit(self, values: Values) -> Mapping[str, str]:
        given = {name: str(value).strip() for name, value in values.items()}
        if not given["folder"]:
            return {"folder": "Name a folder, or take one below."}
        self.errors.clear()
        self.form.busy = True

        def work(progress: Progress) -> tuple[Path, ImageFiles]:
            folder = root_of(given["folder"])
            assert folder is not None  # noqa: S101  (a text always is one)
            return folder, find(folder, pattern=given["pattern"] or None, progress=progress)

        def show(found: tuple[Path, ImageFiles]) -> None:
            self._show_files(*found, pattern=given["pattern"])

        again = lambda: self.form.submit(values)  # noqa: E731
        self._start("List the images", work, show, finish=self._not_busy, again=again)
        return {}

    def _not_busy(self) -> None:
        self.form.busy = False

    def _show_files(self, folder: Path, found: ImageFiles, *, pattern: str) -> None:
        self._keep_marks()
        if self.making is not None:
            self.making.cancel()
        self.folder, self._pattern = folder, pattern
        self._files = {file.name: file for file in found.files}
        self._opened = ""
        self.viewing.layout.display = "none"
        self.measure.show(folder, pattern)
        self.thumbnails.show(found.files)
        self.gallery.show(listed(found.files, {}))
        self.gallery.label = f"Images of {_html.plain(folder.name)}"
        notes = "".join(f" {note}" for note in found.notes)
        self.summary.value = _html.status(f"{counted(len(self._files), 'image')}.{notes}")
        try:
            self.kept.take(folder)
        except OpenEMError as error:
            self.errors.show(error)
        self.place.show(False)
        self._show_parts(True)
        self._show_code()
        self.making = self._start("Make thumbnails", self.thumbnails.make, lambda _: self._made())

    def _show_parts(self, shown: bool) -> None:
        self.gallery.hidden = not shown
        self.tabs.layout.display = "" if shown else "none"

    def _follow(
        self, job: Job[Any], describe: Callable[[Any], str], finish: Callable[[], None]
    ) -> None:
        """Show work that was begun elsewhere; an error of it goes to the error view."""

        def done(job: Job[Any]) -> None:
            if job.error is not None:
                self.errors.show(job.error)
            finish()

        self.errors.clear()
        self.job = job
        self.jobs.follow(job, describe=describe, on_cancel=finish)
        job.when_done(done)

    def _made(self) -> None:
        self._refresher.ask()
        self._keep()

    def _arrived(self) -> None:
        self.gallery.pictures_ready()
        self._refresher.ask()

    def _measured(self) -> None:
        self._show_code()
        self._refresher.ask()

    def _refresh(self) -> bool:
        """Take what is new of headers and measurements, and keep the marks."""
        with self._lock:
            files, mined = tuple(self._files.values()), self.measure.mined
        frame = listed(files, self.thumbnails.known)
        if mined is not None:
            frame = measured(frame, mined.frame)
        with self._lock:
            if files == tuple(self._files.values()) and files:
                self.gallery.show(frame)
        self._keep_marks()
        return False

    def _on_open(self, name: str) -> str:
        with self._lock:
            file = self._files.get(name)
        if file is None:
            raise InvalidInput(f"There is no image {name!r} here.")

        def work(_: Progress) -> str:
            return self._show_image(file)

        def show(notes: str) -> None:
            self._opened = name
            heading = f"<h3>{_html.escape(name)}</h3>"
            self.viewing.children[0].value = heading + (_html.status(notes) if notes else "")
            self.viewing.layout.display = ""
            self._show_code()
            self._keep()

        self.errors.clear()
        self._start(f"Open {name}", work, show)
        return ""

    def _show_image(self, file: ImageFile) -> str:
        """Show an image with what is known of it; return what cannot be shown of that."""
        mined, given = self.mined, self.measure.given
        found = None if mined is None else measured_ctf(mined.frame, file.name, given)
        picks, note = self._picks, ""
        if picks is None:
            picks = picks_beside(file.path)
            try:
                if picks is not None:
                    read_picks(picks)
            except OpenEMError as error:  # another program may name other things like this
                note = f"{_html.plain(file.path.stem)} has no picks: {_html.plain(str(error))}"
                picks = None
        self.viewer.show(file.path, ctf=found, picks=picks)
        return note

    def _on_mark(self) -> None:
        self.kept.changed()
        self._refresher.ask()

    def _keep_marks(self) -> None:
        try:
            self.kept.keep()
        except OpenEMError as error:
            self.errors.show(error)

    def _submit_save(self, values: Values) -> Mapping[str, str]:
        path = str(values["path"]).strip()
        if Path(path).suffix.lower() not in {".csv", ".star"}:
            return {"path": "Name a file that ends in .csv or .star."}
        self.errors.clear()
        keep: Any = str(values["keep"])

        def show(written: Path) -> None:
            self.save_form.status = f"Written: {_html.plain(str(written))}"

        self._start("Save marks and notes", lambda _: self.gallery.save(path, keep=keep), show)
        return {}

    def _show_code(self) -> None:
        self.code_view.text = self.code()
