"""What all front ends share: their source text, and requests that are always answered."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import anywidget

from openem_nb.errors import OpenEMError
from openem_nb.resources import folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FrontEnd", "module", "style"]

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
Buffer = bytes | bytearray | memoryview

_IMPORT = re.compile(r'^import \{[^}]+\} from "\.\./shared/([a-z_]+\.mjs)";\n', re.MULTILINE)
_REMEMBERED = 100
"""Answers that are kept for front ends that ask again."""
_REMEMBERED_BYTES = 64 << 20
"""Bytes of pictures and tables in them; what is dropped for it is read again when asked again."""
_log = logging.getLogger(__name__)


@cache
def module(name: str) -> str:
    """Return the source of the front end ``name`` with its shared parts put in front.

    A notebook loads a front end from one text, where ``../shared`` leads nowhere.
    """
    return _joined(folder("widgets") / name / "widget.mjs", set())


def _joined(path: Path, there: set[str]) -> str:
    """Return a module with the shared parts that it imports before it, each once."""
    source = path.read_text(encoding="utf-8")
    parts = []
    for part in _IMPORT.findall(source):
        if part not in there:
            there.add(part)
            shared = _joined(path.parents[1] / "shared" / part, there)
            parts.append(shared.replace("\nexport ", "\n"))
    return "".join([*parts, _IMPORT.sub("", source)])


@cache
def style(name: str | None = None) -> str:
    """Return the theme, followed by the style of the front end ``name`` where one is given."""
    widgets = folder("widgets")
    paths = [widgets / "shared" / "theme.css"]
    if name:
        paths.append(widgets / name / "widget.css")
    return "".join(path.read_text(encoding="utf-8") for path in paths)


class FrontEnd(anywidget.AnyWidget):
    """A widget whose front end asks for things by message and gets an answer to every message.

    A request that comes twice, with the same key, is done once and answered twice. Bytes travel
    beside an answer, as they are: a handler returns them in a list under ``buffers``.
    """

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._handlers: dict[str, Handler] = {}
        self._answered: dict[str, tuple[dict[str, Any], list[Buffer]]] = {}
        self.on_msg(self._dispatch)

    def answer(self, action: str, handler: Handler) -> None:
        """Let ``handler(content)`` answer the requests named ``action``."""
        self._handlers[action] = handler

    def _dispatch(self, _: Any, message: Any, __: Any) -> None:
        if not isinstance(message, dict) or message.get("type") != "request":
            return
        key = str(message.get("key"))
        if key not in self._answered:  # a front end without an answer asks again, with the same key
            answer = self._reply(message)
            buffers = answer.get("content", {}).pop("buffers", [])
            self._answered[key] = {**answer, "key": key}, buffers
            self._forget()
        answer, buffers = self._answered[key]
        if buffers:
            self.send(answer, buffers=buffers)
        else:
            self.send(answer)

    def _forget(self) -> None:
        """Drop the oldest answers where there are too many, and never the newest."""
        sizes = [sum(map(_size, buffers)) for _, buffers in self._answered.values()]
        total = sum(sizes)
        for key, size in zip(list(self._answered)[:-1], sizes, strict=False):
            if len(self._answered) <= _REMEMBERED and total <= _REMEMBERED_BYTES:
                break
            del self._answered[key]
            total -= size

    def _reply(self, message: Mapping[str, Any]) -> dict[str, Any]:
        try:
            content = self._handlers[message["action"]](message.get("content") or {})
        except OpenEMError as error:
            return {"type": "error", "message": f"{error} {error.hint}".strip()}
        except Exception as error:  # noqa: BLE001  (a person waits for the answer)
            _log.exception("A request of the front end failed: %r", message.get("action"))
            return {"type": "error", "message": f"Unexpected {type(error).__name__}: {error}"}
        return {"type": "reply", "content": dict(content or {})}


def _size(buffer: Buffer) -> int:
    return memoryview(buffer).nbytes
