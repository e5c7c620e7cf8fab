"""What the repositories ask for, and whether a session has it, as a table to scroll in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from openem_nb.panels import _html
from openem_nb.values import counted

if TYPE_CHECKING:
    from openem_nb.mmcif import Coverage

__all__ = ["CoverageView"]

_CHOICES: Final = (
    ("What is mandatory", "mandatory"),
    ("What is mandatory and not there", "open"),
    ("Everything", "all"),
)
_HEADS: Final = ("Parameter", "Value", "From, or who has it", "EMDB", "EMPIAR")


class CoverageView(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """The table of a coverage; ``Coverage.frame`` has more columns."""

    def __init__(self) -> None:
        self._coverage: Coverage | None = None
        self.choice = ipywidgets.Dropdown(
            options=_CHOICES, description="Show", layout={"width": "340px"}
        )
        self.words = _html.text_widget()
        self.table = _html.text_widget()
        self.choice.observe(lambda _: self._draw(), names="value")
        super().__init__([self.choice, self.words, self.table])

    def show(self, coverage: Coverage | None) -> None:
        """Show what is there and what is not; nothing for None."""
        self._coverage = coverage
        self._draw()

    def _draw(self) -> None:
        coverage = self._coverage
        if coverage is None:
            self.words.value = self.table.value = ""
            return
        frame, chosen = coverage.frame, self.choice.value
        if chosen != "all":
            frame = frame[(frame["emdb"] == "mandatory") | (frame["empiar"] == "mandatory")]
        total, there = len(frame), int(frame["there"].fillna(value=False).sum())
        if chosen == "open":
            frame = frame[~frame["there"].fillna(value=False)]
        words = f"{there:,} of {counted(total, 'parameter')} are there."
        self.words.value = _html.status(words)
        heads = "".join(f"<th scope='col'>{name}</th>" for name in _HEADS)
        rows = "".join(map(_row, frame.to_dict("records")))
        self.table.value = (
            "<div class='oem-table' tabindex='0' role='region' aria-label='Parameters'>"
            f"<table class='oem-plain'><thead><tr>{heads}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>"
        )


def _row(record: dict[Any, Any]) -> str:
    there = record["there"] is True
    cells = (
        record["value"] if there else "not there",
        record["source"] if there else " ".join(filter(None, (record["who"], _why(record["why"])))),
        record["emdb"],
        record["empiar"],
    )
    name = f"<th scope='row'>{_html.escape(str(record['parameter']))}</th>"
    style = "" if there else " class='oem-muted'"
    value, place, emdb, empiar = (_html.escape(str(cell or "")) for cell in cells)
    place = place.replace("/", "/<wbr>").replace("_", "_<wbr>")  # where long paths may break
    marks = "".join(f"<td class='oem-nowrap'>{mark}</td>" for mark in (emdb, empiar))
    return f"<tr>{name}<td{style}>{value}</td><td>{place}</td>{marks}</tr>"


def _why(text: str) -> str:
    return f"({text})" if text else ""
