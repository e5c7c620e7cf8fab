"""A button below a data set or entry that opens the InspectPanel with its images."""

from __future__ import annotations

from typing import Any

import ipywidgets

from openem_nb.panels import _html
from openem_nb.panels.inspect import InspectPanel

__all__ = ["InspectBox"]


class InspectBox(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """Offers to inspect one data set at a time; the panel with the images shows below the button.

    Nothing is asked of a service before the button is pressed.
    """

    def __init__(self) -> None:
        self._given: Any = None
        self.panel: InspectPanel | None = None
        """The panel that was opened, None before the first."""
        self.button = ipywidgets.Button(description="Inspect its images")
        self.button.on_click(lambda _: self.look(self._given))
        self.words = _html.text_widget()
        self.line = ipywidgets.HBox([self.button, self.words])
        self.line.add_class("oem-toolbar")
        super().__init__([self.line])
        self.offer(None)

    def offer(self, given: Any, code: str = "") -> None:
        """Offer to inspect a data set or entry; None offers nothing.

        A panel that is open stays: a person may look at one and search for another.

        Parameters
        ----------
        code :
            The Python expression that names it.
        """
        self._given = given
        call = _html.escape(f"openem.InspectPanel({code})")
        self.words.value = f'<p class="oem-muted"><code>{call}</code></p>' if code else ""
        self.line.layout.display = "none" if given is None else ""

    def look(self, given: Any) -> None:
        """Show the images of a data set, in place of those before."""
        if given is None:
            return
        if self.panel is None:
            self.panel = InspectPanel(given)
            self.children = (self.line, self.panel)
        else:
            self.panel.show(given)

    def close(self) -> None:
        """End the widgets; what is being measured goes on."""
        if self.panel is not None:
            self.panel.close()
        self.button.close()
        self.words.close()
        self.line.close()
        super().close()
