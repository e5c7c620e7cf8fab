"""Raw HTTP to the practice SciCat, as one person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from openem_nb.practice import Facility

__all__ = ["PROFILES", "Caller"]

PROFILES = ("practice", "practice-ethz")


class Caller:
    """One instance, spoken to by one person."""

    def __init__(self, facility: Facility, profile: str, username: str | None = None) -> None:
        self.service = facility.scicat[profile]
        self.root = f"{facility.url}/{self.service.folder}"
        self.headers: dict[str, str] = {}
        if username is not None:
            self.headers["Authorization"] = f"Bearer {self.service.users.token(username)}"

    def call(
        self, path: str, *, method: str = "GET", version: int = 3, body: Any = None, **given: Any
    ) -> requests.Response:
        headers = {**self.headers, **given.pop("headers", {})}
        values = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in given.items()
        }
        url = f"{self.root}/api/v{version}/{path}"
        return requests.request(method, url, params=values, json=body, headers=headers, timeout=30)

    def json(self, path: str, **given: Any) -> Any:
        answer = self.call(path, **given)
        assert answer.ok, (answer.status_code, answer.text[:300])
        return answer.json()
