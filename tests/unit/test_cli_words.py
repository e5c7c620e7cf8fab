from __future__ import annotations

import pytest

from openem_nb.cli._words import as_commands


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('Log in with openem.login("practice").', "Log in with `openem login`."),
        ('Log in with openem.login("psi-qa").', "Log in with `openem --profile psi-qa login`."),
        ("Log in first with openem.login().", "Log in first with `openem login`."),
        ("paused; .resume() goes on", "paused; `openem retrievals --follow r1` goes on"),
        ("See log.txt; resume() goes on.", "See log.txt; `openem retrievals --follow r1` goes on."),
        ("Write 2026 or 2026-01.", "Write 2026 or 2026-01."),
        ("", ""),
    ],
)
def test_calls_become_commands(said: str, shown: str) -> None:
    assert as_commands(said, id="r1") == shown
