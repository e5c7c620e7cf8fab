"""Choose the services to work with, and log in by pasting a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from openem_nb import settings, tokens
from openem_nb.checkup import log_in
from openem_nb.errors import OpenEMError
from openem_nb.panels import _html
from openem_nb.panels.form import Field, Form, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LoginBox"]


class LoginBox(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """Profile and token of this user.

    The token travels once, with the click, into the place where tokens are kept; it is never a
    trait of a widget, so it cannot end up in a saved notebook.

    Parameters
    ----------
    done :
        Called after a successful change, for example to repeat what needed the log-in.
    """

    def __init__(self, *, done: Callable[[], None] | None = None) -> None:
        self._done = done
        known = settings.profiles()
        self.form = Form(
            [
                Field(
                    "profile",
                    "Profile",
                    kind="choice",
                    value=settings.profile().name,
                    choices=tuple((name, f"{name}: {one.title}") for name, one in known.items()),
                    help="Which SciCat instance, and which archives beside it.",
                ),
                Field(
                    "token",
                    "Token",
                    kind="password",
                    help="Paste it from the website of the service; empty keeps the old one.",
                ),
            ],
            label="Log in",
            submit_label="Use this",
            submit=self._submit,
        )
        self.state = _html.text_widget()
        super().__init__([_html.theme(), self.form, self.state])
        self.add_class("oem-panel")
        self._show_state(settings.profile().name)

    def close(self) -> None:
        """End the widgets."""
        for widget in self.children:
            widget.close()
        super().close()

    def _submit(self, values: Values) -> Mapping[str, str]:
        name, text = str(values["profile"]), str(values.get("token", ""))
        try:
            settings.use(name)
            if text:
                tokens.save(name, text)
        except OpenEMError as error:
            return {"token" if text else "profile": f"{error} {error.hint}".strip()}
        self._show_state(name)
        if self._done is not None:
            self._done()
        return {}

    def _show_state(self, name: str) -> None:
        profile = settings.profile(name)
        if profile.scicat_api is None:
            words = "The practice facility needs no log-in."
        else:
            words = log_in(name).detail
        self.state.value = _html.status(words)
