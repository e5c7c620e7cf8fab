"""The process of a run: ``python -m openem_nb.runs FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from openem_nb.runs.execution import main

sys.exit(main(Path(sys.argv[1])))
