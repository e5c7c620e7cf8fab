"""The process of a run: ``python -m openem_nb.runs FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

# On import, jsonschema has rfc3987_syntax build a grammar for each of 38 rules, which takes as long
# as all else together. It is for the format "iri" alone, which notebooks do not have, and optional.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: not to be had

from openem_nb.runs.execution import main  # noqa: E402

sys.exit(main(Path(sys.argv[1])))
