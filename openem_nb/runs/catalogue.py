"""Notebooks that can be run with parameters, and the reader of their parameters cell.

A parameter is one line of the cell tagged ``parameters``::

    # Comment lines directly above belong to the explanation as well.
    as_of: date | None = None  # State of the archive at this day; blank for the newest.

The types are ``bool``, ``int``, ``float``, ``str``, ``Path``, ``date``, ``Literal[...]`` and
``list[str]``, each with ``| None`` if it may be left blank. The cell is read as Python syntax and
never executed; besides parameters it may hold the imports that the types need.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import io
import json
import re
import tokenize
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openem_nb.errors import CannotWrite, InvalidInput, NotFound
from openem_nb.resources import folder
from openem_nb.runs.parameters import Form, Kind, Parameter
from openem_nb.settings import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["copy_templates", "form", "injected_source", "templates"]

_TAG = "parameters"
_KINDS: dict[str, Kind] = {
    "bool": "bool",
    "int": "int",
    "float": "float",
    "str": "str",
    "Path": "Path",
    "date": "date",
}
_PATTERN = "a parameter is written as `name: type = default  # explanation`"
_SECRET = re.compile(r"token|passw|pwd|secret|credential|api_?key|(^|_)auth($|_)", re.IGNORECASE)


def templates() -> dict[str, Path]:
    """Return the notebooks that come with the package and take parameters, by name."""
    return {
        path.stem: path
        for path in sorted(folder("notebooks").glob("*.ipynb"))
        if any(_is_parameters(cell) for cell in _load(path)["cells"])
    }


def copy_templates(target: Path) -> tuple[Path, ...]:
    """Copy all notebooks of the package into a folder and return the copies made.

    A file that is there already is left alone: it may hold a person's own work.

    Raises
    ------
    CannotWrite
        If the folder cannot be written.
    """
    copied = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder("notebooks").glob("*.ipynb")):
            copy = target / path.name
            if not copy.exists():
                write_whole(copy, path.read_text(encoding="utf-8"))
                copied.append(copy)
    except CannotWrite:
        raise
    except OSError as error:
        raise CannotWrite(
            f"The notebooks cannot be copied to {target}: {error.strerror or error}.",
            hint="Choose a folder where you may write.",
        ) from error
    return tuple(copied)


def form(name: str | Path) -> Form:
    """Return the form of a notebook.

    Parameters
    ----------
    name :
        Name of a template, or path of any notebook with a cell tagged ``parameters``.

    Raises
    ------
    NotFound
        If there is no such notebook; the hint lists the templates.
    InvalidInput
        If it is not a notebook, or its parameters cell cannot be read; the message names the line.
    """
    path = _find(name)
    cells = _load(path)["cells"]
    tagged = [number for number, cell in enumerate(cells, start=1) if _is_parameters(cell)]
    if len(tagged) > 1:
        msg = f"{path.name} has {len(tagged)} cells tagged `parameters` (cells {tagged})"
        raise InvalidInput(msg, hint="Leave the tag on one of them.")
    parameters: tuple[Parameter, ...] = ()
    if tagged:
        where = f"{path.name}, cell {tagged[0]}"
        parameters = _parameters(_source(cells[tagged[0] - 1]), where)
    title, description = _title(cells)
    return Form(
        title=title or path.stem,
        description=description,
        parameters=parameters,
        name=path.stem,
        path=path,
    )


def injected_source(values: Mapping[str, Any]) -> str:
    """Return the Python source of a cell that sets the parameters to ``values``."""
    lines = ["# Parameters of this run"]
    if any(isinstance(value, date) for value in values.values()):
        lines.append("from datetime import date")
    if any(isinstance(value, Path) for value in values.values()):
        lines.append("from pathlib import Path")
    lines += [f"{name} = {_literal(value)}" for name, value in values.items()]
    return "\n".join(lines)


def _literal(value: Any) -> str:
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    return f"Path({str(value)!r})" if isinstance(value, Path) else repr(value)


def _find(name: str | Path) -> Path:
    known = templates()
    if str(name) in known:
        return known[str(name)]
    with contextlib.suppress(OSError, RuntimeError):  # a name too long for a file, or ~nobody
        path = Path(name).expanduser()
        if path.suffix == ".ipynb" and path.is_file():
            return path.resolve()
    near = difflib.get_close_matches(str(name), known, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise NotFound(
        f"There is no notebook {str(name)!r}.",
        hint=f"{meant}Templates: {', '.join(known)}. Or give the path of a notebook (.ipynb).",
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InvalidInput(f"{path.name} cannot be read as a notebook: {error}") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(_is_cell(cell) for cell in cells):
        raise InvalidInput(
            f"{path.name} is not a notebook of format 4",
            hint="Open it in JupyterLab and save it again.",
        )
    return notebook


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("metadata", {}), dict):
        return False
    tags, source = cell.get("metadata", {}).get("tags", []), cell.get("source", "")
    lines = [source] if isinstance(source, str) else source
    return (
        isinstance(tags, list)
        and isinstance(lines, list)
        and all(isinstance(line, str) for line in lines)
    )


def _is_parameters(cell: dict[str, Any]) -> bool:
    return cell.get("cell_type") == "code" and _TAG in cell.get("metadata", {}).get("tags", [])


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _title(cells: list[dict[str, Any]]) -> tuple[str, str]:
    text = next((_source(cell) for cell in cells if cell.get("cell_type") == "markdown"), "")
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text.strip())]
    if not blocks[0].startswith("#"):
        return "", " ".join(blocks[0].split())
    heading, _, rest = blocks[0].partition("\n")
    paragraph = rest or (blocks[1] if len(blocks) > 1 else "")
    return heading.lstrip("#").strip(), " ".join(paragraph.split())


def _parameters(source: str, where: str) -> tuple[Parameter, ...]:
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise InvalidInput(f"{where}{line}: {error.msg}; {_PATTERN}") from error
    comments = _comments(source)
    found: dict[str, Parameter] = {}
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        line = f"{where}, line {statement.lineno}"
        parameter = _parameter(statement, _help(statement, comments), line)
        if parameter.name in found:
            raise InvalidInput(f"{line}: the parameter {parameter.name} stands there twice")
        found[parameter.name] = parameter
    return tuple(found.values())


def _parameter(statement: ast.stmt, explanation: str, line: str) -> Parameter:
    if (
        not isinstance(statement, ast.AnnAssign)
        or not isinstance(statement.target, ast.Name)
        or statement.value is None
    ):
        raise InvalidInput(f"{line}: {_PATTERN}")
    name = statement.target.id
    if _SECRET.search(name):
        raise InvalidInput(
            f"{line}: the parameter {name} looks like a secret, and parameters are written into "
            "the notebook, where everybody can read them",
            hint="Let the notebook use the stored log-in instead (openem_nb.tokens.find).",
        )
    annotation = ast.unparse(statement.annotation)
    kind, choices, optional = _type(statement.annotation, line)
    parameter = Parameter(
        name=name,
        annotation=annotation,
        kind=kind,
        default=None,
        help=explanation,
        choices=choices,
        optional=optional,
    )
    return _with_default(parameter, statement.value, line)


def _with_default(parameter: Parameter, node: ast.expr, line: str) -> Parameter:
    written = ast.unparse(node)
    message = f"{line}: the default {written} of {parameter.name} is not {parameter.expected}"
    try:
        value = _value(node)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(message) from error
    if value is None and parameter.optional:
        return parameter
    # a default has the type itself; text that could be read as one is for people who fill forms
    text_allowed = parameter.kind in {"str", "Path", "Literal", "Path | str"}
    if value is None or (isinstance(value, str) and not text_allowed):
        raise InvalidInput(message)
    default = Path(value) if parameter.kind == "Path" and isinstance(value, str) else value
    settled = Parameter(
        name=parameter.name,
        annotation=parameter.annotation,
        kind=parameter.kind,
        default=default,
        help=parameter.help,
        choices=parameter.choices,
        optional=parameter.optional,
    )
    try:
        settled.read(default)
    except InvalidInput as error:
        raise InvalidInput(message) from error
    return settled


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        arguments = [ast.literal_eval(argument) for argument in node.args]
        if node.func.id == "date":
            return date(*arguments)
        if node.func.id == "Path":
            return Path(*arguments)
    return ast.literal_eval(node)


def _type(node: ast.expr, line: str) -> tuple[Kind, tuple[str | int, ...], bool]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        if isinstance(node.right, ast.Constant) and node.right.value is None:
            kind, choices, _ = _type(node.left, line)
            return kind, choices, True
        if ast.unparse(node) == "Path | str":
            return "Path | str", (), False
    elif isinstance(node, ast.Name) and node.id in _KINDS:
        return _KINDS[node.id], (), False
    elif ast.unparse(node) == "list[str]":
        return "list[str]", (), False
    elif (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Literal"
    ):
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        choices = tuple(
            item.value
            for item in items
            if isinstance(item, ast.Constant) and isinstance(item.value, str | int)
        )
        if choices and len(choices) == len(items):
            return "Literal", choices, False
    raise InvalidInput(
        f"{line}: the type {ast.unparse(node)} is not one that a form can show",
        hint="Types are bool, int, float, str, Path, Path | str, date, Literal[...] and list[str], "
        "each with `| None` if it may be left blank.",
    )


def _comments(source: str) -> dict[int, tuple[str, bool]]:
    """Return line number -> (text of the comment, whether it has the line for itself)."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: (
            token.string.lstrip("#").strip(),
            not token.line[: token.start[1]].strip(),
        )
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _help(statement: ast.stmt, comments: dict[int, tuple[str, bool]]) -> str:
    above = []
    number = statement.lineno - 1
    while comments.get(number, ("", False))[1]:
        above.append(comments[number][0])
        number -= 1
    last = statement.end_lineno or statement.lineno
    trailing = [comments[last][0]] if last in comments else []
    return " ".join(above[::-1] + trailing)
