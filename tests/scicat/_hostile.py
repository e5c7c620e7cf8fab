"""Texts that want to be more than text, and what looks for them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openem_nb.practice.scicat.service import ScicatService

EVIL = (
    "=cmd|' /C calc'!A0 \"><script>alert(1)</script><img src=x onerror=alert(1)>'`}} ] **b** {"
    "\x1b[2J\x1b]0;owned\x07\x9b31m\x00\r\nFolder  /evil\u202egpj.exe\u2066\u200b\ufeff"
)
LONG = "long " + "y" * 50_000
TRICKY = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


class _Reader(HTMLParser):
    """Finds in HTML what could run, or lead somewhere by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "svg", "math", "form", "base", "meta"):
            self.bad.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in ("srcdoc", "formaction"):
                self.bad.append(f"{tag} {name}")
            if name in ("href", "src") and not re.match(r"(https?://|data:image/|#)", value or ""):
                self.bad.append(f"{tag} {name}={value}")


def assert_harmless(html: str) -> None:
    """Assert that HTML shows something, runs nothing and leads nowhere by itself."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.bad == []


def evil(service: ScicatService, text: str = EVIL, **fields: Any) -> str:
    """Add a data set with a text wherever one can be."""
    shape = {
        **dict.fromkeys(("datasetName", "owner", "contactEmail", "description", "license"), text),
        **dict.fromkeys(("creationLocation", "sourceFolder", "principalInvestigator"), text),
        **{key: [text] for key in ("keywords", "accessGroups", "sharedWith", "instrumentIds")},
        **{key: [text] for key in ("proposalIds", "principalInvestigators", "inputDatasets")},
        "techniques": [{"pid": text, "name": text}],
        "relationships": [{"identifier": text, "relationship": text}],
        "scientificMetadata": {
            text: {"value": text, "unit": text},
            "a": {text: [text, {"b": text}]},
        },
    }
    return service.add_dataset(**{"files": 2, "size": 9000} | shape | fields)
