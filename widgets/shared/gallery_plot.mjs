// @ts-check
import { make } from "../shared/dom.mjs";
import { galleryAmount } from "../shared/gallery_table.mjs";

const GALLERY_PLOT = { left: 52, right: 8, top: 8, bottom: 22 };

/** @typedef {{ low: number, high: number, below: boolean, above: boolean }} GalleryScale  and whether values lie outside */
/** @typedef {{ x: [number, number], y: [number, number] }} GalleryBox  in values of the axes */

/** How far along a scale a value is, 0 to 1. @param {number} value @param {GalleryScale} scale */
function galleryShare(value, { low, high }) {
  return Math.max(0, Math.min(1, (value - low) / (high - low)));
}

/** The text at an end of a scale. @param {number} value @param {GalleryScale} scale */
function galleryEnd(value, { low, high, below, above }) {
  const text = galleryAmount(Number(value.toPrecision(3)));
  return (below && value === low) ? `≤ ${text}` : above && value === high ? `≥ ${text}` : text;
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
    const inside = this.width - GALLERY_PLOT.left - GALLERY_PLOT.right;
    return GALLERY_PLOT.left + galleryShare(value, this.x) * inside;
  }

  /** @param {number} value */
  py(value) {
    const inside = this.height - GALLERY_PLOT.top - GALLERY_PLOT.bottom;
    return this.height - GALLERY_PLOT.bottom - galleryShare(value, this.y) * inside;
  }

  /** Value under a pixel. @param {number} pixel */
  vx(pixel) {
    const inside = this.width - GALLERY_PLOT.left - GALLERY_PLOT.right;
    return this.x.low + ((pixel - GALLERY_PLOT.left) / inside) * (this.x.high - this.x.low);
  }

  /** @param {number} pixel */
  vy(pixel) {
    const inside = this.height - GALLERY_PLOT.top - GALLERY_PLOT.bottom;
    return this.y.low + ((this.height - GALLERY_PLOT.bottom - pixel) / inside) * (this.y.high - this.y.low);
  }

  /** @param {PointerEvent} event */
  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = Math.max(GALLERY_PLOT.left, Math.min(event.clientX - box.left, this.width - GALLERY_PLOT.right));
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
    this.content(context);
    this.#axes(context);
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

  /** @param {CanvasRenderingContext2D} context */
  #axes(context) {
    const { left, right, top, bottom } = GALLERY_PLOT;
    context.fillStyle = this.colour("--jp-ui-font-color1", "#222");
    context.strokeStyle = this.colour("--jp-border-color1", "#999");
    context.beginPath();
    context.moveTo(left + 0.5, top);
    context.lineTo(left + 0.5, this.height - bottom + 0.5);
    context.lineTo(this.width - right, this.height - bottom + 0.5);
    context.stroke();
    context.textBaseline = "top";
    for (const [value, align] of /** @type {const} */ ([[this.x.low, "left"], [(this.x.low + this.x.high) / 2, "center"], [this.x.high, "right"]])) {
      context.textAlign = align;
      context.fillText(galleryEnd(value, this.x), this.px(value), this.height - bottom + 5);
    }
    context.textAlign = "right";
    for (const [value, line] of /** @type {const} */ ([[this.y.low, "bottom"], [this.y.high, "top"]])) {
      context.textBaseline = line;
      context.fillText(galleryEnd(value, this.y), left - 5, this.py(value));
    }
  }

  end() {
    this.observer.disconnect();
  }
}
