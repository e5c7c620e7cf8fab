"""Run a notebook from JupyterLab: choose it, fill in its form, follow it, open its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ipywidgets
import pandas as pd

from openem_nb import runs
from openem_nb.errors import OpenEMError
from openem_nb.panels import _html
from openem_nb.panels._panel import Panel
from openem_nb.panels._refresher import Refresher
from openem_nb.panels._server_paths import server_path
from openem_nb.panels.error_view import Disclosure
from openem_nb.panels.form import Field, Form, Kind, Values
from openem_nb.panels.job_list import Link, Row, RowList
from openem_nb.values import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.runs import Parameter, Run

__all__ = ["RunPanel"]

_SHOWN: Final = 20
"""Earlier runs in the list; ``runs.history()`` has all."""
_KINDS: Final[dict[str, Kind]] = {
    "bool": "check",
    "int": "number",
    "float": "number",
    "date": "date",
    "Literal": "choice",
    "list[str]": "lines",
}


class RunPanel(Panel):
    """Choose a notebook, fill in its parameters, run it in a process of its own, open the report.

    A run goes on when the page is closed or the kernel is restarted; a new panel finds it again.

    Parameters
    ----------
    name :
        Notebook that is chosen at first, by name or as a path of one's own; the first one where it
        is None.

    Examples
    --------
    >>> from openem_nb import RunPanel
    >>> RunPanel("swiss_statistics")  # doctest: +SKIP
    """

    def __init__(self, name: str | Path | None = None) -> None:
        super().__init__("Run a notebook")
        choices: dict[str, str] = {one: one for one in runs.templates()}
        chosen = str(name) if name is not None else next(iter(choices))
        if chosen not in choices:
            choices[runs.form(chosen).name] = chosen
        self.notebook = ipywidgets.Dropdown(
            options=tuple(choices.items()),
            value=chosen,
            description="Notebook",
            layout={"width": "420px"},
        )
        self.about = _html.text_widget()
        self.form = Form([], label="Parameters", submit_label="Run", submit=self._submit)
        self.form.layout.margin = "0"
        self.code_view = Disclosure("Show code")
        self.active = RowList("Running now")
        self.history = RowList("Earlier runs", empty="No notebook has been run yet.")
        self.reload = ipywidgets.Button(description="Refresh list")
        self.reload.on_click(lambda _: self.refresh())
        self.active.on_action("cancel", self._cancel)
        for action, handler in (
            ("rerun", self._rerun),
            ("delete", self._ask_delete),
            ("keep", self._keep),
            ("delete-now", self._delete),
        ):
            self.history.on_action(action, handler)
        self._deleting: set[str] = set()
        self._active: list[Run] = []
        self._reload = True
        self._refresher = Refresher(self._draw, interval=0.4)
        self.notebook.observe(lambda _: self._choose(), names="value")
        self.form.observe(lambda _: self._check(), names="values")
        self._add(self.notebook, self.about, self.form, self.errors, self.jobs)
        self._add(self.active, self.history, self.reload, self.code_view)
        self._choose()
        self._refresher.ask()

    def code(self) -> str:
        """Return Python that starts the run which the form describes, as ``run``."""
        with self._lock:
            form, answers = self._form, self._answers(self.form.values)
        given = {
            parameter.name: parameter.plain(value)
            for parameter in form.parameters
            if (value := parameter.read(answers[parameter.name])) != parameter.default
        }
        arguments = "".join(f"    {name!r}: {value!r},\n" for name, value in given.items())
        parameters = f", {{\n{arguments}}}" if arguments else ""
        name = self.notebook.value
        return f"from openem_nb import runs\n\nrun = runs.start({name!r}{parameters})\nrun.wait()\n"

    def start(self) -> None:
        """Do what the Run button does."""
        self.form.submit()

    def refresh(self) -> None:
        """Read the list of runs again."""
        with self._lock:
            self._reload = True
        self._refresher.ask()

    def close(self) -> None:
        """End all updates and widgets of the panel; runs go on."""
        self._refresher.close()
        super().close()

    # What callbacks do

    def _choose(self) -> None:
        with self._lock:
            self._form = runs.form(self.notebook.value)
            title = f"<h3>{_html.escape(self._form.title)}</h3>"
            self.about.value = f"{title}<p>{_html.escape(self._form.description)}</p>"
            self.form.show([_field(parameter) for parameter in self._form.parameters])
            self._check()

    def _answers(self, values: Mapping[str, str | bool]) -> dict[str, Any]:
        kinds = {parameter.name: parameter.kind for parameter in self._form.parameters}
        answers = {
            name: str(value).splitlines() if kinds[name] == "list[str]" else value
            for name, value in values.items()
            if name in kinds
        }
        blank = {
            parameter.name: parameter.default
            for parameter in self._form.parameters
            if _is_own_folder(parameter) and not str(values.get(parameter.name, "")).strip()
        }
        return {**answers, **blank}

    def _check(self) -> None:
        with self._lock:
            problems = self._form.problems(self._answers(self.form.values))
            self.form.errors = {name: _sentence(text) for name, text in problems.items()}
            if not problems:
                self.code_view.text = self.code()

    def _submit(self, values: Values) -> Mapping[str, str]:
        with self._lock:
            answers = self._answers(values)
            problems = self._form.problems(answers)
            if problems or self.form.busy:
                return {name: _sentence(text) for name, text in problems.items()}
            name = self.notebook.value
            self.form.busy = True
        self._launch(lambda: runs.start(name, answers))
        return {}

    def _launch(self, begin: Any) -> None:
        self.errors.clear()
        self._start(
            "Start the run", lambda _: begin(), lambda _: self.refresh(), finish=self._not_busy
        )

    def _not_busy(self) -> None:
        self.form.busy = False

    def _cancel(self, run_id: str) -> None:
        runs.get(run_id).cancel()
        self._refresher.ask()

    def _rerun(self, run_id: str) -> None:
        self._launch(lambda: runs.get(run_id).rerun())

    def _ask_delete(self, run_id: str) -> None:
        self._deleting.add(run_id)
        self.refresh()

    def _keep(self, run_id: str) -> None:
        self._deleting.discard(run_id)
        self.refresh()

    def _delete(self, run_id: str) -> None:
        self._deleting.discard(run_id)
        runs.get(run_id).delete()
        self.refresh()

    # What the refresher does

    def _draw(self) -> bool:
        try:
            return self._show_runs()
        except OpenEMError as error:
            self.errors.show(error, again=self.refresh)
            return False

    def _show_runs(self) -> bool:
        with self._lock:
            reload, self._reload = self._reload, False
            known = self._active
        still = [run for run in known if run.folder.is_dir() and run.state.active]
        if reload or len(still) < len(known):
            frame = runs.history()
            running = frame["state"].isin(["queued", "running"])
            still = [runs.get(run_id) for run_id in frame.loc[running, "id"]]
            self._show_history(frame[~running])
        with self._lock:
            self._active = still
        self.active.show(_active_row(run) for run in still)
        return bool(still)

    def _show_history(self, frame: pd.DataFrame) -> None:
        shown = frame.head(_SHOWN)
        self.history.show(self._past_row(record) for record in shown.to_dict("records"))
        more = f" (newest {_SHOWN} of {len(frame)})" if len(frame) > _SHOWN else ""
        self.history.label = f"Earlier runs{more}"

    def _past_row(self, record: Mapping[Any, Any]) -> Row:
        run_id, folder = str(record["id"]), Path(record["folder"])
        words = [record["summary"] or ""]
        if record["state"] in ("failed", "lost"):
            error = runs.get(run_id).error
            words += [str(error), error.hint] if error else []
        began = record["created"].tz_convert(None).strftime("%Y-%m-%d %H:%M UTC")
        seconds = record["seconds"]
        took = "" if pd.isna(seconds) else f", took {format_duration(seconds)}"
        actions = (("rerun", "Re-run"), ("delete", "Delete"))
        if run_id in self._deleting:
            actions = (("delete-now", "Delete for good"), ("keep", "Keep"))
        return Row(
            run_id,
            str(record["title"]),
            str(record["state"]).capitalize(),
            message="\n".join(word for word in words if word),
            detail=began + took,
            path=str(folder),
            actions=actions,
            links=_links(folder, record["report"]),
        )


def _active_row(run: Run) -> Row:
    progress = run.progress()
    waiting = run.state is runs.RunState.QUEUED
    stopping = (run.folder / "cancel").exists()
    took = format_duration(progress.seconds) if progress.seconds >= 1 else ""
    return Row(
        run.id,
        run.title,
        "Stopping" if stopping else "Waiting" if waiting else "Running",
        active=True,
        fraction=progress.fraction,
        message=progress.message,
        detail=", ".join(part for part in (progress.text, took) if part),
        path=str(run.folder),
        actions=() if stopping else (("cancel", "Cancel"),),
    )


def _links(folder: Path, report: Path | None) -> tuple[Link, ...]:
    """Return links to what the Jupyter server can serve; none where it cannot see the runs."""
    found = []
    if report is not None and (path := server_path(report)) is not None:
        found.append(Link("Open report", path, view="files"))
    output = folder / "output.ipynb"
    if output.is_file() and (path := server_path(output)) is not None:
        found.append(Link("Open output", path))
    return tuple(found)


def _field(parameter: Parameter) -> Field:
    kind = _KINDS.get(parameter.kind, "text")
    choices = tuple((str(choice), str(choice)) for choice in parameter.choices)
    if parameter.kind == "bool" and parameter.optional:
        kind, choices = "choice", (("true", "Yes"), ("false", "No"))
    if kind == "choice" and parameter.optional:
        choices = (("", "Not set"), *choices)
    placeholder = "blank allowed" if parameter.optional and kind in ("text", "number") else ""
    return Field(
        parameter.name,
        parameter.name.replace("_", " ").capitalize(),
        kind=kind,
        value=_shown(parameter, kind),
        help=parameter.help,
        choices=choices,
        placeholder="the run's own folder" if _is_own_folder(parameter) else placeholder,
        wide=kind == "lines",
    )


def _is_own_folder(parameter: Parameter) -> bool:
    """Return whether the default is the folder in which the notebook runs."""
    return parameter.kind == "Path" and parameter.default == Path()


def _shown(parameter: Parameter, kind: Kind) -> str | bool:
    plain = parameter.plain(parameter.default)
    if kind == "check":
        return bool(plain)
    if plain is None or _is_own_folder(parameter):
        return ""
    if isinstance(plain, list):
        return "\n".join(plain)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
