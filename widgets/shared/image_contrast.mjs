// @ts-check
import { make, uniqueId } from "../shared/dom.mjs";
import { imageNumber } from "../shared/image_scale.mjs";

const BINS = 128;
const NEAR = 0.04; // share of the width within which an end is taken hold of

/**
 * @typedef {{ mode: string, percent: number, sigma: number, low: number | null, high: number | null }} Contrast
 */

export const imageModes = [
  ["percentile", "Percentile"],
  ["sigma", "Sigma"],
  ["window", "Window"],
];

/** A field with its label. @param {string} text @param {HTMLElement} field @param {string} [after] */
export function imageField(text, field, after = "") {
  field.id = uniqueId("oem-image");
  const label = make("label", { for: field.id }, text);
  return make("div", { class: "oem-image-field" }, label, field, ...(after ? [make("span", {}, after)] : []));
}

/** Mark a field whose value cannot be, or no more. @param {HTMLElement} field @param {boolean} wrong */
export function imageWrong(field, wrong) {
  if (wrong) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

/** Contrast: how it is found, the histogram with its two ends, and their values. */
export class ImageContrast {
  /** @param {(contrast: Partial<Contrast>, end: boolean) => void} change @param {(invert: boolean) => void} invert */
  constructor(change, invert) {
    this.change = change;
    this.mode = make("select", {}, ...imageModes.map(([value, text]) => make("option", { value }, text)));
    this.amount = make("input", { type: "number", min: "0", step: "0.1" });
    this.low = make("input", { type: "number", step: "any" });
    this.high = make("input", { type: "number", step: "any" });
    this.invert = make("input", { type: "checkbox" });
    this.canvas = make("canvas", { class: "oem-image-histogram", width: "256", height: "64", role: "img" });
    this.range = [0, 1];
    this.limits = [0, 1];
    this.amountField = imageField("Each end, %", this.amount);
    const inverted = make("label", { class: "oem-image-check" }, this.invert, " Invert");
    this.element = make("fieldset", { class: "oem-image-group" }, make("legend", {}, "Contrast"));
    this.element.append(imageField("Method", this.mode), this.amountField, this.canvas);
    this.element.append(imageField("Black", this.low), imageField("White", this.high), inverted);
    this.mode.addEventListener("change", () => change({ mode: this.mode.value }, true));
    this.amount.addEventListener("change", () => {
      const name = this.mode.value === "sigma" ? "sigma" : "percent";
      const value = this.amount.valueAsNumber;
      const wrong = !(value > 0 && (name === "sigma" || value < 50));
      imageWrong(this.amount, wrong);
      if (!wrong) change({ [name]: value }, true);
    });
    for (const field of [this.low, this.high]) field.addEventListener("change", () => this.typed());
    this.invert.addEventListener("change", () => invert(this.invert.checked));
    this.drags();
  }

  typed() {
    const [low, high] = [this.low.valueAsNumber, this.high.valueAsNumber];
    const wrong = !(low < high);
    for (const field of [this.low, this.high]) imageWrong(field, wrong);
    if (!wrong) this.change({ mode: "window", low, high }, true);
  }

  /** An end of the histogram follows the pointer. */
  drags() {
    /** @type {number | null} which end */
    let held = null;
    const share = (/** @type {PointerEvent} */ event) => {
      const box = this.canvas.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    };
    const set = (/** @type {PointerEvent} */ event, /** @type {boolean} */ end) => {
      if (held === null) return;
      const [from, to] = this.range;
      const next = [...this.limits];
      next[held] = from + share(event) * (to - from);
      const gap = (to - from) * 1e-3;
      if (held === 0) next[0] = Math.min(next[0], next[1] - gap);
      else next[1] = Math.max(next[1], next[0] + gap);
      this.change({ mode: "window", low: next[0], high: next[1] }, end);
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      const [from, to] = this.range;
      const away = this.limits.map((one) => Math.abs((one - from) / (to - from) - share(event)));
      held = away[0] < away[1] ? 0 : 1;
      this.canvas.setPointerCapture(event.pointerId);
      if (away[held] > NEAR) set(event, false);
    });
    this.canvas.addEventListener("pointermove", (event) => set(event, false));
    const drop = (/** @type {PointerEvent} */ event) => {
      set(event, true);
      held = null;
    };
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, /** @type {any} */ (drop));
  }

  /** @param {Contrast} contrast @param {boolean} invert @param {[number, number]} limits */
  show(contrast, invert, limits) {
    this.limits = limits;
    this.mode.value = contrast.mode;
    this.invert.checked = invert;
    this.amountField.hidden = contrast.mode === "window";
    const sigma = contrast.mode === "sigma";
    /** @type {HTMLElement} */ (this.amountField.firstChild).textContent = sigma ? "Deviations" : "Each end, %";
    imageWrong(this.amount, false);
    this.amount.value = String(sigma ? contrast.sigma : contrast.percent);
    for (const [field, value] of /** @type {[HTMLInputElement, number][]} */ ([[this.low, limits[0]], [this.high, limits[1]]])) {
      if (document.activeElement !== field || contrast.mode !== "window") field.value = String(Number(value.toPrecision(6)));
      imageWrong(field, false);
    }
    this.draw();
  }

  /** Take the values of another view. @param {import("../shared/image_levels.mjs").ImageLevels} levels */
  count(levels) {
    const [low, high] = [levels.quantile(0.0005), levels.quantile(0.9995)];
    const room = (high - low || 1) * 0.08;
    this.range = [low - room, high + room];
    this.bins = levels.histogram(BINS, this.range[0], this.range[1]);
  }

  draw() {
    const { canvas, range, limits, bins } = this;
    if (!bins) return;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const { color, accentColor } = getComputedStyle(canvas);
    const [width, height] = [canvas.width, canvas.height];
    context.clearRect(0, 0, width, height);
    const most = Math.max(...bins.counts) || 1;
    const across = (/** @type {number} */ value) => ((value - range[0]) / (range[1] - range[0])) * width;
    context.fillStyle = color;
    context.globalAlpha = 0.75;
    for (const [i, count] of bins.counts.entries()) {
      const tall = (count / most) * (height - 4);
      const from = Math.round(across(bins.low + i * bins.step));
      context.fillRect(from, height - tall, Math.round(across(bins.low + (i + 1) * bins.step)) - from, tall);
    }
    context.globalAlpha = 1;
    context.fillStyle = accentColor === "auto" ? color : accentColor;
    for (const limit of limits) {
      context.fillRect(Math.min(Math.max(across(limit) - 1.5, 0), width - 3), 0, 3, height);
    }
    const said = `Histogram from ${imageNumber(range[0])} to ${imageNumber(range[1])}`;
    canvas.setAttribute("aria-label", `${said}; black at ${imageNumber(limits[0])}, white at ${imageNumber(limits[1])}`);
  }
}
