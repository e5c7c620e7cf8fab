"""The page of a gallery: a table to show, and what tests look at in it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

CONNECT: Final = """() => {
  const bytes = (text) => {
    const raw = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new DataView(raw.buffer);
  };
  const model = window.model;
  model.send = async (message) => {
    const repeat = model.sent.some((one) => one.key === message.key);
    if (!repeat) model.sent.push(message);
    const { answer, buffers, state } = await window.kernel(message);
    for (const name in state)
      if (model.get(name) !== state[name]) model.update({ [name]: state[name] });
    model.fire("msg:custom", answer, buffers.map(bytes));
    if (!repeat) model.answered = (model.answered ?? 0) + 1;
  };
  model.save_changes = () => window.saved(model.get("view_state"));
  for (const early of model.sent.splice(0)) model.send(early); // asked before there was a kernel
}"""
"""Joins the stand-in of the model with the Python half."""


def table(count: int = 3000) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    names = [f"FoilHole_{1000 + row}_Data.mrc" for row in range(count)]
    resolution = rng.normal(4.0, 0.3, count)
    resolution[17] = 19.0
    defocus = rng.uniform(5000, 25000, count)
    defocus[5] = np.nan
    frame = {"name": names, "ctf_resolution": resolution, "ctf_defocus": defocus}
    return pd.DataFrame({**frame, "notes": [f"hole {row % 7}" for row in range(count)]})


def grid(page: Any) -> Any:
    return page.get_by_role("grid", name="Gallery")


def active(page: Any) -> str:
    return str(
        page.evaluate(
            """() => document.getElementById(
            document.querySelector('[role=grid]').getAttribute('aria-activedescendant')
            ).getAttribute('aria-label')"""
        )
    )
