"""What the tests of the viewer's front end have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

EVIL = '<img src=x onerror="window.hacked = 1">.mrc'
CONNECT = """() => {
  const model = window.model;
  window.held = null; // answers that are kept back, where a test wants that
  model.send = async (message) => {
    if (!model.sent.some((one) => one.key === message.key)) model.sent.push(message); // or a repeat
    const [answer, buffers] = await window.kernel(message);
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const views = buffers.map((text) => new DataView(bytes(text).buffer));
    const fire = () => model.fire("msg:custom", answer, views);
    if (window.held) window.held.push(fire);
    else fire();
  };
  for (const message of model.sent.splice(0)) model.send(message);
}"""
PIXEL = """([x, y]) => {
  const canvas = document.querySelector('.oem-image-canvas');
  const [px, py] = [x * canvas.width, y * canvas.height].map(Math.round);
  return canvas.getContext('2d').getImageData(px, py, 1, 1).data[0];
}"""
COVER = """() => {
  const canvas = document.querySelectorAll('.oem-image-canvas')[1];
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const found = [];
  for (let i = 3; i < data.length; i += 4) if (data[i]) found.push((i - 3) / 4);
  return [canvas.width, canvas.height, found];
}"""


def stage(page: Any) -> Any:
    return page.locator(".oem-image-stage")


def sent(page: Any) -> list[dict[str, Any]]:
    return page.evaluate("window.model.sent")


def views(page: Any) -> list[dict[str, Any]]:
    return [one["content"] for one in sent(page) if one["action"] == "view"]


def until(page: Any, condition: str) -> None:
    page.wait_for_function(f"() => {condition}")


def corners(height: int = 400, width: int = 600) -> Any:
    """Return an image whose first rows are bright on the left, and noise of one grey elsewhere."""
    image = np.random.default_rng(1).normal(100, 1, (height, width)).astype(np.float32)
    image[: height // 2, : width // 2] += 100
    return image
