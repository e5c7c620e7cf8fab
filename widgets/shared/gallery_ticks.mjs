// @ts-check

const GALLERY_PREFIXES = /** @type {const} */ ([["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]]);
const GALLERY_BYTES = ["bytes", "fetched"];
const GALLERY_EXACT = 0.01; // part of the scale that a label may be off at most
const GALLERY_ROOM = 9; // characters of a label that need not be shortened

/**
 * Texts for places on a scale: as many digits as tell them apart and no more, with a prefix of the
 * SI where that is shorter.
 *
 * @param {number[]} values
 * @param {number} span  between the ends of the scale; 0 where there is one value only
 * @param {string} [column]  numbers of bytes have their unit
 * @returns {string[]}
 */
export function galleryTicks(values, span, column = "") {
  const most = Math.max(...values.map(Math.abs));
  const bytes = GALLERY_BYTES.includes(column);
  const written = (/** @type {number} */ size) => {
    // one value alone stands as it is, up to what a double holds for sure
    const digits = span > 0 ? Math.ceil(-Math.log10((2 * GALLERY_EXACT * span) / size)) : 12;
    const options = { maximumFractionDigits: Math.max(0, Math.min(digits, 12)) };
    return values.map((value) => (value / size + 0).toLocaleString("en", options));
  };
  if (most > 0 && (most < 1e-3 || most >= 1e15)) {
    const digits = span > 0 ? Math.ceil(Math.log10(most / (2 * GALLERY_EXACT * span))) : 3;
    return values.map((value) => (value ? value.toExponential(Math.max(1, Math.min(digits, 8))) : "0"));
  }
  const plain = written(1);
  const found = GALLERY_PREFIXES.find(([, size]) => most >= size);
  const unit = bytes ? " B" : "";
  if (!found || (found[1] < 1e6 && !bytes)) return plain.map((text) => `${text}${unit}`);
  const short = written(found[1]);
  const longest = (/** @type {string[]} */ texts) => Math.max(...texts.map((text) => text.length));
  if (longest(plain) <= GALLERY_ROOM && longest(short) + 2 >= longest(plain)) return plain.map((text) => `${text}${unit}`);
  return short.map((text) => (text === "0" ? text : `${text} ${found[0]}${unit.trim()}`));
}
