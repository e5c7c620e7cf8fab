"""``python -m openem_nb`` is the console command ``openem``."""

from __future__ import annotations

from openem_nb.cli import main

main()
