// @ts-check

/**
 * How a person looks at the gallery.
 *
 * @typedef {object} GalleryView
 * @property {string} sort  column, empty for the order of the table
 * @property {boolean} descending
 * @property {Record<string, [number | null, number | null]>} ranges  smallest and largest value
 * @property {string} find  words that the name has to contain
 * @property {string} only  all, good, bad, unmarked, noted, unlike, doubtful
 */

/** @typedef {{ name: string, label: string, kind: "number" | "text", rests?: string }} GalleryColumn  and the column that says whether its values hold */

/** Says whether the CTF of an image can be relied on. */
const GALLERY_RELIABLE = "ctf_reliable";

/** Measurements of all images, column by column, and what a person has said of them. */
export class GalleryTable {
  constructor() {
    this.version = 0;
    this.count = 0;
    /** @type {GalleryColumn[]} */
    this.columns = [];
    /** @type {Map<string, Float64Array | string[]>} */
    this.values = new Map();
    /** @type {string[]} */
    this.names = [];
    /** @type {string[]} */
    this.marks = [];
    /** @type {string[]} */
    this.notes = [];
    /** @type {string[]} what is unlike the others */
    this.reasons = [];
  }

  /**
   * Take what the kernel has sent: rows that are new or have changed, and their values.
   *
   * @param {Record<string, any>} answer
   */
  apply(answer) {
    const [places, ...numbers] = /** @type {DataView[]} */ (answer.buffers ?? []).map(galleryBytes);
    const rows = new Int32Array(places ?? 0);
    if (answer.whole) {
      this.values = new Map();
      for (const name of /** @type {const} */ (["names", "marks", "notes", "reasons"])) this[name] = [];
    }
    this.columns = answer.columns;
    this.count = answer.count;
    this.version = answer.version;
    let next = 0;
    for (const column of this.columns) {
      const sent = column.kind === "number" ? new Float64Array(numbers[next++]) : answer.texts[column.name];
      this.values.set(column.name, this.#merged(column, rows, sent));
    }
    for (const name of /** @type {const} */ (["names", "marks", "notes", "reasons"]))
      rows.forEach((row, place) => (this[name][row] = answer[name][place]));
  }

  /** @param {GalleryColumn} column @param {Int32Array} rows @param {ArrayLike<any>} sent */
  #merged(column, rows, sent) {
    const old = this.values.get(column.name) ?? [];
    if (column.kind === "text") {
      const texts = /** @type {string[]} */ (old);
      rows.forEach((row, place) => (texts[row] = sent[place]));
      return texts;
    }
    let values = /** @type {Float64Array} */ (old);
    if (values.length < this.count) {
      values = new Float64Array(Math.max(this.count, Math.ceil(1.5 * old.length))).fill(NaN);
      values.set(/** @type {Float64Array} */ (old));
    }
    rows.forEach((row, place) => (values[row] = sent[place]));
    return values;
  }

  /** Names of the columns that hold numbers. */
  get measured() {
    return this.columns.filter((column) => column.kind === "number");
  }

  /** @param {string} name */
  label(name) {
    return this.columns.find((column) => column.name === name)?.label ?? name;
  }

  /** @param {string} name @param {number} row @returns {number | string} NaN where there is none */
  at(name, row) {
    return this.values.get(name)?.[row] ?? NaN;
  }

  /** Whether there is a word on how far the CTF of images is to be relied on. */
  get judged() {
    return this.values.has(GALLERY_RELIABLE);
  }

  /**
   * Whether the CTF of an image is not reliable, so that the value of a column says little.
   *
   * @param {number} row @param {string} [name]  a column; without one, whether that is so at all
   */
  doubtful(row, name) {
    const told = name === undefined ? GALLERY_RELIABLE : this.columns.find((column) => column.name === name)?.rests;
    return Boolean(told) && this.values.get(told ?? "")?.[row] === "no";
  }

  /** Values of a column of numbers. @param {string} name @returns {Float64Array} */
  numbers(name) {
    const found = this.values.get(name);
    return found instanceof Float64Array ? found.subarray(0, this.count) : new Float64Array(0);
  }

  /**
   * Return the rows that a view shows, in its order. Missing values come last both ways, before
   * them those of fits that are not reliable; no range contains a missing one.
   *
   * @param {GalleryView} view
   */
  rows(view) {
    const ranges = Object.entries(view.ranges).filter(([name]) => this.values.get(name) instanceof Float64Array);
    const words = view.find.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (let row = 0; row < this.count; row++) {
      const inside = ranges.every(([name, [low, high]]) => {
        const value = Number(this.at(name, row));
        return !Number.isNaN(value) && (low === null || value >= low) && (high === null || value <= high);
      });
      if (inside && this.#is(row, view.only) && words.every((word) => this.names[row].toLowerCase().includes(word)))
        found.push(row);
    }
    return this.#sorted(found, view);
  }

  /** @param {number[]} found @param {GalleryView} view */
  #sorted(found, view) {
    const holds = this.values.get(this.columns.find(({ name }) => name === view.sort)?.rests ?? "");
    const values = view.sort === "name" ? this.names : this.values.get(view.sort);
    if (!values) return found;
    const sign = view.descending ? -1 : 1;
    const missing = (/** @type {any} */ value) => value === undefined || value === "" || value !== value;
    return found.sort((a, b) => {
      const [one, two] = [values[a], values[b]];
      if (missing(one) || missing(two)) return Number(missing(one)) - Number(missing(two)) || a - b;
      if (holds && holds[a] !== holds[b] && (holds[a] === "no" || holds[b] === "no")) return holds[a] === "no" ? 1 : -1;
      return one < two ? -sign : one > two ? sign : a - b;
    });
  }

  /** @param {number} row @param {string} only */
  #is(row, only) {
    if (only === "unmarked") return !this.marks[row];
    if (only === "noted") return Boolean(this.notes[row]);
    if (only === "unlike") return Boolean(this.reasons[row]);
    if (only === "doubtful") return this.doubtful(row);
    return only === "all" || this.marks[row] === only;
  }
}

/** Return the bytes of a view from their own beginning, as typed arrays need them. @param {DataView} view */
function galleryBytes(view) {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}

/** A number as people read it. @param {number | string} value */
export function galleryAmount(value) {
  if (typeof value === "string") return value;
  if (Number.isNaN(value)) return "";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  return value.toLocaleString("en", size >= 1e4 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 });
}
