"""Save marks and notes from a panel, as STAR or CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb.images.selection import missing_optics
from openem_nb.panels import _html
from openem_nb.panels.error_view import ErrorView
from openem_nb.panels.form import Field, Form, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openem_nb.panels.gallery import Gallery

__all__ = ["SaveForm"]

_KEEP: Final = (
    ("all", "All, with their marks"),
    ("good", "Those marked good"),
    ("not bad", "All but those marked bad"),
)


class SaveForm(Form):
    """Asks for a file, and which images it shall name.

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
        self.problems = ErrorView()
        """What came in between, to be shown below the form, where the person is."""
        super().__init__(
            [
                Field("path", "Save as", placeholder="selection.star or selection.csv"),
                Field("keep", "Images", kind="choice", value="all", choices=_KEEP),
            ],
            label="Save marks and notes",
            submit_label="Save",
            submit=self._save,
        )

    def _save(self, values: Values) -> Mapping[str, str]:
        path = str(values["path"]).strip()
        if Path(path).suffix.lower() not in {".csv", ".star"}:
            return {"path": "Name a file that ends in .csv or .star."}
        self.problems.clear()
        keep: Any = str(values["keep"])

        def save(_: object) -> Path:
            return self._gallery.save(path, keep=keep, folder=self._folder())

        def show(written: Path) -> None:
            said = f"Written: {_html.plain(str(written))}"
            frame = self._gallery.table
            if written.suffix.lower() == ".star" and frame is not None:
                missing = missing_optics(frame)
                if missing:
                    said += f" (RELION asks for what is not known: {', '.join(missing)})"
            self.status = said

        self._start("Save marks and notes", save, show, errors=self.problems)
        return {}
