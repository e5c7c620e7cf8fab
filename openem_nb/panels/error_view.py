"""Errors for people: what happened, what to do, and the details for whoever mends it."""

from __future__ import annotations

import re
import traceback
from typing import TYPE_CHECKING, Any, Final

import ipywidgets
import traitlets

from openem_nb.errors import (
    BadAnswer,
    Cancelled,
    NotLoggedIn,
    OpenEMError,
    RateLimited,
    TokenExpired,
    Unreachable,
)
from openem_nb.panels import _html
from openem_nb.panels._front_end import FrontEnd, module, style

if TYPE_CHECKING:
    from collections.abc import Callable

    from openem_nb.panels.login import LoginPanel

__all__ = ["Disclosure", "ErrorView"]


class Disclosure(FrontEnd):
    """A sentence, a hint, and a text that opens on demand and can be copied."""

    _esm = module("disclosure")
    _css = style("disclosure")

    tone = traitlets.Unicode("plain").tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)
    hint = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode("Details").tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)

    def __init__(self, label: str = "Details", *, tone: str = "plain") -> None:
        super().__init__(label=label, tone=tone)


_UNEXPECTED_HINT = (
    "This is a fault of the program, not of your input. "
    "Copy the details into a report of the problem."
)
_CONTROLS: Final = tuple(
    (re.compile(call), control)
    for call, control in (
        (r"paste it after openem\.login\([^)]*\)", "paste it here"),
        (r"forget it with openem\.logout\([^)]*\)", "log out"),
        (r"( with|:) openem\.login\([^)]*\)", ""),
        (r"ask_again\(\)", "Ask again"),
        (r"resume\(\)", "Resume"),
    )
)
"""Calls that hints name, and what there is for them in panels."""
_RETRY = (Unreachable, RateLimited, BadAnswer)


class ErrorView(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """Shows one error, with what fits it: a log-in, or a button to try again.

    Parameters
    ----------
    offer_login :
        Whether a log-in is among what fits.
    profile :
        The instance to log in to; the active one if None.
    """

    def __init__(self, *, offer_login: bool = True, profile: str | None = None) -> None:
        self._offer_login, self._profile = offer_login, profile
        self.disclosure = Disclosure(tone="error")
        self.retry = ipywidgets.Button(description="Try again")
        self.retry.add_class("oem-button")
        self.retry.on_click(self._on_retry)
        self.login: LoginPanel | None = None
        self._again: Callable[[], None] | None = None
        super().__init__([self.disclosure])
        self.layout.display = "none"
        self.error: BaseException | None = None

    def show(self, error: BaseException, *, again: Callable[[], None] | None = None) -> None:
        """Show ``error``; ``again`` does what failed once more.

        A cancelled piece of work is no error: it clears the view.
        """
        if isinstance(error, Cancelled):
            self.clear()
            return
        sentence, hint = explain(error)
        children: list[ipywidgets.Widget] = [self.disclosure]
        self._drop_login()
        if isinstance(error, NotLoggedIn) and self._offer_login:
            from openem_nb.panels.login import LoginPanel  # a panel itself: it shows errors

            self.login = LoginPanel(self._profile, done=again)
            children.append(self.login)
        elif again is not None and isinstance(error, _RETRY):
            children.append(self.retry)
        self._again, self.error = again, error
        with self.disclosure.hold_sync():
            self.disclosure.sentence = sentence
            self.disclosure.hint = hint
            self.disclosure.text = _html.untangled("".join(traceback.format_exception(error)))
        self.children = children
        self.layout.display = ""

    def clear(self) -> None:
        """Show nothing."""
        self._again, self.error = None, None
        with self.disclosure.hold_sync():
            self.disclosure.sentence = self.disclosure.hint = self.disclosure.text = ""
        self.children = [self.disclosure]
        self.layout.display = "none"
        self._drop_login()

    def close(self) -> None:
        """End the widgets."""
        self._drop_login()
        for widget in (self.disclosure, self.retry):
            widget.close()
        super().close()

    def _drop_login(self) -> None:
        if self.login is not None:
            self.login.close()
            self.login = None

    def _on_retry(self, _: Any) -> None:
        again = self._again
        self.clear()
        if again is not None:
            again()


def in_a_panel(hint: str) -> str:
    """Return a hint with what a panel offers in place of calls in Python."""
    for call, control in _CONTROLS:
        hint = call.sub(control, hint)
    return hint


def explain(error: BaseException) -> tuple[str, str]:
    """Return sentence and hint for an error of any kind."""
    if isinstance(error, TokenExpired):
        return str(error), in_a_panel(error.hint) or "Log in again; what you entered is kept."
    if isinstance(error, OpenEMError):
        return str(error), in_a_panel(error.hint)
    text = _html.plain(str(error))
    name = type(error).__name__
    return f"Unexpected {name}: {text}" if text else f"Unexpected {name}", _UNEXPECTED_HINT
