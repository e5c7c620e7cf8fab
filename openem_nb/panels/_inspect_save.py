"""Save marks and notes from a panel, as STAR or CSV, and load them again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb.images.selection import missing_optics
from openem_nb.panels import _html
from openem_nb.panels.error_view import ErrorView
from openem_nb.panels.form import Field, Form, Values
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openem_nb.panels.gallery import Gallery

__all__ = ["LoadForm", "SaveForm"]

_KEEP: Final = (
    ("all", "All, with their marks"),
    ("good", "Those marked good"),
    ("not bad", "All but those marked bad"),
)


_SURE: Final = "There is such a file, which was not written here. Tick this to replace it."


class SaveForm(Form):
    """Asks for a file, and which images it shall name.

    A file that is there and was not written here is replaced only by a person who has been told.

    Parameters
    ----------
    gallery :
        Where the marks are.
    folder :
        Returns where the images lie; None where they are far away.
    start :
        Runs work in the background and shows it, as :meth:`Panel._start` does.
    """

    def __init__(
        self,
        gallery: Gallery,
        folder: Callable[[], Path | None],
        start: Callable[..., Any],
    ) -> None:
        self._gallery, self._folder, self._start = gallery, folder, start
        self._written: set[Path] = set()  # what may be replaced without another word
        self.problems = ErrorView()
        """What came in between, to be shown below the form, where the person is."""
        super().__init__(
            [
                Field("path", "Save as", placeholder="selection.star or selection.csv", wide=True),
                Field("keep", "Images", kind="choice", value="all", choices=_KEEP),
                Field(
                    "replace", "Replace a file that is there", kind="check", value=False, wide=True
                ),
            ],
            label="Save marks and notes",
            submit_label="Save",
            submit=self._save,
        )

    def _save(self, values: Values) -> Mapping[str, str]:
        path, wrong = _path_of(values)
        if path is None:
            return {"path": wrong}
        if not path.parent.is_dir():
            return {"path": f"There is no folder {path.parent}."}
        if path.exists() and path not in self._written and values.get("replace") is not True:
            return {"replace": _SURE}
        self.problems.clear()
        keep: Any = str(values["keep"])

        def save(_: object) -> Path:
            return self._gallery.save(path, keep=keep, folder=self._folder())

        def show(written: Path) -> None:
            self._written.add(written)
            self.fill(replace=False)  # the next name is another matter
            said = f"Written: {_html.plain(str(written))}"
            frame = self._gallery.table
            if written.suffix.lower() == ".star" and frame is not None:
                missing = missing_optics(frame)
                if missing:
                    said += f" (RELION asks for what is not known: {', '.join(missing)})"
            self.status = said

        self._start("Save marks and notes", save, show, errors=self.problems)
        return {}


class LoadForm(Form):
    """Asks for a file with marks and notes, and gives them to the images of that name.

    Parameters
    ----------
    gallery :
        Where the images are.
    start :
        Runs work in the background and shows it, as :meth:`Panel._start` does.
    """

    def __init__(self, gallery: Gallery, start: Callable[..., Any]) -> None:
        self._gallery, self._start = gallery, start
        self.problems = ErrorView()
        """What came in between, to be shown below the form, where the person is."""
        super().__init__(
            [Field("path", "Load from", placeholder="selection.star or selection.csv", wide=True)],
            label="Load marks and notes",
            submit_label="Load",
            submit=self._load,
        )
        self.layout.margin = "14px 0 0"  # below that of saving

    def _load(self, values: Values) -> Mapping[str, str]:
        path, wrong = _path_of(values)
        if path is None:
            return {"path": wrong}
        self.problems.clear()

        def show(count: int) -> None:
            self.status = f"Loaded from {_html.plain(path.name)}: {counted(count, 'image')}."

        self._start(
            "Load marks and notes",
            lambda _: self._gallery.load(path),
            show,
            errors=self.problems,
        )
        return {}


def _path_of(values: Values) -> tuple[Path | None, str]:
    """Return the path that was written, or what is wrong with it."""
    text = str(values["path"]).strip()
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # of a user that this machine does not know
        return None, f"There is no folder {text.partition('/')[0]}."
    if path.suffix.lower() not in {".csv", ".star"}:
        return None, "Name a file that ends in .csv or .star."
    return path, ""
