"""Go through folders to the one that is wanted, or make one with practice data."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from openem_nb import settings
from openem_nb.errors import NotFound
from openem_nb.panels import _html

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["FolderBrowser", "FolderChoice"]

_MOST: Final = 500
"""Folders that a list shows; a name can be written, too."""


class FolderBrowser(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """A list of folders below one folder; it leads down and up again, never out.

    Parameters
    ----------
    root :
        Where it begins.
    start :
        Runs work in the background and shows it, as :meth:`Panel._start` does.
    chosen :
        Called with a folder when it is taken.
    """

    def __init__(
        self, root: Path, start: Callable[..., Any], chosen: Callable[[Path], None]
    ) -> None:
        self._root, self._start, self._chosen = root, start, chosen
        self.folder = root
        """The folder whose members are listed."""
        self._names: list[str] = []
        self.place = _html.text_widget()
        self.list = ipywidgets.Select(
            options=(), description="Folders", rows=6, layout={"width": "420px"}
        )
        self.go = ipywidgets.Button(description="Look inside")
        self.up = ipywidgets.Button(description="Up")
        self.take = ipywidgets.Button(description="Take this folder")
        self.go.on_click(lambda _: self._down())
        self.up.on_click(lambda _: self.look(self.folder.parent))
        self.take.on_click(lambda _: self._take())
        buttons = ipywidgets.HBox([self.go, self.up, self.take])
        buttons.add_class("oem-toolbar")
        super().__init__([self.place, self.list, buttons])

    def look(self, folder: Path) -> None:
        """List the folders inside of one."""
        if folder != self._root and not folder.is_relative_to(self._root):
            return
        self._start("List the folders", lambda _: _inside(folder), lambda names: self._show(names))

    def _show(self, found: tuple[Path, list[str]]) -> None:
        self.folder, self._names = found
        shown = tuple((_html.plain(name), place) for place, name in enumerate(self._names[:_MOST]))
        self.list.options = shown
        more = len(self._names) > _MOST
        words = f"In {self.folder}" + (f" (the first {_MOST} are listed)" if more else "")
        self.place.value = _html.status(words if shown else f"{words}: no folders")
        self.up.disabled = self.folder == self._root
        self.go.disabled = self.take.disabled = not shown

    def _selected(self) -> Path | None:
        place = self.list.value
        return None if place is None else self.folder / self._names[place]

    def _down(self) -> None:
        selected = self._selected()
        if selected is not None:
            self.look(selected)

    def _take(self) -> None:
        selected = self._selected()
        if selected is not None:
            self._chosen(selected)


class FolderChoice(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """Two buttons below a field for a folder: go through folders, or make practice data.

    Parameters
    ----------
    start, chosen :
        As for :class:`FolderBrowser`, which begins at the data folder.
    practise :
        Makes practice data; offered only where the active profile is one for practice.
    practice :
        What that button says.
    """

    def __init__(
        self,
        start: Callable[..., Any],
        chosen: Callable[[Path], None],
        *,
        practise: Callable[[], None],
        practice: str,
    ) -> None:
        self.browser = FolderBrowser(settings.folders().data, start, chosen)
        self.browse = ipywidgets.Button(description="Browse folders")
        self.browse.on_click(lambda _: self.show(not self._browsing))
        self.practice = ipywidgets.Button(description=practice)
        self.practice.on_click(lambda _: practise())
        if settings.profile().notice is None:
            self.practice.layout.display = "none"
        buttons = ipywidgets.HBox([self.browse, self.practice])
        buttons.add_class("oem-toolbar")
        super().__init__([buttons, self.browser])

    def show(self, shown: bool) -> None:
        """Show the list of folders, or hide it."""
        self._browsing = shown
        self.browser.layout.display = "" if shown else "none"
        self.browse.description = "Hide folders" if shown else "Browse folders"
        if shown:
            self.browser.look(self.browser.folder)


def _inside(folder: Path) -> tuple[Path, list[str]]:
    """Return a folder with the names of those inside, without hidden ones and links."""
    try:
        with os.scandir(folder) as entries:
            names = (
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            )
            return folder, sorted(islice(names, 10 * _MOST))
    except OSError as error:
        raise NotFound(
            f"{folder} cannot be listed: {error.strerror or error}.",
            hint="Choose another folder, or write its name.",
        ) from error
