"""Routes on the raw path: ``%2F`` stays inside its segment, resource names in any case."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from openem_nb.practice.scicat._shapes import Refused, bad_request, not_found

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openem_nb.practice._answer import Answer, Question
    from openem_nb.practice.scicat._users import User
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["Request", "Route", "Router"]


@dataclass(frozen=True)
class Request:
    """One request to the REST API, taken apart."""

    service: ScicatService
    question: Question
    version: int
    """3 or 4."""
    parts: dict[str, str]
    """What the path has in place of the names in braces, decoded."""
    user: User | None
    """Who asks; None for nobody."""

    @property
    def flavour(self) -> str:
        """Return ``psi5`` or ``v427``."""
        return self.service.flavour

    @property
    def body(self) -> Any:
        """Return the parsed body; an empty one is an empty object."""
        try:
            return json.loads(self.question.body or b"{}")
        except ValueError as error:
            raise Refused(bad_request(f"{error} in JSON")) from error

    @property
    def values(self) -> dict[str, str]:
        """Return the query parameters."""
        return self.question.parameters


Handler = Callable[[Request], "Answer"]


@dataclass(frozen=True)
class Route:
    """One route: method, API version (None for both), pattern as ``datasets/{pid}``, handler."""

    method: str
    version: int | None
    pattern: str
    handler: Handler


class Router:
    """Finds the route of a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = list(routes)
        # a name in the path wins over a placeholder, as the services declare their routes
        self._split = sorted(
            ((route, route.pattern.lower().split("/")) for route in self.routes),
            key=lambda pair: [part.startswith("{") for part in pair[1]],
        )

    def find(self, method: str, version: int, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and its parts; ``path`` is raw, without ``/api/v3/``.

        Raises
        ------
        Refused
            With the framework's 404 where there is none.
        """
        segments = path.strip("/").split("/")
        wanted = "GET" if method == "HEAD" else method
        for route, pattern in self._split:
            if (
                route.method == wanted
                and route.version in (None, version)
                and len(pattern) == len(segments)
                and all(
                    (part.startswith("{") and segment) or part == segment.lower()
                    for part, segment in zip(pattern, segments, strict=True)
                )
            ):
                names = route.pattern.split("/")
                return route, {
                    name[1:-1]: unquote(segment)
                    for name, segment in zip(names, segments, strict=True)
                    if name.startswith("{")
                }
        raise Refused(not_found(f"Cannot {method} /api/v{version}/{path}"))
