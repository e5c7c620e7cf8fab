// @ts-check

/**
 * Curves over spatial frequency.
 *
 * @typedef {{ columns: Record<string, Float32Array>, known: boolean, resolution: number | null }} ImageCurves
 */

const MARGIN = { left: 8, right: 8, top: 8, bottom: 20 };
export const imageCurveNames = { power: "spectrum", fit: "fit", cc: "agreement" };

/** Values as a path over the width; each curve has a range of its own, agreement that from -0.2 to 1. */
function scaled(/** @type {string} */ name, /** @type {Float32Array[]} */ together) {
  if (name === "cc") return [-0.2, 1.05];
  const all = together.flatMap((one) => [...one]).filter(Number.isFinite).sort((a, b) => a - b);
  if (!all.length) return [0, 1];
  const [low, high] = [all[Math.floor(all.length * 0.01)], all[Math.floor((all.length - 1) * 0.99)]];
  const room = (high - low || 1) * 0.1;
  return [low - room, high + room];
}

/** Place in the picture of a frequency, and the frequency of a place. @param {ImageCurves} curves @param {number} width */
export function imageCurveAxis(curves, width) {
  const most = curves.columns.frequency.at(-1) || 1;
  const wide = width - MARGIN.left - MARGIN.right;
  return {
    place: (/** @type {number} */ frequency) => MARGIN.left + (frequency / most) * wide,
    frequency: (/** @type {number} */ place) => ((place - MARGIN.left) / wide) * most,
    most,
  };
}

/**
 * Draw the curves, with lines at distances in Å.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {ImageCurves} curves
 * @param {Record<string, string>} colours  ink, text, muted, power, fit, cc
 * @param {number | null} mark  frequency under the pointer
 */
export function drawImageCurves(canvas, curves, colours, mark) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { width, height } = canvas;
  const { columns } = curves;
  const axis = imageCurveAxis(curves, width);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center";
  const line = (/** @type {number} */ frequency, /** @type {string} */ text, /** @type {string} */ colour) => {
    const place = axis.place(frequency);
    if (place > width - MARGIN.right + 1) return;
    context.strokeStyle = colour;
    context.fillStyle = colours.text;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(place, MARGIN.top);
    context.lineTo(place, height - MARGIN.bottom);
    context.stroke();
    context.fillText(text, Math.min(Math.max(place, 16), width - 18), height - 6);
  };
  let end = 0;
  for (const distance of curves.known ? [20, 10, 7, 5, 4, 3, 2.5, 2, 1.5, 1] : []) {
    const place = axis.place(1 / distance);
    if (place - end < 34) continue;
    end = place;
    line(1 / distance, `${distance} Å`, colours.muted);
  }
  const [names, bottom] = [["cc", "fit", "power"], height - MARGIN.bottom];
  for (const name of names) {
    const values = columns[name];
    if (!values) continue;
    const together = name === "cc" ? [values] : [columns.power, ...(columns.fit ? [columns.fit] : [])];
    const [low, high] = scaled(name, together);
    context.strokeStyle = colours[name];
    context.lineWidth = name === "power" ? 1.5 : 2;
    context.setLineDash(name === "cc" ? [5, 4] : []);
    context.beginPath();
    for (let i = 0; i < values.length; i += 1) {
      const share = Math.min(1.02, Math.max(-0.02, (values[i] - low) / (high - low)));
      context.lineTo(axis.place(columns.frequency[i]), bottom - share * (bottom - MARGIN.top));
    }
    context.stroke();
  }
  context.setLineDash([]);
  if (curves.resolution) line(1 / curves.resolution, "", colours.fit);
  if (mark !== null) line(mark, "", colours.ink);
}
