// @ts-check
import { make } from "../shared/dom.mjs";
import { galleryTicks } from "../shared/gallery_ticks.mjs";

const GALLERY_PLOT = { left: 34, right: 8, top: 8, bottom: 22 };

/**
 * The ends of a scale, whether values lie outside, the value where there is one only (NaN where
 * there is none), and the column.
 *
 * @typedef {{ low: number, high: number, below: boolean, above: boolean, only?: number, column?: string }} GalleryScale
 */
/** @typedef {{ x: [number, number], y: [number, number] }} GalleryBox  in values of the axes */

/** How far along a scale a value is, 0 to 1. @param {number} value @param {GalleryScale} scale */
function galleryShare(value, { low, high }) {
  return Math.max(0, Math.min(1, (value - low) / (high - low)));
}

/** Places on a scale and their texts. @param {GalleryScale} scale @param {number} count @returns {[number, string][]} */
function galleryLabels({ low, high, below, above, only, column }, count) {
  if (Number.isNaN(only)) return []; // there are no values
  if (only !== undefined) return [[only, galleryTicks([only], 0, column)[0]]];
  const places = Array.from({ length: count }, (_, place) => low + (place / (count - 1)) * (high - low));
  return galleryTicks(places, high - low, column).map((text, place) => {
    const sign = below && place === 0 ? "≤ " : above && place === count - 1 ? "≥ " : "";
    return [places[place], `${sign}${text}`];
  });
}

/**
 * A plot on a canvas with axes, on which a person draws a range.
 *
 * Ranges can be written into fields beside the plots, too, so the pointer is not needed.
 */
export class GalleryPlot {
  /**
   * @param {number} height
   * @param {boolean} both  whether a range has a height, too
   * @param {(box: GalleryBox | null) => void} chosen  told a range, or null after a click on an empty place
   * @param {(x: number, y: number) => void} [clicked]  told where a click was, in values
   */
  constructor(height, both, chosen, clicked) {
    this.both = both;
    this.chosen = chosen;
    this.clicked = clicked;
    this.canvas = make("canvas", { role: "img", class: "oem-gallery-plot" });
    this.canvas.style.height = `${height}px`;
    this.height = height;
    this.width = 300;
    this.left = GALLERY_PLOT.left; // room for the texts of the axis
    /** @type {GalleryScale} */
    this.x = { low: 0, high: 1, below: false, above: false };
    /** @type {GalleryScale} */
    this.y = { low: 0, high: 1, below: false, above: false };
    /** @type {{ x0: number, y0: number, x1: number, y1: number } | null} */
    this.drag = null;
    /** @type {(context: CanvasRenderingContext2D) => void} */
    this.content = () => {};
    /** @type {GalleryBox | null} */
    this.range = null;
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.canvas);
    for (const name of ["transitionend", "transitioncancel"]) // the theme has another colour now
      this.canvas.addEventListener(name, () => requestAnimationFrame(() => this.draw()));
    this.canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    this.canvas.addEventListener("pointerup", () => this.#up());
    this.canvas.addEventListener("pointercancel", () => this.#stop());
  }

  /** Pixel of a value; what is off the scale is drawn at its end. @param {number} value */
  px(value) {
    const inside = this.width - this.left - GALLERY_PLOT.right;
    return this.left + galleryShare(value, this.x) * inside;
  }

  /** @param {number} value */
  py(value) {
    const inside = this.height - GALLERY_PLOT.top - GALLERY_PLOT.bottom;
    return this.height - GALLERY_PLOT.bottom - galleryShare(value, this.y) * inside;
  }

  /** Value under a pixel. @param {number} pixel */
  vx(pixel) {
    const inside = this.width - this.left - GALLERY_PLOT.right;
    return this.x.low + ((pixel - this.left) / inside) * (this.x.high - this.x.low);
  }

  /** @param {number} pixel */
  vy(pixel) {
    const inside = this.height - GALLERY_PLOT.top - GALLERY_PLOT.bottom;
    return this.y.low + ((this.height - GALLERY_PLOT.bottom - pixel) / inside) * (this.y.high - this.y.low);
  }

  /** @param {PointerEvent} event */
  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = Math.max(this.left, Math.min(event.clientX - box.left, this.width - GALLERY_PLOT.right));
    return { x, y: Math.max(GALLERY_PLOT.top, Math.min(event.clientY - box.top, this.height - GALLERY_PLOT.bottom)) };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const { x, y } = this.#place(event);
    this.drag = { x0: x, y0: y, x1: x, y1: y };
    this.canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (!this.drag) return;
    const { x, y } = this.#place(event);
    this.drag = { ...this.drag, x1: x, y1: y };
    this.draw();
  }

  #up() {
    const drag = this.drag;
    this.#stop();
    if (!drag) return;
    const { x0, y0, x1, y1 } = drag;
    if (Math.abs(x1 - x0) < 3 && (!this.both || Math.abs(y1 - y0) < 3)) {
      if (this.clicked) this.clicked(this.vx(x0), this.vy(y0));
      else this.chosen(null);
      return;
    }
    const across = [x0, x1].sort((a, b) => a - b).map((pixel) => this.vx(pixel));
    const up = [y0, y1].sort((a, b) => b - a).map((pixel) => this.vy(pixel));
    this.chosen({ x: [across[0], across[1]], y: [up[0], up[1]] });
  }

  #stop() {
    this.drag = null;
    this.draw();
  }

  /** A colour of the theme. @param {string} name @param {string} fallback */
  colour(name, fallback) {
    return getComputedStyle(this.canvas).getPropertyValue(name).trim() || fallback;
  }

  draw() {
    const width = this.canvas.clientWidth;
    if (!width) return;
    this.width = width;
    const sharp = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * sharp);
    this.canvas.height = Math.round(this.height * sharp);
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.scale(sharp, sharp);
    context.font = "11px system-ui, sans-serif";
    const up = galleryLabels(this.y, 2);
    this.left = Math.max(GALLERY_PLOT.left, ...up.map(([, text]) => Math.ceil(context.measureText(text).width) + 8));
    this.content(context);
    this.#axes(context, up);
    const { drag, range } = this;
    if (drag) this.#shade(context, [drag.x0, drag.x1], [drag.y0, drag.y1]);
    else if (range) this.#shade(context, [this.px(range.x[0]), this.px(range.x[1])], [this.py(range.y[0]), this.py(range.y[1])]);
  }

  /** @param {CanvasRenderingContext2D} context @param {number[]} across @param {number[]} up */
  #shade(context, across, up) {
    const [x0, x1] = across.sort((a, b) => a - b);
    const [y0, y1] = this.both ? up.sort((a, b) => a - b) : [GALLERY_PLOT.top, this.height - GALLERY_PLOT.bottom];
    context.globalAlpha = 0.18;
    context.fillStyle = this.colour("--jp-brand-color1", "#1565c0");
    context.fillRect(x0, y0, x1 - x0, y1 - y0);
    context.globalAlpha = 1;
    context.strokeStyle = this.colour("--jp-brand-color1", "#1565c0");
    context.strokeRect(x0 + 0.5, y0 + 0.5, Math.max(1, x1 - x0 - 1), Math.max(1, y1 - y0 - 1));
  }

  /** @param {CanvasRenderingContext2D} context @param {[number, string][]} up  what stands at the upright axis */
  #axes(context, up) {
    const { right, top, bottom } = GALLERY_PLOT;
    const { left } = this;
    context.fillStyle = this.colour("--jp-ui-font-color1", "#222");
    context.strokeStyle = this.colour("--jp-border-color1", "#999");
    context.beginPath();
    context.moveTo(left + 0.5, top);
    context.lineTo(left + 0.5, this.height - bottom + 0.5);
    context.lineTo(this.width - right, this.height - bottom + 0.5);
    context.stroke();
    context.textBaseline = "top";
    const across = galleryLabels(this.x, 3);
    across.forEach(([value, text], place) => {
      context.textAlign = across.length === 1 ? "center" : /** @type {const} */ (["left", "center", "right"])[place];
      context.fillText(text, this.px(value), this.height - bottom + 5);
    });
    context.textAlign = "right";
    up.forEach(([value, text], place) => {
      context.textBaseline = up.length === 1 ? "middle" : place ? "top" : "bottom";
      context.fillText(text, left - 5, this.py(value));
    });
    // pixels cannot be read: who looks at the page with a program finds the texts here
    this.canvas.dataset.ticks = [across, up].map((one) => one.map(([, text]) => text).join(" | ")).join(" || ");
  }

  end() {
    this.observer.disconnect();
  }
}
