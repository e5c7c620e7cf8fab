"""Fail when a wheel lacks a file of the package, or holds one that git does not know.

``python .ci/wheel_files.py dist/openem_nb-....whl``, in a clone.
"""

from __future__ import annotations

import subprocess
import sys
from zipfile import ZipFile

INSIDE = ("notebooks", "widgets")  # beside the package in a clone, in it in a wheel

known = subprocess.run(  # noqa: S603
    ["git", "ls-files", "-z", "openem_nb", *INSIDE],  # noqa: S607
    capture_output=True,
    text=True,
    check=True,
).stdout.split("\0")
wanted = {f"openem_nb/{path}" if path.startswith(INSIDE) else path for path in known if path}
with ZipFile(sys.argv[1]) as wheel:
    found = {name for name in wheel.namelist() if ".dist-info/" not in name}
for path in sorted(wanted ^ found):
    sys.stdout.write(f"{'not in the wheel' if path in wanted else 'not in git'}: {path}\n")
sys.exit(wanted != found or not wanted)
