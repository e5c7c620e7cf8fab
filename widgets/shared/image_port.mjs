// @ts-check

const LARGEST = 2048; // pixels of a side of one answer
const DEEPEST = 32; // screen pixels of one pixel
const AROUND = 0.12; // of the part that shows is asked for on each side, for the next small move
const GRID = 32; // blocks that parts begin at, so that a part asked for again is remembered

/** @typedef {{ y0: number, y1: number, x0: number, x1: number, factor: number }} ImagePart */

/**
 * Where the image lies in the window: sizes in pixels of the screen, u and v in pixels of the image
 * from the upper left corner as it is drawn; y counts from the first row, wherever that is.
 */
export class ImagePort {
  constructor() {
    this.height = this.width = 1;
    this.up = false;
    this.tall = this.wide = 1;
    this.scale = 1; // screen pixels of one pixel
    this.u = this.v = 0.5; // what lies in the middle of the window
    this.fitted = true;
  }

  /** @param {{ height: number, width: number, up: boolean }} image */
  show({ height, width, up }) {
    Object.assign(this, { height, width, up });
    this.fit();
  }

  get fitting() {
    return Math.min(this.tall / this.height, this.wide / this.width);
  }

  /** @param {number} tall @param {number} wide */
  resize(tall, wide) {
    Object.assign(this, { tall: Math.max(1, tall), wide: Math.max(1, wide) });
    if (this.fitted) this.fit();
    else this.keepInside();
  }

  fit() {
    this.scale = this.fitting;
    this.u = this.width / 2;
    this.v = this.height / 2;
    this.fitted = true;
  }

  /** Zoom so that a place stays where it is. @param {number} scale @param {number} [px] @param {number} [py] */
  zoom(scale, px = this.wide / 2, py = this.tall / 2) {
    const [u, v] = this.at(px, py);
    this.scale = Math.min(Math.max(scale, this.fitting), Math.max(DEEPEST, this.fitting));
    this.fitted = this.scale <= this.fitting * 1.0001;
    this.u = u - (px - this.wide / 2) / this.scale;
    this.v = v - (py - this.tall / 2) / this.scale;
    if (this.fitted) this.fit();
    else this.keepInside();
  }

  /** Move by screen pixels. @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.u += dx / this.scale;
    this.v += dy / this.scale;
    this.keepInside();
  }

  /** Show a place of the image in the middle. @param {number} x @param {number} y */
  centre(x, y) {
    this.u = x;
    this.v = this.turned(y);
    this.keepInside();
  }

  keepInside() {
    const inside = (/** @type {number} */ middle, /** @type {number} */ length, /** @type {number} */ window) => {
      const half = window / this.scale / 2;
      return half * 2 >= length ? length / 2 : Math.min(Math.max(middle, half), length - half);
    };
    this.u = inside(this.u, this.width, this.wide);
    this.v = inside(this.v, this.height, this.tall);
  }

  /** y of v, and v of y. @param {number} v */
  turned(v) {
    return this.up ? this.height - v : v;
  }

  /** Place in the image under one of the window. @param {number} px @param {number} py */
  at(px, py) {
    return [this.u + (px - this.wide / 2) / this.scale, this.v + (py - this.tall / 2) / this.scale];
  }

  /** Place in the window of one in the image. @param {number} x @param {number} y */
  place(x, y) {
    return [(x - this.u) * this.scale + this.wide / 2, (this.turned(y) - this.v) * this.scale + this.tall / 2];
  }

  /** Where a part is drawn. @param {ImagePart} part @returns {[number, number, number, number]} left, top, width, height */
  rectangle(part) {
    const [left, one] = this.place(part.x0, part.y0);
    const [right, two] = this.place(part.x1, part.y1);
    return [left, Math.min(one, two), right - left, Math.abs(two - one)];
  }

  /**
   * The part that has to be asked for, binned so that no pixel of the screen is left without its own.
   *
   * @param {number} least  smallest binning that a person wants
   * @returns {ImagePart}
   */
  wanted(least = 1) {
    const { height, width } = this;
    let factor = 1;
    while (factor * 2 * this.scale <= 1.0001) factor *= 2;
    factor = Math.max(factor, least);
    for (;;) {
      if (Math.max(height, width) <= LARGEST * factor) return { y0: 0, y1: height, x0: 0, x1: width, factor };
      const part = this.around(factor);
      if (Math.max(part.y1 - part.y0, part.x1 - part.x0) <= LARGEST * factor) return part;
      factor *= 2;
    }
  }

  /** What shows and a little around it, on a grid. @param {number} factor @returns {ImagePart} */
  around(factor) {
    const [dy, dx] = [(this.tall / this.scale) * (0.5 + AROUND), (this.wide / this.scale) * (0.5 + AROUND)];
    const y = this.turned(this.v);
    const grid = GRID * factor;
    const down = (/** @type {number} */ value) => Math.max(0, Math.floor(value / grid) * grid);
    const rise = (/** @type {number} */ value, /** @type {number} */ end) => Math.min(end, Math.ceil(value / grid) * grid);
    const [y0, y1] = [down(y - dy), rise(y + dy, this.height)];
    return { y0, y1, x0: down(this.u - dx), x1: rise(this.u + dx, this.width), factor };
  }
}
