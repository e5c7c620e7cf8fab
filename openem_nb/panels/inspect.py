"""Inspect the images of a data set: see all of them, open one, measure, judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import ipywidgets

from openem_nb import settings
from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.mining.files import ImageFiles
from openem_nb.mining.sources import Folder, is_asked_for, source_of
from openem_nb.panels import _html
from openem_nb.panels._folder_choice import FolderChoice
from openem_nb.panels._inspect_about import about, far_words, written
from openem_nb.panels._inspect_code import spelled
from openem_nb.panels._inspect_marks import KeptMarks
from openem_nb.panels._inspect_measure import MeasureBox
from openem_nb.panels._inspect_opened import OpenedImage
from openem_nb.panels._inspect_practice import practice_folder
from openem_nb.panels._inspect_save import LoadForm, SaveForm
from openem_nb.panels._inspect_static import Kept, ended
from openem_nb.panels._inspect_table import listed, measured
from openem_nb.panels._inspect_thumbnails import Thumbnails
from openem_nb.panels._panel import Panel
from openem_nb.panels._refresher import Refresher
from openem_nb.panels.error_view import Disclosure
from openem_nb.panels.form import Field, Form, Values
from openem_nb.panels.gallery import Gallery
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd

    from openem_nb.images.picks import Picks
    from openem_nb.jobs import Job, Progress
    from openem_nb.mining import Mined
    from openem_nb.mining.files import ImageFile
    from openem_nb.mining.sources import Source
    from openem_nb.panels.micrograph import MicrographView

__all__ = ["InspectPanel"]

_KEEP_SECONDS: Final = 5.0
"""Between two renewals of the pictures that a saved notebook keeps: each sends some 100 kB."""
_PRACTICE: Final = 24
"""Micrographs of a practice data set."""


class InspectPanel(Panel):
    """The images of a folder or data set as a gallery, with viewer, measurements and marks.

    Thumbnails are made in the background and kept; marks and notes are kept for each data set, so
    that closing the notebook loses nothing. Of images that are far away those that come into sight
    are fetched, and the panel says how much that was.

    Parameters
    ----------
    source :
        A folder; a data set of SciCat, its PID or its retrieval; an EMPIAR entry or its id; a list
        of files.
    pattern :
        Only files whose name, or path in the data set, is like this: ``*_fractions.tiff``.
    voltage, cs, pixel_size :
        In kV, mm and Å, for measurements, where neither files nor metadata know them.
    picks :
        Particle picks, or a file of them, of all images; otherwise those in a file beside an image
        that is named like it (``.box``, ``.cbox``, ``.star``, ``_autopick.star``).

    Examples
    --------
    >>> from openem_nb import InspectPanel
    >>> InspectPanel("session/Images-Disc1")  # doctest: +SKIP
    >>> InspectPanel("EMPIAR-10028", pattern="data/Micrographs/*")  # doctest: +SKIP
    >>> InspectPanel(openem.get("20.500.11935/1234"))  # doctest: +SKIP
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
        cache = settings.folders().cache  # first of all: without a place to write there is no panel
        self._kept: Kept | None = None
        super().__init__("Inspect micrographs", notice=None)
        self.source: Source | None = None
        """What is shown; None before the first."""
        self.files = ImageFiles(())
        """The images that are shown."""
        self._held: Source | Any = None  # what was given, where a text says less of it
        self._files: dict[str, ImageFile] = {}
        self._pattern = ""
        self.listing: Job[Any] | None = None
        """The work that lists the images, None before the first."""
        self.making: Job[int] | None = None
        """The work that makes the thumbnails, None before the first folder."""
        self.fetching: Job[int] | None = None
        """The work that fetches images that are far away, None before the first."""
        self.form = Form(
            [
                Field(
                    "source",
                    "Folder, data set or entry",
                    placeholder="/data/session, 20.500.11935/…, EMPIAR-10028",
                    wide=True,
                ),
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
        self.about = _html.text_widget()
        self.summary = _html.text_widget()
        self.more = ipywidgets.Button(description="Fetch more thumbnails")
        self.more.layout.display = "none"
        self.thumbnails = Thumbnails(cache / "thumbnails", self._arrived, self._fetch)
        self.more.on_click(lambda _: self.thumbnails.allow())
        self.gallery = Gallery(thumbnails=self.thumbnails, label="Images", open=self._asked_for)
        self.gallery.on_mark(self._on_mark)
        self.kept = KeptMarks(self.gallery)
        self._refresher = Refresher(self._refresh, interval=1.0)
        self.measure = MeasureBox(
            self._follow, self._measured, voltage=voltage, cs=cs, pixel_size=pixel_size
        )
        self.viewing = OpenedImage(self._start, self.measure, self._shown, picks=picks)
        self.save_form = SaveForm(self.gallery, lambda: self.folder, self._start)
        self.load_form = LoadForm(self.gallery, self._start)
        marks = [one for form in (self.save_form, self.load_form) for one in (form, form.problems)]
        self.tabs = ipywidgets.Tab(
            [self.measure, ipywidgets.VBox(marks)], titles=("Measure", "Save marks")
        )
        self.code_view = Disclosure("Show code")
        self._keeper = Refresher(self._keep, interval=_KEEP_SECONDS)
        self.gallery.observe(self._looked, "view_state")
        self.viewer.canvas.observe(self._looked, ["settings", "version"])
        self._add(self.form, self.place, self.errors, self.jobs)
        self._add(self.about, self.summary, self.more, self.gallery, self.viewing)
        self._add(self.tabs, self.code_view)
        self._show_parts(False)
        self.place.show(source is None)
        if source is not None:
            self._choose(source if is_asked_for(source) else source_of(source))

    @property
    def folder(self) -> Path | None:
        """The folder that is shown; None where it is a data set."""
        return self.source.path if isinstance(self.source, Folder) else None

    @property
    def viewer(self) -> MicrographView:
        """The viewer of the image that was opened last."""
        return self.viewing.viewer

    @property
    def mined(self) -> Mined | None:
        """What was measured; None before the first time."""
        return self.measure.mined

    @property
    def frame(self) -> pd.DataFrame | None:
        """The images with all that is known of them; None before there are any."""
        return self.gallery.table

    def show(self, source: Any) -> None:
        """List the images of another folder or data set in the background."""
        self._choose(source if is_asked_for(source) else source_of(source))

    def wait(self, *, progress: Progress | None = None) -> Self:
        """Wait until the images are listed and the first pictures are there; return the panel.

        For notebooks that run without anybody who looks: they keep the pictures that there are when
        the panel is shown.

        Parameters
        ----------
        progress :
            Its cancel ends the waiting.

        Raises
        ------
        OpenEMError
            What ended the list.
        """
        if self.listing is not None:
            ended(self.listing, progress)
        if self.making is not None:
            ended(self.making, progress)
        self.pictures()  # asks for those that are far away
        if self.fetching is not None:
            ended(self.fetching, progress)
        self._refresher.settle()  # headers, measurements and marks are in the table, too
        self.jobs.settle()
        self._keep()
        return self

    def show_image(self, name: str) -> None:
        """Show an image in the viewer, in the background.

        Raises
        ------
        InvalidInput
            If there is no such image.
        """
        self.errors.clear()
        self.viewing.open_file(self._file(name))

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
            if self.source is None:
                raise InvalidInput("Nothing was read yet.", hint="Choose a folder or data set.")
            given = self.measure.given or {"measures": ("thumbnail",)}
            file = self.viewing.file
            view = None if file is None else (self.viewer, file)
            return spelled(self.source, self._pattern, given, view)

    # without a front end

    @property
    def alt(self) -> str:
        """What the pictures are, in words."""
        return ". ".join([self.gallery.alt, *([self.viewer.alt] if self.viewing.file else [])])

    def pictures(self) -> list[tuple[str, bytes]]:
        """Return what is shown as JPEG, each with its words: the gallery, and the open image."""
        if self.frame is None or not len(self.gallery.shown):
            return []
        found = [(self.gallery.alt, self.gallery.picture())]
        if self.viewing.file is not None:
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

    def _keep(self) -> bool:
        """Renew what a saved notebook keeps of it."""
        if self._kept is not None:
            self._kept.renew()
        return False

    def _looked(self, _: Any) -> None:
        """Have code and kept pictures follow what a person chooses in gallery and viewer."""
        self._refresher.ask()
        self._keeper.ask()

    def close(self) -> None:
        """End all updates, the making of thumbnails, and the widgets; measuring goes on."""
        if not hasattr(self, "load_form"):
            return  # there is no place to write, so that it never came to be
        for job in (self.making, self.fetching):
            if job is not None:
                job.cancel()
        self._refresher.close()
        self._keeper.close()
        self._keep_marks()
        self.measure.close()
        self.viewing.close()
        self.save_form.close()
        self.load_form.close()
        super().close()

    # what callbacks do

    def _choose(self, given: Any) -> None:
        text = given.strip() if isinstance(given, str) else written(given)
        self._held = None if isinstance(given, str) else given
        self.form.fill(source=text)
        self.form.submit()

    def _submit(self, values: Values) -> Mapping[str, str]:
        text, pattern = (str(values[name]).strip() for name in ("source", "pattern"))
        held = self._held if self._held is not None and written(self._held) == text else None
        if not text and held is None:
            return {"source": "Name a folder, a data set or an entry, or take a folder below."}
        self.errors.clear()
        self.form.busy = True

        def work(progress: Progress) -> tuple[Source, ImageFiles]:
            source = source_of(text if held is None else held, progress=progress)
            return source, source.find(pattern=pattern or None, progress=progress)

        def show(found: tuple[Source, ImageFiles]) -> None:
            self._show_files(*found, pattern=pattern)

        again = lambda: self.form.submit(values)  # noqa: E731
        self.listing = self._start(
            "List the images", work, show, finish=self._not_busy, again=again
        )
        return {}

    def _not_busy(self) -> None:
        self.form.busy = False

    def _show_files(self, source: Source, files: ImageFiles, *, pattern: str) -> None:
        for job in (self.making, self.fetching):
            if job is not None:
                job.cancel()
        if self.source is None or source.key != self.source.key:
            self.jobs.drop_ended()  # it was of what was shown until now
        self.source, self.files, self._pattern = source, files, pattern
        self._held = source
        self._files = {file.name: file for file in files}
        self.viewing.forget()
        self._show_notice(files.notice)
        self.about.value = about(source)
        self.measure.show(source, pattern, files)
        self.thumbnails.show(files)
        try:
            self.kept.show(source.key, self._table())
        except OpenEMError as error:
            self.errors.show(error)
        self.gallery.label = f"Images of {_html.plain(source.title)}"
        self._summarise()
        self.place.show(False)
        self._show_parts(True)
        self._show_code()
        self.making = self._start("Make thumbnails", self.thumbnails.make, lambda _: self._made())

    def _summarise(self) -> None:
        """Say how many images there are, and how much of them came over the network."""
        waiting = self.thumbnails.waiting
        far = far_words(self.files, self.thumbnails.fetched, waiting=waiting)
        words = [f"{counted(len(self.files), 'image')}.", *self.files.notes, far]
        self.summary.value = _html.status(" ".join(word for word in words if word))
        self.more.layout.display = "" if waiting else "none"

    def _fetch(self) -> None:
        """Begin to fetch what is looked at; called where nothing is being fetched."""
        self.fetching = self._start(
            "Fetch thumbnails",
            self.thumbnails.fetch,
            lambda _: self._made(),
            finish=self._fetched,
        )

    def _fetched(self) -> None:
        self.thumbnails.ended()
        self._refresher.ask()

    def _table(self) -> pd.DataFrame:
        frame = listed(self.files, self.thumbnails.known)
        mined = self.measure.mined
        return frame if mined is None else measured(frame, mined.frame)

    def _show_parts(self, shown: bool) -> None:
        self.gallery.hidden = not shown
        self.tabs.layout.display = "" if shown else "none"

    def _follow(
        self, job: Job[Any], describe: Callable[[Any], str], finish: Callable[[], None]
    ) -> None:
        """Show work that was begun elsewhere; an error of it stands where it was begun."""

        def done(job: Job[Any]) -> None:
            if job.error is not None:
                self.measure.problems.show(job.error)
            finish()

        self.job = job
        self.jobs.follow(job, describe=describe, on_cancel=finish)
        job.when_done(done)

    def _made(self) -> None:
        self._refresher.ask()
        self._keeper.ask()

    def _arrived(self) -> None:
        self.gallery.pictures_ready()
        self._refresher.ask()

    def _measured(self) -> None:
        self._show_code()
        self._refresher.ask()

    def _refresh(self) -> bool:
        """Take what is new of headers and measurements, and keep the marks."""
        with self._lock:
            files = self.files
        frame = self._table()
        with self._lock:
            if files is self.files and len(files):
                self.gallery.show(frame)
                self._summarise()
                self.viewing.ring()
                self._show_code()
        self._keep_marks()
        return False

    def _asked_for(self, name: str) -> str:
        """Open an image for a person who is in the gallery: the viewer may be out of sight."""
        tell = self.gallery.tell

        def opened(shown: bool) -> None:
            if shown:
                self.viewer.reveal()
            tell(f"{name} is open below." if shown else f"{name} could not be opened.")

        file = self._file(name)
        tell(f"Opening {name} …")
        self.errors.clear()
        self.viewing.open_file(file, opened)
        return ""

    def _file(self, name: str) -> ImageFile:
        with self._lock:
            file = self._files.get(name)
        if file is None:
            raise InvalidInput(f"There is no image {name!r} here.")
        return file

    def _shown(self) -> None:
        self._show_code()
        self._keeper.ask()

    def _on_mark(self) -> None:
        self.kept.changed()
        self._refresher.ask()
        self._keeper.ask()

    def _keep_marks(self) -> None:
        try:
            self.kept.keep()
        except OpenEMError as error:
            self.errors.show(error)

    def _show_code(self) -> None:
        try:
            self.code_view.text = self.code()
        except InvalidInput as error:  # picks that came from no file, for example
            self.code_view.text = f"# {error} {error.hint}"
