// @ts-check
import { make } from "../shared/dom.mjs";

export const imageKeysHelp = [
  ["Arrows", "move"],
  ["+ −", "zoom"],
  ["0", "whole image"],
  ["1", "one pixel on one of the screen"],
  ["[ ]", "frame before, next frame"],
  ["Space", "play and stop"],
  ["c", "next contrast method"],
  ["i", "invert"],
  ["r", "read the value in the middle"],
  ["p", "picks on and off"],
  ["f", "power spectrum"],
  ["h", "header"],
  ["s", "save as PNG"],
  ["?", "these keys"],
];

const STEP = 0.15; // of the window that an arrow moves

/**
 * Return what a key of the image does.
 *
 * @param {import("../shared/image_stage.mjs").ImageStage} stage
 * @param {Record<string, () => void>} does  what the letters do
 * @returns {(key: string) => boolean}  does it, and says whether there is such a key
 */
export function imageKeys(stage, does) {
  const { port } = stage;
  const moved = (ended = false) => {
    stage.draw();
    stage.does.moved(ended);
  };
  const pan = (/** @type {number} */ x, /** @type {number} */ y) => () => {
    port.pan(x * STEP * port.wide, y * STEP * port.tall);
    moved();
  };
  const zoom = (/** @type {() => number} */ scale, ended = false) => () => {
    port.zoom(scale());
    moved(ended);
  };
  const larger = zoom(() => port.scale * 1.5);
  const smaller = zoom(() => port.scale / 1.5);
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowLeft: pan(-1, 0),
    ArrowRight: pan(1, 0),
    ArrowUp: pan(0, -1),
    ArrowDown: pan(0, 1),
    "+": larger,
    "=": larger,
    "-": smaller,
    "−": smaller,
    0: zoom(() => port.fitting, true),
    1: zoom(() => 1, true),
    ...does,
  };
  return (key) => {
    keys[key]?.();
    return key in keys;
  };
}

/** The keys as a list. */
export function imageKeysList() {
  const list = make("dl", { class: "oem-image-keys" });
  for (const [key, text] of imageKeysHelp) list.append(make("dt", {}, make("kbd", {}, key)), make("dd", {}, text));
  return list;
}
