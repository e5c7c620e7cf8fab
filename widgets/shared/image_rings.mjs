// @ts-check
import { imagePaint, imageTable } from "../shared/image_paint.mjs";

/**
 * The picture of a spectrum, zero frequency in the middle.
 *
 * @typedef {object} ImagePower
 * @property {number} size
 * @property {import("../shared/image_levels.mjs").ImageLevels} levels
 * @property {number | null} pixel_size
 * @property {number} edge  cycles per pixel at the edge of the picture
 * @property {number[][]} rings  radii in cycles per pixel, by direction from +x towards later rows
 * @property {number | null} [axis]  degrees from +x towards later rows, of the larger defocus
 */

/** Draw the spectrum itself. @param {HTMLCanvasElement} canvas @param {ImagePower} power @param {boolean} up */
export function drawImagePower(canvas, { levels, size }, up) {
  const table = new Uint32Array(65536);
  const [low, high] = [levels.quantile(0.02), levels.quantile(0.995)];
  imageTable(table, levels.level(low), levels.level(high <= low ? low + levels.scale : high), false);
  imagePaint(canvas, levels.data, size, size, table, up, {});
}

/** Distances in Å at which a ring is drawn, wide enough apart. @param {number} pixel @param {number} edge */
function distances(pixel, edge) {
  const found = [];
  let before = 0;
  for (const one of [20, 10, 7, 5, 4, 3, 2, 1.5, 1]) {
    const radius = pixel / one;
    if (radius > edge * 0.97 || radius - before < edge * 0.14) continue;
    before = radius;
    found.push(one);
  }
  return found;
}

/**
 * Draw rings over it: distances in Å, the dark rings of the fit, and the one under the pointer.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {ImagePower} power
 * @param {boolean} up
 * @param {Record<string, string>} colours  ink, paper, fit
 * @param {number | null} mark  cycles per pixel
 */
export function drawImageRings(canvas, power, up, colours, mark) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { width } = canvas;
  const middle = width / 2;
  const long = width / 2 / power.edge; // of one cycle per pixel
  const stroke = (/** @type {string} */ colour, /** @type {number} */ wide, /** @type {Path2D} */ path) => {
    context.strokeStyle = colours.paper;
    context.lineWidth = wide + 1.5;
    context.globalAlpha = 0.5;
    context.stroke(path);
    context.globalAlpha = 1;
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.stroke(path);
  };
  const circle = (/** @type {number} */ radius) => {
    const path = new Path2D();
    path.arc(middle, middle, radius * long, 0, 2 * Math.PI);
    return path;
  };
  context.clearRect(0, 0, width, width);
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = "center";
  context.setLineDash([2, 5]);
  for (const one of power.pixel_size ? distances(power.pixel_size, power.edge) : []) {
    const radius = (power.pixel_size ?? 0) / one;
    stroke(colours.ink, 1, circle(radius));
    const [x, y] = [middle - radius * long * 0.7071, middle + radius * long * 0.7071];
    const wide = context.measureText(`${one} Å`).width + 6;
    context.fillStyle = colours.paper;
    context.fillRect(x - wide / 2, y - 8, wide, 16);
    context.fillStyle = colours.ink;
    context.fillText(`${one} Å`, x, y + 4);
  }
  context.setLineDash([]);
  // on the right half alone: on the left one sees whether they are where the spectrum has its own
  for (const ring of power.rings) {
    const path = new Path2D();
    const quarter = Math.round(ring.length / 4);
    for (let place = -quarter; place <= quarter; place += 1) {
      const angle = (place / ring.length) * 2 * Math.PI;
      const radius = ring[(place + ring.length) % ring.length] * long;
      const down = radius * Math.sin(angle);
      path.lineTo(middle + radius * Math.cos(angle), middle + (up ? -down : down));
    }
    stroke(colours.fit, 1.25, path);
  }
  if (typeof power.axis === "number" && power.rings.length) {
    const turn = ((up ? -1 : 1) * power.axis * Math.PI) / 180;
    const [x, y] = [Math.cos(turn), Math.sin(turn)];
    const path = new Path2D();
    const [near, far] = [0.9, 0.98].map((part) => (part * width) / 2);
    for (const side of [-1, 1]) {
      path.moveTo(middle + side * near * x, middle + side * near * y);
      path.lineTo(middle + side * far * x, middle + side * far * y);
    }
    stroke(colours.fit, 3, path);
    const at = 0.84 * middle;
    context.textBaseline = "middle";
    context.fillStyle = colours.paper;
    context.fillRect(middle + at * x - 8, middle + at * y - 8, 16, 16);
    context.fillStyle = colours.ink;
    context.fillText("U", middle + at * x, middle + at * y);
    context.textBaseline = "alphabetic";
  }
  if (mark !== null) stroke(colours.ink, 1.5, circle(mark));
}
