// @ts-check

/**
 * Particle picks in pixels of the image.
 *
 * @typedef {object} ImagePicks
 * @property {Float32Array} x
 * @property {Float32Array} y
 * @property {Float32Array | null} score
 * @property {Int32Array | null} kind
 * @property {number | null} diameter
 */

const POINT = 6; // radius on the screen of a pick whose size nobody knows
const MOST = 200_000; // drawn at once; more would be one area of colour

/** @param {Record<string, any>} answer @returns {ImagePicks} */
export function imagePicks(answer) {
  const parts = answer.buffers.map((/** @type {DataView} */ one) =>
    one.buffer.slice(one.byteOffset, one.byteOffset + one.byteLength),
  );
  const of = (/** @type {string} */ name) => {
    const place = answer.columns.indexOf(name);
    return place < 0 ? null : parts[place];
  };
  return {
    x: new Float32Array(of("x")),
    y: new Float32Array(of("y")),
    score: of("score") && new Float32Array(of("score")),
    kind: of("kind") && new Int32Array(of("kind")),
    diameter: answer.diameter,
  };
}

/** Numbers of the picks that are good enough. @param {ImagePicks} picks @param {number | null} least */
export function chosenPicks(picks, least) {
  const found = [];
  for (let i = 0; i < picks.x.length; i += 1)
    if (least === null || !picks.score || picks.score[i] >= least) found.push(i);
  return found;
}

/**
 * Draw rings around picks, each class in its colour, with an edge that shows on any grey.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {import("../shared/image_port.mjs").ImagePort} port
 * @param {ImagePicks} picks
 * @param {number[]} chosen
 * @param {{ paper: string, picks: string[] }} colours
 * @param {number} ratio
 */
export function drawImagePicks(context, port, picks, chosen, colours, ratio) {
  const known = picks.diameter !== null && (picks.diameter / 2) * port.scale > 2 * ratio;
  const radius = known ? ((picks.diameter ?? 0) / 2) * port.scale : POINT * ratio;
  const { width, height } = context.canvas;
  /** @type {Map<number, Path2D>} */
  const paths = new Map();
  for (const i of chosen.slice(0, MOST)) {
    const [px, py] = port.place(picks.x[i], picks.y[i]);
    if (px < -radius || py < -radius || px > width + radius || py > height + radius) continue;
    const kind = picks.kind ? Math.abs(picks.kind[i]) % colours.picks.length : 0;
    const path = paths.get(kind) ?? new Path2D();
    paths.set(kind, path);
    path.moveTo(px + radius, py);
    path.arc(px, py, radius, 0, 2 * Math.PI);
  }
  for (const [kind, path] of paths) {
    context.strokeStyle = colours.paper;
    context.lineWidth = 3.5 * ratio;
    context.stroke(path);
    context.strokeStyle = colours.picks[kind];
    context.lineWidth = 1.5 * ratio;
    context.stroke(path);
  }
}
