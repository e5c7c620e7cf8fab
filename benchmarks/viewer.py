"""The viewer in a real JupyterLab and Chromium: first view, zoom, contrast; beside matplotlib.

- first view: a cell shows another micrograph of 11,520 x 8,184 pixels (float32, 377 MB) in a viewer
  that is open; from the moment the cell is sent to the kernel to the moment the picture is drawn.
  Views of it that were remembered are forgotten before each round;
- new cell: a cell that makes a viewer of that file is run; from its start until the picture that
  the notebook keeps is decoded, and until the live one, which takes its place, is drawn;
- limit: the bytes of that file read into one buffer, which is what every whole view has to do;
- matplotlib: ``imshow`` of the same frame in the same kernel, until its PNG is in the page;
- 1:1: from the click on the button until the pixels are drawn, at another place each time;
- contrast: one step of a drag across an image of 2,048 x 2,048 pixels that shows all of them, from
  the event to the end of the drawing, and how many messages went to the kernel meanwhile.

Run it with ``python -m benchmarks.viewer [--rounds N] [--folder FOLDER]``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import mrcfile
import numpy as np

from benchmarks._lab import jupyterlab, opened

LARGE: Final = (8184, 11520)
SMALL: Final = (2048, 2048)
CELL: Final = """import openem_nb as openem
from openem_nb.images import _views
view = openem.MicrographView()
view"""

HOOKS: Final = """() => {
  const stage = document.querySelector('.oem-image-stage');
  window.drawn = () => new Promise((resolve) => {
    const watch = new MutationObserver(() => { watch.disconnect(); resolve(performance.now()); });
    watch.observe(stage, { attributes: true, attributeFilter: ['data-view'] });
  });
  window.kernel = async (code) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const outputs = [];
    const future = kernel.requestExecute({ code });
    future.onIOPub = (message) => outputs.push(message);
    const reply = await future.done;
    if (reply.content.status !== 'ok') throw new Error(JSON.stringify(reply.content));
    return outputs;
  };
  window.timed = async (code) => {
    const drawn = window.drawn();
    const begin = performance.now();
    void window.kernel(code);
    return (await drawn) - begin;
  };
  window.fresh = async (source) => {
    const app = window.jupyterapp;
    const notebook = app.shell.currentWidget.content;
    notebook.activeCellIndex = 0;
    await app.commands.execute('notebook:clear-cell-output');
    notebook.activeCell.model.sharedModel.setSource(source);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const begin = performance.now();
    const still = new Promise((resolve) => {
      const look = async () => {
        const image = document.querySelector('.oem-image-static img');
        if (!image) return;
        watch.disconnect();
        await image.decode();
        resolve(performance.now() - begin);
      };
      const watch = new MutationObserver(look);
      watch.observe(document.body, { childList: true, subtree: true });
    });
    const live = new Promise((resolve) => {
      const watch = new MutationObserver(() => {
        if (!document.querySelector('.oem-image-stage[data-view]')) return;
        watch.disconnect();
        resolve(performance.now() - begin);
      });
      const attributes = { attributes: true, attributeFilter: ['data-view'] };
      watch.observe(document.body, { childList: true, subtree: true, ...attributes });
    });
    void app.commands.execute('notebook:run-cell');
    return [await still, await live];
  };
  window.plotted = async (code) => {
    const begin = performance.now();
    const outputs = await window.kernel(code);
    const data = outputs.map((one) => one.content.data?.['image/png']).find(Boolean);
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    return performance.now() - begin;
  };
}"""

ONE_TO_ONE: Final = """async ([x, y]) => {
  const stage = document.querySelector('.oem-image-stage');
  const box = stage.getBoundingClientRect();
  stage.focus({ preventScroll: true });
  stage.dispatchEvent(new KeyboardEvent('keydown', { key: '0', bubbles: true }));
  await new Promise((resolve) => setTimeout(resolve, 400));
  const drawn = window.drawn();
  const begin = performance.now();
  const place = { clientX: box.left + x * box.width, clientY: box.top + y * box.height };
  stage.dispatchEvent(new MouseEvent('dblclick', { ...place, bubbles: true }));
  return (await drawn) - begin;
}"""

DRAG: Final = """async (steps) => {
  const stage = document.querySelector('.oem-image-stage');
  const box = stage.getBoundingClientRect();
  const fire = (name, x, y) => stage.dispatchEvent(new PointerEvent(name, {
    pointerId: 1, button: 0, buttons: 1, shiftKey: true, bubbles: true,
    clientX: box.left + x, clientY: box.top + y,
  }));
  stage.setPointerCapture = () => undefined;
  const connection = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  let messages = 0;
  connection.anyMessage.connect((_, { direction }) => { if (direction === 'send') messages += 1; });
  fire('pointerdown', 200, 200);
  const took = [];
  for (let i = 0; i < steps; i += 1) {
    const begin = performance.now();
    fire('pointermove', 200 + i, 200 + (i % 7));
    document.querySelector('.oem-image-canvas').getContext('2d').getImageData(0, 0, 1, 1);
    took.push(performance.now() - begin);
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  const during = messages;
  fire('pointerup', 200, 200);
  return [took, during];
}"""


def make(folder: Path, shape: tuple[int, int], name: str) -> Path:
    """Write a float32 image of noise over slow changes, as a micrograph is."""
    path = folder / name
    rng = np.random.default_rng(1)
    tile = rng.normal(20, 4, (min(shape[0], 1024), shape[1])).astype(np.float32)
    with mrcfile.new_mmap(path, shape=shape, mrc_mode=2) as file:
        for first in range(0, shape[0], len(tile)):
            file.data[first : first + len(tile)] = tile[: shape[0] - first]
        file.voxel_size = 0.5
    return path


def best(values: list[float]) -> str:
    """Return best and median in words."""
    return f"best {min(values):6.0f} ms, median {statistics.median(values):6.0f} ms"


def read_limit(path: Path) -> float:
    """Return the milliseconds in which the bytes of a file can be read into one buffer."""
    buffer = bytearray(4 << 20)
    begin = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return 1000 * (time.perf_counter() - begin)


def measure(page: Any, large: Path, small: Path, rounds: int) -> dict[str, Any]:
    """Return milliseconds of each round, by what was measured."""
    show = f"_views.forget()\nview.show({str(large)!r})"
    page.evaluate("(code) => window.timed(code)", show)  # the first one starts what is lazy
    found: dict[str, Any] = {"first view": [], "matplotlib": [], "limit": []}
    plot = (
        "import warnings\nwith warnings.catch_warnings():\n    %matplotlib inline\n"
        "import matplotlib.pyplot as plt\nfrom IPython.display import display\n"
        "figure = plt.figure(figsize=(9, 6.4))\n"
        "plt.imshow(view.micrograph.frame(), cmap='gray')\ndisplay(figure)\nplt.close(figure)"
    )
    for number in range(rounds):
        found["limit"].append(read_limit(large))
        found["first view"].append(page.evaluate("(code) => window.timed(code)", show))
        if number < 3:
            with contextlib.suppress(Exception):  # matplotlib need not be there
                found["matplotlib"].append(page.evaluate("(code) => window.plotted(code)", plot))
    places = np.random.default_rng(2).uniform(0.3, 0.7, (rounds, 2)).tolist()
    found["1:1"] = [page.evaluate(ONE_TO_ONE, place) for place in places]
    page.evaluate("(code) => window.timed(code)", f"view.show({str(small)!r})")
    page.locator(".oem-image-stage").focus()
    for key in ("0", "+", "+"):  # large enough on the screen for all pixels to be drawn
        page.keyboard.press(key)
    page.wait_for_timeout(1000)
    found["steps"], found["messages"] = page.evaluate(DRAG, 60)
    found["view"] = page.locator(".oem-image-stage").get_attribute("data-view")
    fresh = f"_views.forget()\nopenem.MicrographView({str(large)!r})"
    pairs = [page.evaluate("(code) => window.fresh(code)", fresh) for _ in range(rounds)]
    found["still"], found["live"] = map(list, zip(*pairs, strict=True))
    return found


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--folder", type=Path, default=None, help="where the files are written")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        large, small = make(folder, LARGE, "large.mrc"), make(folder, SMALL, "small.mrc")
        with (
            jupyterlab(folder) as url,
            opened(f"{url}/doc/tree", folder, CELL, ".oem-image-stage", HOOKS) as page,
        ):
            found = measure(page, large, small, chosen.rounds)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"first view of 11520 x 8184 float32   {best(found['first view'])}  (goal: 150 median)")
    print(f"new cell: a picture of it            {best(found['still'])}")
    print(f"new cell: the live one               {best(found['live'])}")
    print(f"  its bytes read (limit)             {best(found['limit'])}")
    if found["matplotlib"]:
        print(f"  matplotlib imshow                  {best(found['matplotlib'])}")
    print(f"to 1:1                               {best(found['1:1'])}  (goal: 200)")
    print(
        f"contrast step, 2048 x 2048           {best(found['steps'])}  (goal: 16), "
        f"{found['messages']} messages to the kernel"
    )


if __name__ == "__main__":
    main()
