"""Print the lower bounds of pyproject.toml as exact requirements, to try them.

In an empty environment: ``python .ci/lowest.py > lowest.txt && pip install -r lowest.txt``.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
lines = project["dependencies"] + project["optional-dependencies"]["test"]
sys.stdout.write("".join(f"{line.replace('>=', '==')}\n" for line in lines))
