"""A document as a tree: opened where a person looks, searched, and edited in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from openem_nb.errors import InvalidInput
from openem_nb.oscem.document import is_quantity, join
from openem_nb.panels import _html
from openem_nb.panels._front_end import FrontEnd, module, style
from openem_nb.panels._metadata_edit import editing, read_value
from openem_nb.panels._metadata_nodes import MISSING, PAGE, Nodes, keys_of, spoken
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from openem_nb.oscem.fields import FieldInfo

__all__ = ["MetadataTree"]

_DEEP = 2000
"""Characters of a value that the details show."""


class MetadataTree(FrontEnd):
    """A tree of a document's values with units, marks of what is wrong, and their origin.

    Members of a node travel when it is opened, at most 200 at a time, so that a document of any
    size shows at once.

    Parameters
    ----------
    label :
        Accessible name.
    edit :
        Called with path and new value when a person changed one; raises ``InvalidInput`` where it
        cannot be. Without it nothing is editable.
    remove :
        Called with a path when a person removed its value.

    Examples
    --------
    >>> tree = MetadataTree()
    >>> tree.show({"acquisition": {"pixel_size": {"value": 0.65, "unit": "Å"}}})
    """

    _esm = module("metadata_tree")
    _css = style("metadata_tree")

    label = traitlets.Unicode().tag(sync=True)
    editable = traitlets.Bool(False).tag(sync=True)
    fields = traitlets.Bool(False).tag(sync=True)
    version = traitlets.Int(0).tag(sync=True)
    target = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        *,
        label: str = "Metadata",
        edit: Callable[[str, Any], None] | None = None,
        remove: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(label=label, editable=edit is not None)
        self._edit, self._remove = edit, remove
        self._nodes = Nodes({})
        self._origins: Mapping[str, Iterable[tuple[str, str]]] = {}
        for action, handler in (
            ("rows", self._rows),
            ("children", self._children),
            ("search", self._search),
            ("details", self._details),
            ("editor", self._editor),
            ("edit", self._on_edit),
        ):
            self.answer(action, handler)

    def show(
        self,
        document: Mapping[str, Any],
        *,
        fields: Iterable[FieldInfo] = (),
        problems: Iterable[tuple[str, str]] = (),
        origins: Mapping[str, Iterable[tuple[str, str]]] | None = None,
    ) -> None:
        """Show a document; what was opened stays open.

        Parameters
        ----------
        fields :
            What the document may hold.
        problems :
            Path and message of what is wrong.
        origins :
            By path, what is known of where a value comes from, as name and text.
        """
        self._origins = origins or {}
        self._nodes = Nodes(document, fields=fields, problems=problems, known=self._origins)
        with self.hold_sync():
            self.fields = self._nodes.has_fields
            self.version += 1

    def reveal(self, path: str) -> None:
        """Open what leads to ``path`` and choose its row."""
        keys = self._nodes.locate(path)
        number = self.target.get("number", 0) + 1
        self.target = {"id": join(keys), "number": number}

    # What the front end asks for

    def _rows(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        opened = {str(path): int(count) for path, count in dict(content["opened"]).items()}
        all_fields = bool(content.get("all"))
        if content.get("chosen"):
            for path, count in self._nodes.way_to(
                str(content["chosen"]), all_fields=all_fields
            ).items():
                opened[path] = max(count, opened.get(path, 0))
        return {"rows": self._shown(self._nodes.rows(opened, all_fields=all_fields)), "told": ""}

    def _children(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        keys, start = keys_of(str(content["id"])), max(0, int(content.get("start") or 0))
        rows = self._nodes.children(keys, start=start, all_fields=bool(content.get("all")))
        return {"rows": self._shown(rows)}

    def _search(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        rows, hits, searched = self._nodes.search(str(content["text"]))
        told = f"{hits:,} of {counted(searched, 'row')} match."
        if not hits:
            told = f"Nothing matches in {counted(searched, 'row')}."
        elif hits > PAGE:
            told += f" The first {PAGE} are shown; write more to narrow it down."
        return {"rows": self._shown(rows), "told": told}

    def _details(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        path = str(content["id"])
        keys = keys_of(path)
        value, field = self._nodes.get(keys), self._nodes.field(keys)
        pairs = []
        if not isinstance(value, dict | list) or is_quantity(value):
            text, unit = ("none", "") if value is MISSING else spoken(value)
            pairs.append(("Value", f"{text[:_DEEP]} {unit}".strip()))
            if isinstance(value, dict) and value.get("unitSI") is not None:
                pairs.append(("In SI units", f"{value.get('valueSI')} {value['unitSI']}"))
        if field is not None:
            if field.description:
                pairs.append(("What it is", field.description))
            pairs.append(("Needed", "yes" if field.required else "no"))
        pairs += [("Wrong", text) for text in self._nodes.problems(keys)]
        origin = list(self._origins.get(path, ()))
        if not origin and value is not MISSING and self._origins:
            origin = [("Where from", "not recorded for this row")]
        rows = [[name, _html.plain(text)] for name, text in (*pairs, *origin)]
        return {"path": _html.plain(path), "rows": rows}

    def _editor(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        return editing(self._nodes, keys_of(str(content["id"])))

    def _on_edit(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._edit is None:
            raise InvalidInput("This document cannot be edited here.")
        path = str(content["id"])
        keys = keys_of(path)
        try:
            value = MISSING
            if not content.get("remove"):
                value = read_value(
                    self._nodes, keys, str(content.get("value", "")), str(content.get("unit", ""))
                )
            if value is not MISSING:
                self._edit(path, value)
            elif self._nodes.get(keys) is not MISSING and self._remove is not None:
                self._remove(path)
        except InvalidInput as error:
            return {"error": f"{error} {error.hint}".strip()}
        return {}

    def _shown(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return rows whose texts hide and turn nothing."""
        for row in rows:
            for name in ("key", "text", "unit", "about"):
                if name in row:
                    row[name] = _html.plain(str(row[name]))
            if "problems" in row:
                row["problems"] = [_html.plain(text) for text in row["problems"]]
        return rows
