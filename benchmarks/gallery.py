"""The gallery in a real JupyterLab and Chromium: first screen, scrolling; beside ipywidgets.

- first screen: a cell makes an ``InspectPanel`` of a folder of 5,000 micrographs whose thumbnails
  are kept; from the start of the cell until every picture in sight is decoded;
- floor: the same for a cell that shows one line of text in a widget;
- ipywidgets: an ``Image`` for each of the first 500 thumbnails in a ``GridBox``, until those in
  sight are decoded;
- scrolling: time from one drawing to the next while the grid moves by 60 pixels each;
- jump: from a leap to some other place until every picture in sight is decoded;
- sort: from another choice of the order until it is drawn.

Run it with ``python -m benchmarks.gallery [--rounds N] [--count N] [--folder FOLDER]``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import mrcfile
import numpy as np

from benchmarks._lab import jupyterlab, opened

SIDE: Final = 256
PEER: Final = 500
START: Final = """import ipywidgets
import openem_nb as openem
from openem_nb import jobs
openem.InspectPanel, openem.mine
ipywidgets.HTML('<p class="ready">ready</p>')"""
PANEL: Final = "panel = openem.InspectPanel({folder!r})\npanel"
FLOOR: Final = 'ipywidgets.HTML(\'<img class="floor" alt="" src="{pixel}">\')'
WIDGETS: Final = """paths = sorted(__import__('pathlib').Path({cache!r}).glob('??/*.jpg'))[:{count}]
layout = {{'grid_template_columns': 'repeat(6, 150px)', 'height': '560px', 'overflow': 'auto'}}
box = ipywidgets.GridBox([ipywidgets.Image(value=p.read_bytes(), format='jpeg') for p in paths],
    layout=layout)
box.add_class('peer')
box"""
PIXEL: Final = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

HOOKS: Final = """() => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  window.whole = async (inside, images, least) => {
    for (;;) {
      await frame();
      const box = document.querySelector(inside)?.getBoundingClientRect();
      if (!box) continue;
      const seen = [...document.querySelectorAll(images)].filter((one) => {
        const place = one.getBoundingClientRect();
        return place.bottom > box.top && place.top < box.bottom;
      });
      const all = seen.map((one) => (one.tagName === 'IMG' ? one : one.querySelector('img')));
      if (seen.length < least || all.some((one) => !one?.complete || !one.naturalWidth)) continue;
      await Promise.all(all.map((one) => one.decode()));
      return performance.now();
    }
  };
  window.cell = async (source, inside, images, least) => {
    const app = window.jupyterapp;
    const notebook = app.shell.currentWidget.content;
    notebook.activeCellIndex = 0;
    await app.commands.execute('notebook:clear-cell-output');
    notebook.activeCell.model.sharedModel.setSource(source);
    await frame();
    const begin = performance.now();
    void app.commands.execute('notebook:run-cell');
    return (await window.whole(inside, images, least)) - begin;
  };
  window.scrolled = async (steps) => {
    const grid = document.querySelector('.oem-gallery-grid');
    grid.scrollTop = 0;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const took = [];
    let before = await frame();
    for (let step = 0; step < steps; step += 1) {
      grid.scrollTop += 60;
      const now = await frame();
      took.push(now - before);
      before = now;
    }
    return took;
  };
  window.jumped = async (part) => {
    const grid = document.querySelector('.oem-gallery-grid');
    const begin = performance.now();
    grid.scrollTop = part * grid.scrollHeight;
    await frame();
    return (await window.whole('.oem-gallery-grid', '.oem-gallery-cell', 6)) - begin;
  };
  window.sorted = async (column) => {
    const select = [...document.querySelectorAll('.oem-gallery-tools select')][0];
    const begin = performance.now();
    select.value = column;
    select.dispatchEvent(new Event('change'));
    await frame();
    return performance.now() - begin;
  };
}"""


def make(folder: Path, count: int) -> None:
    """Write micrographs of noise, small ones: they are read once, to make their thumbnails."""
    if len(list(folder.glob("*.mrc"))) == count:
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for number in range(count):
        with mrcfile.new(folder / f"FoilHole_{number:05}_Data.mrc", overwrite=True) as file:
            file.set_data(rng.normal(60, 12, (SIDE, SIDE)).astype(np.int8))
            file.voxel_size = 1.0


def words(values: list[float]) -> str:
    """Return best and median in words."""
    return f"best {min(values):6.0f} ms, median {statistics.median(values):6.0f} ms"


def measure(page: Any, home: Path, data: Path, rounds: int, count: int) -> None:
    """Take and print all figures."""
    cell = "([source, ...rest]) => window.cell(source, ...rest)"
    panel = [PANEL.format(folder=str(data)), ".oem-gallery-grid", ".oem-gallery-cell", 6]
    page.evaluate(cell, panel)  # makes the thumbnails, what is seen first
    kept = home / "cache" / "thumbnails"
    begin = time.monotonic()
    while sum(1 for _ in kept.glob("??/*.jpg")) < count:
        page.wait_for_timeout(500)
    print(f"{count:,} thumbnails made in {time.monotonic() - begin:.1f} s")
    pixel = FLOOR.format(pixel=PIXEL)
    floor = [page.evaluate(cell, [pixel, ".jp-NotebookPanel", ".floor", 1]) for _ in range(rounds)]
    first = []
    for _ in range(rounds):
        page.evaluate(cell, [pixel, ".jp-NotebookPanel", ".floor", 1])
        first.append(page.evaluate(cell, panel))
    print(f"floor: a line of text in a widget   {words(floor)}")
    print(f"first screen of {count:,}            {words(first)}")
    page.evaluate(cell, panel)
    page.wait_for_timeout(3000)
    took = sorted(page.evaluate("() => window.scrolled(300)"))
    late = took[int(0.95 * len(took))]
    print(
        f"scrolling, 300 drawings             {words(took)}, 95 % within {late:.0f} ms, "
        f"longest {took[-1]:.0f} ms"
    )
    places = np.random.default_rng(2).uniform(0.05, 0.95, max(rounds, 5)).tolist()
    jumps = [page.evaluate("(part) => window.jumped(part)", part) for part in places]
    print(f"jump to another place               {words(jumps)}")
    columns = ["name", "bytes", "pixel_size", ""]
    sorts = [page.evaluate("(name) => window.sorted(name)", name) for name in columns * 2]
    print(f"sort {count:,}                         {words(sorts)}", flush=True)
    peer_cell = WIDGETS.format(cache=str(kept), count=PEER)
    peer = [
        page.evaluate(cell, [peer_cell, ".peer", ".peer img", 6]) for _ in range(min(rounds, 3))
    ]
    print(f"ipywidgets, {PEER} of them            {words(peer)}")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument(
        "--folder", type=Path, help="where the micrographs are kept for another run"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        home = folder / "home"
        os.environ["OPENEM_HOME"] = str(home)
        data = (given.folder or folder / "data") / "micrographs"
        make(data, given.count)
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
        with (
            jupyterlab(folder) as url,
            opened(f"{url}/lab/tree", folder, START, ".ready", HOOKS) as page,
        ):
            measure(page, home, data, given.rounds, given.count)


if __name__ == "__main__":
    main()
