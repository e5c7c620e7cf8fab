"""A headless Chromium for the component and the lab tests, and pictures of what it shows."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

PATIENCE = 120_000
"""Milliseconds to wait for what has to come; a busy machine is slow, and waiting is no error."""
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return a running Chromium; skip without one, except in CI, where it has to be there."""
    named = os.environ.get("CHROMIUM")
    path = named or next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to install chromium: apt-get install chromium")
        pytest.skip("no chromium found; install it or set CHROMIUM to its path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--enable-unsafe-swiftshader",  # WebGL without a graphics card
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield chromium
        chromium.close()


_console: MutableMapping[Any, list[str]] = WeakKeyDictionary()


def watched(page: Any) -> Any:
    """Let a page wait long enough, and remember what its console says for a failure's report."""
    page.context.set_default_timeout(PATIENCE)  # for the pages that it opens, too
    said = _console.setdefault(page, [])
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"[:500]))
    page.on("pageerror", lambda error: said.append(f"uncaught: {error}"[:500]))
    return page


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Say in the report of a failure what the pages showed, for those who cannot look at them.

    A ``conftest`` that imports it has it for the tests of its folder.
    """
    report = yield
    chromium = item.funcargs.get("browser")  # type: ignore[attr-defined]
    if report.failed and call.when != "teardown" and chromium is not None:
        folder = item.funcargs.get("tmp_path")  # type: ignore[attr-defined]
        pages = [page for context in chromium.contexts for page in context.pages]
        for number, page in enumerate(pages):
            report.sections.append((f"Page {page.url}", _seen(page, folder, number)))
    return report


def _seen(page: Any, folder: Path | None, number: int) -> str:
    """Return what a page showed: text as a screen reader has it, console, where its picture is."""
    lines = ["Console:", *_console.get(page, [])[-30:]]
    # the failure is what has to be told, also where the page cannot be asked any more
    with contextlib.suppress(Exception):
        if folder is not None:
            path = folder / f"page-{number}.png"
            path.write_bytes(page.screenshot(timeout=20_000))  # with ``path`` it leaves threads
            lines.insert(0, f"Picture: {path}")
        text = page.locator("body").aria_snapshot(timeout=20_000)
        shown = [line for line in text.splitlines() if not _CELL.match(line)]
        lines += [f"Shown ({len(shown)} lines without cells of tables):", *shown[:400]]
    return "\n".join(lines)


_CELL = re.compile(r" *- (cell|gridcell|row|columnheader|option)\b")

TIDY_PATHS = r"""() => {
  const all = document.querySelectorAll('.oem-jobs-path, .oem-jobs-code, .oem-section dd');
  for (const one of all) {
    if (one.children.length || one.textContent.startsWith('~')) continue;
    one.textContent = one.textContent.replace(/(?<!~)\/\S*?\/(runs|scicat)\//g, '~/openem/$1/');
  }
}"""
"""JavaScript: pictures show paths as a person has them, not those of a test."""


def picture(page: Any, name: str, of: Any = None) -> None:
    """Keep a picture of a page or of an element for the documentation, where that is asked for."""
    if not os.environ.get("OPENEM_PICTURES"):
        return
    PICTURES.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    if of is not None:  # all of the element has to be in the window
        page.set_viewport_size({**size, "height": 2400})
        of.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
    page.evaluate(TIDY_PATHS)
    (PICTURES / f"{name}.png").write_bytes((of or page).screenshot())
    page.set_viewport_size(size)


CONTRAST = """(element) => {
  if (!element.isConnected) return null; // it was replaced after it had been found
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const shine = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => {
      v /= 255;
      return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  let below = element;
  let back = [0, 0, 0, 0];
  while (below && back[3] === 0) {
    back = parse(getComputedStyle(below).backgroundColor);
    if (back.length === 3) back.push(1);
    below = below.parentElement;
  }
  if (back[3] === 0) back = [255, 255, 255, 1];
  const shines = [shine(parse(getComputedStyle(element).color)), shine(back)];
  const [one, two] = shines.sort((a, b) => b - a);
  return (one + 0.05) / (two + 0.05);
}"""
"""JavaScript: contrast of an element's text and what lies behind it (WCAG 2), 1 to 21."""


def contrast(locator: Any) -> float:
    """Return the contrast of the text of an element; 4.5 and more can be read."""
    for _ in range(20):
        found = locator.evaluate(CONTRAST)
        if found is not None:
            return float(found)
    raise AssertionError("the element is replaced all the time")
