// @ts-check

const MISSING = 0xff000000; // black, as in the pictures that are kept

/**
 * Fill the table that gives each of 65,536 levels its grey.
 *
 * @param {Uint32Array} table
 * @param {number} low  level that is drawn black
 * @param {number} high  level that is drawn white
 * @param {boolean} invert
 */
export function imageTable(table, low, high, invert) {
  const step = 255 / (high - low);
  for (let level = 0; level < 65536; level += 1) {
    const place = (level - low) * step + 0.5;
    const grey = place <= 0 ? 0 : place >= 255 ? 255 : place | 0;
    table[level] = MISSING | ((invert ? 255 - grey : grey) * 0x010101);
  }
  table[0] = MISSING | 0;
}

/**
 * Draw levels into a canvas of their size.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Uint16Array} data
 * @param {number} height
 * @param {number} width
 * @param {Uint32Array} table
 * @param {boolean} up  whether the first row lies at the bottom
 * @param {{ image?: ImageData }} kept  the picture that is written to again
 */
export function imagePaint(canvas, data, height, width, table, up, kept) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  if (kept.image?.width !== width || kept.image?.height !== height) kept.image = context.createImageData(width, height);
  const pixels = new Uint32Array(kept.image.data.buffer);
  if (!up) {
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = table[data[i]];
  } else {
    let to = 0;
    for (let row = height - 1; row >= 0; row -= 1) {
      const end = (row + 1) * width;
      for (let from = row * width; from < end; from += 1, to += 1) pixels[to] = table[data[from]];
    }
  }
  context.putImageData(kept.image, 0, 0);
}

/**
 * Return levels of an answer; a buffer that does not begin at an even byte is copied.
 *
 * @param {DataView} buffer
 */
export function imageData(buffer) {
  const { buffer: bytes, byteOffset: start, byteLength: length } = buffer;
  if (start % 2 === 0) return new Uint16Array(bytes, start, length >> 1);
  return new Uint16Array(bytes.slice(start, start + length));
}
