"""Metadata of whole sessions: this package, lxml, mdocfile, and the physical limit.

5,000 and 20,000 XML files of EPU, made of one file with values that differ, in folders of grid
squares; and 5,000 mdoc files of single movies. Each contestant runs in a process of its own, its
imports are not timed, and the files have been written just before, so that the disk takes no part.

- ours: ``oscem.extract(folder)``: finds the files, reads them, makes one document with provenance,
  and checks it; what it says is compared with what was written;
- flatten: lxml parses each file and puts every text under its path, which is forgotten at once;
- kept: the same, and all of it is kept until the end, as tools do that compare at the end;
- mdocfile: ``mdocfile.read`` of each file, whose table is forgotten at once;
- the limit: the files are found and their bytes read.

Contestants take turns, the best of ``--repeat`` rounds counts. The memory is the largest that the
process had, and how much of it came after its imports. Run it with
``python -m benchmarks.extraction [--sample FILE.xml] [--files N ...] [--mdocs N] [--repeat N]``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.statistics import peak_mb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROLES: Final = {
    "xml": ("ours", "flatten", "kept", "limit"),
    "mdoc": ("ours", "mdocfile", "limit"),
}
SQUARE: Final = 240
"""Images of a grid square."""
VARIED: Final = {
    "id": rb"<uniqueID>([^<]*)<",
    "time": rb"<acquisitionDateTime>([^<]*)<",
    "applied": rb">AppliedDefocus</\w+:Key><\w+:Value[^>]*>([^<]*)<",
    "dose": rb">Dose</\w+:Key><\w+:Value[^>]*>([^<]*)<",
    "stage": rb"<stage>.*?<X>([^<]*)<",
}
"""What differs between the files, and where it stands in the one that they are made of."""


def pieces(sample: bytes) -> tuple[list[bytes], list[str]]:
    """Return a file cut where values stand, and the names of those values in their order."""
    places = []
    for name, pattern in VARIED.items():
        found = re.search(pattern, sample)
        if found is None:
            raise SystemExit(f"The sample has no {name}: it has to be an image's file of EPU.")
        places.append((found.span(1), name))
    cut, end = [], 0
    for (start, stop), _ in sorted(places):
        cut.append(sample[end:start])
        end = stop
    return [*cut, sample[end:]], [name for _, name in sorted(places)]


def write_xml(folder: Path, count: int, sample: bytes) -> dict[str, float]:
    """Write as many files of EPU, and return what is true of them."""
    parts, names = pieces(sample)
    rng = random.Random(count)
    start = dt.datetime(2026, 9, 1, 6, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    total = 0.0
    for number in range(count):
        moment = start + dt.timedelta(seconds=4 * number)
        dose = 30 + rng.random()
        total += float(f"{dose:.6f}")
        values = {
            "id": f"{number:032x}",
            "time": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000+02:00"),
            "applied": f"{-8e-7 - 2e-7 * (number % 7):.1E}",
            "dose": f"{dose:.6f}E+20",
            "stage": repr(rng.uniform(-1e-3, 1e-3)),
        }
        text = b"".join(
            part + values[name].encode() for part, name in zip(parts, names, strict=False)
        )
        place = folder / f"Images-Disc1/GridSquare_{number // SQUARE}/Data"
        if number % SQUARE == 0:
            place.mkdir(parents=True)
        name = f"FoilHole_{number // 4}_Data_{number % 4}_2_{moment:%Y%m%d_%H%M%S}.xml"
        (place / name).write_bytes(text + parts[-1])
    return {"images": count, "dose": total / count}


def write_mdocs(folder: Path, count: int) -> dict[str, float]:
    """Write as many mdoc files of movies, and return what is true of them."""
    from openem_nb.practice.sessions import write_session

    truth = write_session(folder, kind="serialem-spa", images=count)
    dose: Any = truth.values["acquisition.dose_per_movie"]
    return {"images": count, "dose": dose[0]}


def files(folder: Path) -> Iterator[Path]:
    """Give all files that hold metadata."""
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith((".xml", ".mdoc")):
                yield Path(place, name)


def ours(folder: Path) -> Callable[[], object]:
    """Return our extraction, after one that loads what is loaded on first use."""
    from openem_nb import oscem

    with tempfile.TemporaryDirectory() as place:
        shutil.copy(next(files(folder)), place)
        oscem.extract(place)

    def go() -> object:
        acquisition = oscem.extract(folder).document["acquisition"]
        dose = acquisition["dose_per_movie"]["value"]
        return {"images": acquisition["images_generated"], "dose": dose}

    return go


def flattened(path: Path) -> dict[str, str]:
    """Return every text of an XML file by its path without namespaces."""
    from lxml import etree

    found: dict[str, str] = {}

    def down(element: Any, above: str) -> None:
        here = f"{above}.{element.tag.rpartition('}')[2]}"
        if here.endswith(".KeyValueOfstringanyType"):
            key, element = element  # a pair goes under its key
            here = f"{above}.{key.text}"
        for child in element:
            down(child, here)
        if element.text and not len(element):
            found[here] = element.text

    down(etree.fromstring(path.read_bytes()), "")
    return found


def flatten(folder: Path) -> Callable[[], object]:
    """Return the reading of all texts of all files, each forgotten at once."""
    import lxml.etree  # noqa: F401  (imports are not timed)

    return lambda: [len(flattened(path)) for path in files(folder)]


def kept(folder: Path) -> Callable[[], object]:
    """Return the reading of all texts of all files, kept until the end."""
    import lxml.etree  # noqa: F401

    return lambda: len([flattened(path) for path in files(folder)])


def mdocfile(folder: Path) -> Callable[[], object]:
    """Return mdocfile's reading of all files."""
    import mdocfile

    warnings.simplefilter("ignore")
    return lambda: [len(mdocfile.read(path)) for path in files(folder)]


def limit(folder: Path) -> Callable[[], object]:
    """Return the reading of all bytes."""
    return lambda: sum(len(path.read_bytes()) for path in files(folder))


WORK: Final = {
    "ours": ours,
    "flatten": flatten,
    "kept": kept,
    "mdocfile": mdocfile,
    "limit": limit,
}


def work(role: str, folder: Path) -> None:
    """Do the work of one contestant and print its seconds and memory as JSON."""
    go = WORK[role](folder)
    begun = peak_mb()
    start, before = time.perf_counter(), os.times()
    said = go()
    seconds, after = time.perf_counter() - start, os.times()
    result = {
        "seconds": seconds,
        "cpu": sum(after[:4]) - sum(before[:4]),
        "peak": peak_mb(),
        "grown": peak_mb() - begun,
        "said": said if role == "ours" else None,
    }
    print(json.dumps(result))


def in_child(role: str, folder: Path) -> dict[str, Any]:
    """Measure one contestant in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.extraction", "--role", role, "--folder", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if role == "mdocfile" else None,  # it warns of each section
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def compare(form: str, folder: Path, count: int, truth: dict[str, float], repeat: int) -> None:
    """Measure all contestants on one session and print seconds, files per second and ratios."""
    size = sum(path.stat().st_size for path in files(folder))
    print(f"{count:,} {form} files, {size / 1e6:.0f} MB")
    best: dict[str, dict[str, Any]] = {}
    for _ in range(repeat):
        for role in ROLES[form]:
            found = in_child(role, folder)
            if role == "ours":
                assert found["said"]["images"] == truth["images"], (found["said"], truth)
                assert abs(found["said"]["dose"] / truth["dose"] - 1) < 1e-9, (found, truth)
            if role not in best or found["seconds"] < best[role]["seconds"]:
                best[role] = found
    mine = best["ours"]["seconds"]
    print(f"{'':10}{'s':>8}{'cpu s':>8}{'files/s':>10}{'peak MB':>9}{'grown':>7}{'ours is':>10}")
    for role, found in best.items():
        times = "" if role == "ours" else f"{found['seconds'] / mine:.2f} x"
        print(
            f"{role:10}{found['seconds']:8.2f}{found['cpu']:8.2f}{count / found['seconds']:10,.0f}"
            f"{found['peak']:9.0f}{found['grown']:7.0f}{times:>10}"
        )
    print()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=Path, help="an image's XML of EPU; else our practice form")
    parser.add_argument("--files", type=int, nargs="*", default=[5000, 20_000])
    parser.add_argument("--mdocs", type=int, default=5000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--role", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where to write; else the temporary folder")
    options = parser.parse_args()
    if options.role:
        work(options.role, options.folder)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        place = Path(folder)
        sample = options.sample
        if sample is None:
            from openem_nb.practice.sessions import write_session

            write_session(place / "one", images=1, overviews=False)
            sample = next((place / "one").rglob("FoilHole_*.xml"))
        text = sample.read_bytes()
        for count in options.files:
            truth = write_xml(place / f"xml-{count}", count, text)
            compare("xml", place / f"xml-{count}", count, truth, options.repeat)
        if options.mdocs:
            truth = write_mdocs(place / "mdoc", options.mdocs)
            compare("mdoc", place / "mdoc", options.mdocs, truth, options.repeat)


if __name__ == "__main__":
    main()
