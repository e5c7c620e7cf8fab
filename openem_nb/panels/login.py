"""Choose the services to work with, log in there, and see until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import ipywidgets

from openem_nb import settings
from openem_nb.panels import _html
from openem_nb.panels._panel import Panel
from openem_nb.panels._refresher import Refresher
from openem_nb.panels.form import Field, Form, Values
from openem_nb.scicat import identity, login_token, login_with, logout
from openem_nb.tokens import Secret
from openem_nb.values import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openem_nb.jobs import Progress
    from openem_nb.scicat import Identity

__all__ = ["LoginPanel"]

_SOON: Final = timedelta(minutes=10)
"""So long before the end of a log-in a person is warned."""
_INTERVAL: Final = 10.0
"""Seconds between two looks at the clock."""
_WAYS: Final = (("token", "Paste a token"), ("password", "Name and password"))
_NOBODY: Final = "Nobody is logged in: public data only."


class LoginPanel(Panel):
    """Profile and log-in of this user: who, which groups, until when.

    A token or a password travels once, with the click, into the log-in; it is never a trait of a
    widget, so it cannot end up in a saved notebook.

    Parameters
    ----------
    profile :
        The instance that is chosen at first; the active one if None.
    done :
        Called after a log-in, for example to repeat what needed it.

    Examples
    --------
    >>> from openem_nb import LoginPanel
    >>> LoginPanel()  # doctest: +SKIP
    """

    def __init__(
        self, profile: str | None = None, *, done: Callable[[], None] | None = None
    ) -> None:
        self._done = done
        self._identity: Identity | None = None
        self._form_of: tuple[str, str] = ("", "")
        self._refresher = Refresher(self._draw, interval=_INTERVAL)
        self.form = Form([], label="Log in", submit_label="Log in", submit=self._submit)
        self.help = _html.text_widget()
        self.state = _html.text_widget()
        self.warning = _html.text_widget()
        self.leave = ipywidgets.Button(description="Log out")
        self.leave.on_click(lambda _: self.logout())
        toolbar = ipywidgets.HBox([self.leave])
        toolbar.add_class("oem-toolbar")
        super().__init__("Log in", notice=None, offer_login=False)
        self.form.observe(lambda _: self._look(), names="values")
        self._add(self.form, self.help, self.errors, self.jobs, self.state, self.warning, toolbar)
        self._ask_for(settings.profile(profile).name)
        if done is None:  # otherwise a panel has just said what is wrong with the log-in
            self.refresh()

    @property
    def identity(self) -> Identity | None:
        """Who is logged in to the chosen instance, as far as it is known already."""
        return self._identity

    def refresh(self) -> None:
        """Ask the chosen instance who is logged in."""
        name = str(self.form.values["profile"])
        if not _has_scicat(name):
            self._show_words(f"{name} has no SciCat: there is nothing to log in to.")
            return
        self._start(
            f"Ask {name} who is logged in",
            lambda _: identity(name),
            lambda found: self._show_identity(name, found),
            again=self.refresh,
        )

    def logout(self) -> None:
        """Do what the Log out button does."""
        name = str(self.form.values["profile"])
        self.errors.clear()

        def show(words: str) -> None:
            self._show_identity(name, None)
            self._show_words(words)

        self._start(f"Log out of {name}", lambda _: logout(name), show)

    def close(self) -> None:
        """End all updates and widgets of the panel; the log-in stays."""
        self._refresher.close()
        super().close()

    # What callbacks do

    def _ask_for(self, name: str, way: str | None = None) -> None:
        """Show the fields that a way to log in to an instance needs."""
        known = settings.profiles()
        chosen = known[name]
        way = way or ("password" if chosen.passwords else "token")
        if (name, way) == self._form_of:
            return
        self._form_of = (name, way)
        self.form.show(
            [
                Field(
                    "profile",
                    "Instance",
                    kind="choice",
                    value=name,
                    choices=tuple((key, f"{key}: {one.title}") for key, one in known.items()),
                    help="Which SciCat, and which archives beside it.",
                    wide=True,
                ),
                Field("way", "How", kind="choice", value=way, choices=_WAYS),
                *_secrets(way),
            ]
        )
        site = _html.link(chosen.scicat_site, chosen.scicat_site) if chosen.scicat_site else ""
        words = " ".join(part for part in (_html.escape(chosen.log_in_help), site) if part)
        self.help.value = f'<p class="oem-muted">{words}</p>' if words else ""

    def _look(self) -> None:
        with self._lock:
            name, way = str(self.form.values["profile"]), str(self.form.values["way"])
            before, _ = self._form_of
            self._ask_for(name, way if name == before else None)
        if name != before:
            self.refresh()

    def _submit(self, values: Values) -> Mapping[str, str]:
        name = str(values["profile"])
        user, text = str(values.get("username", "")).strip(), str(values.get("secret", ""))
        settings.use(name)
        if not text.strip():
            if user:
                return {"secret": "Type the password, too."}
            self.errors.clear()
            self.refresh()
            return {}
        if values["way"] == "password" and not user:
            return {"username": "Type the name of your account."}
        secret = Secret(text if user else text.strip())
        del text
        self.errors.clear()
        self.form.busy = True

        def work(_: Progress) -> Identity:
            return login_with(user, secret, name) if user else login_token(secret, name)

        self._start(
            f"Log in to {name}",
            work,
            lambda found: self._show_identity(name, found, new=True),
            finish=self._not_busy,
        )
        return {}

    def _not_busy(self) -> None:
        self.form.busy = False

    # What the work shows when it has ended

    def _show_identity(self, name: str, found: Identity | None, *, new: bool = False) -> None:
        if name != str(self.form.values["profile"]):  # another one was chosen meanwhile
            return
        self._identity = found
        if found is None:
            self._show_words(f"{name}: {_NOBODY}")
        else:
            self.state.value = _card(found)
            self.leave.layout.display = ""
            self._refresher.ask()
        if new and self._done is not None:
            self._done()

    def _show_words(self, words: str) -> None:
        self.state.value = _html.status(words)
        self.warning.value = ""
        self.leave.layout.display = "none"

    def _draw(self) -> bool:
        """Look at the clock; runs beside everything else and so takes no lock."""
        found = self._identity
        if found is None or found.expires is None:
            self.warning.value = ""
            return False
        left = found.expires - datetime.now(UTC)
        if left <= timedelta():
            words = "Your log-in has run out. Log in again; what you did is kept."
        elif left <= _SOON:
            ends = format_duration(60 * max(1, round(left.total_seconds() / 60)))
            words = f"Your log-in runs out in {ends}. Log in again before you ask for more."
        else:
            words = ""
        text = f'<p class="oem-banner" role="alert">{_html.escape(words)}</p>' if words else ""
        if self.warning.value != text:
            self.warning.value = text
        return left > timedelta()


def _secrets(way: str) -> list[Field]:
    if way == "password":
        return [
            Field("username", "User name"),
            Field("secret", "Password", kind="password", help="It is sent once and kept nowhere."),
        ]
    return [
        Field(
            "secret",
            "Token",
            kind="password",
            help="Empty: go on with the token that is stored, or with public data only.",
        )
    ]


def _has_scicat(name: str) -> bool:
    profile = settings.profile(name)
    return profile.scicat_api is not None or profile.archives is None


def _card(found: Identity) -> str:
    ends = f"{found.expires.astimezone():%Y-%m-%d %H:%M}" if found.expires else "not known"
    facts = _html.definitions(
        [
            ("Instance", _html.escape(found.profile)),
            ("E-mail", _html.escape(found.email)),
            ("Groups", _html.escape(", ".join(found.groups) or "none")),
            ("Until", _html.escape(ends)),
        ]
    )
    name = _html.escape(found.display_name)
    if found.display_name != found.username:
        name += f' <span class="oem-muted">({_html.escape(found.username)})</span>'
    return (
        '<article class="oem-card" aria-label="Log-in"><div class="oem-card-text" role="status">'
        f"<h3>{name} {_html.badge('Logged in', yes=True)}</h3>{facts}"
        '<p class="oem-muted">A new group counts after the next log-in.</p></div></article>'
    )
