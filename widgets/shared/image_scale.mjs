// @ts-check

/** A length in Å as people write it. @param {number} angstrom */
export function imageLength(angstrom) {
  if (angstrom < 10) return `${Number(angstrom.toPrecision(3))} Å`;
  if (angstrom < 1e4) return `${Number((angstrom / 10).toPrecision(3))} nm`;
  return `${Number((angstrom / 1e4).toPrecision(3))} µm`;
}

/** A value with as many digits as say something. @param {number} value */
export function imageNumber(value) {
  if (!Number.isFinite(value)) return "no number";
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(3);
  return String(Number(value.toPrecision(5)));
}

/**
 * Length and label of a bar of a round length, at most a fifth of the width.
 *
 * @param {number} pixel  Å of a pixel of the screen
 * @param {number} width  pixels of the screen
 */
export function imageBar(pixel, width) {
  const wanted = (pixel * width) / 5;
  const decade = 10 ** Math.floor(Math.log10(wanted));
  const length = [5, 2, 1].map((step) => step * decade).find((one) => one <= wanted * 1.000001) ?? decade;
  return { length: length / pixel, label: imageLength(length) };
}

/**
 * Draw the bar in the lower left corner.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {number} pixel  Å of a pixel of the screen
 * @param {{ ink: string, paper: string }} colours
 * @param {number} ratio  pixels of the screen of a CSS pixel
 */
export function drawImageBar(context, pixel, colours, ratio) {
  const { width, height } = context.canvas;
  if (!(pixel > 0) || width < 80) return;
  const { length, label } = imageBar(pixel, width);
  const [margin, thick, size] = [10, 4, 13].map((one) => one * ratio);
  context.font = `600 ${size}px system-ui, sans-serif`;
  const box = Math.max(length, context.measureText(label).width) + margin * 1.6;
  const top = height - margin - size - thick - margin * 1.4;
  context.fillStyle = colours.paper;
  context.fillRect(margin, top, box, height - margin - top);
  context.fillStyle = colours.ink;
  context.fillRect(margin * 1.8, height - margin * 1.6 - thick, length, thick);
  context.textBaseline = "top";
  context.fillText(label, margin * 1.8, top + margin * 0.5);
}
