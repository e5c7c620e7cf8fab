"""Save marks and notes from a panel, as STAR or CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb.panels import _html
from openem_nb.panels.form import Field, Form, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openem_nb.panels.error_view import ErrorView
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
    start :
        Runs work in the background and shows it, as :meth:`Panel._start` does.
    errors :
        Cleared before.
    """

    def __init__(self, gallery: Gallery, start: Callable[..., Any], errors: ErrorView) -> None:
        self._gallery, self._start, self._errors = gallery, start, errors
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
        self._errors.clear()
        keep: Any = str(values["keep"])

        def show(written: Path) -> None:
            self.status = f"Written: {_html.plain(str(written))}"

        save = lambda _: self._gallery.save(path, keep=keep)  # noqa: E731
        self._start("Save marks and notes", save, show)
        return {}
