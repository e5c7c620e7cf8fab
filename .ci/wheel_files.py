"""Fail when a wheel differs from the files of the package that git knows.

``python .ci/wheel_files.py dist/openem_nb-....whl``, in a clone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

INSIDE = ("notebooks/", "widgets/")  # beside the package in a clone, in it in a wheel

listed = subprocess.run(  # noqa: S603
    ["git", "ls-files", "-z", "openem_nb", *INSIDE],  # noqa: S607
    capture_output=True,
    text=True,
    check=True,
).stdout.split("\0")
known = {f"openem_nb/{path}" if path.startswith(INSIDE) else path: path for path in listed if path}
wrong = [] if known else ["git knows no file of the package"]
with ZipFile(sys.argv[1]) as wheel:
    found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    wrong += [f"not in the wheel: {name}" for name in sorted(known.keys() - found)]
    wrong += [f"not in git: {name}" for name in sorted(found - known.keys())]
    wrong += [
        f"differs: {name}"
        for name in sorted(found & known.keys())
        if wheel.read(name) != Path(known[name]).read_bytes()
    ]
sys.stdout.write("".join(f"{line}\n" for line in wrong))
sys.exit(bool(wrong))
