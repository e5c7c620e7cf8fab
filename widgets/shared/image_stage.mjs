// @ts-check
import { make } from "../shared/dom.mjs";
import { imagePaint, imageTable } from "../shared/image_paint.mjs";
import { ImagePort } from "../shared/image_port.mjs";
import { imagePointer } from "../shared/image_pointer.mjs";

/** @typedef {import("../shared/image_loader.mjs").ImageView} ImageView */

/**
 * The window on the image: draws the newest view over a coarse one of the whole image, so that a
 * move shows at once, and rings and bar on a canvas of their own.
 */
export class ImageStage {
  /**
   * @param {object} does
   * @param {(ended?: boolean) => void} does.moved  another part shows; whether the movement has ended
   * @param {(dx: number, dy: number, end: boolean) => void} does.contrast  dragged for contrast, in shares of the window
   * @param {(place: [number, number] | null) => void} does.point  what lies under the pointer
   * @param {(context: CanvasRenderingContext2D, ratio: number) => void} does.overlay  draws what lies over the image
   */
  constructor(does) {
    this.does = does;
    this.port = new ImagePort();
    this.canvas = make("canvas", { class: "oem-image-canvas" });
    this.cover = make("canvas", { class: "oem-image-canvas" });
    this.element = make("div", { class: "oem-image-stage", tabindex: "0", role: "application" });
    this.element.append(this.canvas, this.cover);
    for (const one of [this.canvas, this.cover]) one.setAttribute("aria-hidden", "true");
    this.table = new Uint32Array(65536);
    /** @type {ImageView | undefined} */
    this.view = undefined;
    /** @type {ImageView | undefined} */
    this.coarse = undefined;
    this.fine = { canvas: make("canvas"), kept: {} };
    this.behind = { canvas: make("canvas"), kept: {} };
    this.greys = { low: 0, high: 1, invert: false };
    this.stale = true; // the coarse view is not painted in these greys
    this.ratio = 1;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.element);
    this.release = imagePointer(this);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    this.ratio = Math.min(window.devicePixelRatio || 1, 2048 / Math.max(width, height));
    for (const one of [this.canvas, this.cover]) {
      one.width = Math.round(width * this.ratio);
      one.height = Math.round(height * this.ratio);
    }
    this.port.resize(this.canvas.height, this.canvas.width);
    this.draw();
    this.does.moved();
  }

  get ready() {
    return this.port.wide > 1;
  }

  /** Show a view; the greys are those of before until they are given. @param {ImageView} view */
  show(view) {
    const whole = view.y0 === 0 && view.x0 === 0 && view.y1 >= this.port.height && view.x1 >= this.port.width;
    if (whole || this.coarse?.frame !== view.frame) this.coarse = whole ? view : undefined;
    this.view = view;
  }

  clear() {
    this.view = this.coarse = undefined;
    this.draw();
  }

  /** Draw in other greys. @param {number} low @param {number} high @param {boolean} invert */
  grey(low, high, invert) {
    this.greys = { low, high, invert };
    this.stale = true;
    if (this.view) this.paint(this.view, this.fine);
    this.draw();
  }

  /** @param {ImageView} view @param {{ canvas: HTMLCanvasElement, kept: object }} to */
  paint({ levels, height, width }, to) {
    const { low, high, invert } = this.greys;
    imageTable(this.table, levels.level(low), levels.level(high), invert);
    imagePaint(to.canvas, levels.data, height, width, this.table, this.port.up, to.kept);
  }

  /** Draw the picture at its place; what is painted stays as it is. */
  draw() {
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { alpha: false }));
    this.onto(context);
    this.decorate();
  }

  /** @param {CanvasRenderingContext2D} context */
  onto(context) {
    const { view, coarse, port } = this;
    context.fillStyle = this.colours.ground;
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    if (coarse && coarse !== view && !this.covered) {
      if (this.stale) this.paint(coarse, this.behind);
      this.stale = false;
      context.imageSmoothingEnabled = true;
      context.drawImage(this.behind.canvas, ...port.rectangle(coarse));
    }
    if (!view) return;
    const enlarged = view.factor * port.scale > 1.5; // pixels show as they are
    context.imageSmoothingEnabled = !enlarged;
    context.imageSmoothingQuality = "medium";
    context.drawImage(this.fine.canvas, ...port.rectangle(view));
  }

  /** Whether the newest view fills the window, so that nothing behind it shows. */
  get covered() {
    if (!this.view) return false;
    const [left, top, width, height] = this.port.rectangle(this.view);
    return left <= 0 && top <= 0 && left + width >= this.port.wide && top + height >= this.port.tall;
  }

  decorate() {
    const context = /** @type {CanvasRenderingContext2D} */ (this.cover.getContext("2d"));
    context.clearRect(0, 0, this.cover.width, this.cover.height);
    this.does.overlay(context, this.ratio);
  }

  /** Colours of the theme, for what a style sheet does not reach. */
  get colours() {
    const style = getComputedStyle(this.element);
    const of = (/** @type {string} */ name) => style.getPropertyValue(`--oem-image-${name}`).trim();
    const picks = ["pick", "pick2", "pick3", "pick4", "pick5"].map(of);
    return { ground: of("ground"), ink: of("ink"), paper: of("paper"), picks };
  }

  /** Value under a place, with what it is the mean of. @param {number} x @param {number} y */
  value(x, y) {
    for (const view of [this.view, this.coarse]) {
      if (!view || y < view.y0 || y >= view.y1 || x < view.x0 || x >= view.x1) continue;
      const row = Math.min(view.height - 1, Math.floor((y - view.y0) / view.factor));
      const column = Math.min(view.width - 1, Math.floor((x - view.x0) / view.factor));
      const level = view.levels.data[row * view.width + column];
      const cut = (level === 1 && view.cut[0]) || (level === 65535 && view.cut[1]);
      return { value: level ? view.levels.value(level) : NaN, factor: view.factor, frame: view.frame, cut };
    }
    return null;
  }

  /** A picture of what shows, with all that is drawn over it. */
  picture() {
    const canvas = make("canvas", { width: String(this.canvas.width), height: String(this.canvas.height) });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.onto(context);
    context.drawImage(this.cover, 0, 0);
    return canvas;
  }

  close() {
    this.observer.disconnect();
    this.release();
  }
}
