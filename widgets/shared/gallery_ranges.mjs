// @ts-check
import { make } from "../shared/dom.mjs";
import { galleryChoices, galleryField } from "../shared/gallery_tools.mjs";
import { GalleryHistogram, GalleryScatter } from "../shared/gallery_charts.mjs";

/** @typedef {import("./gallery_table.mjs").GalleryTable} GalleryTable */
/** @typedef {import("./gallery_table.mjs").GalleryView} GalleryView */

/** What tells images apart best, the first that there is. */
const GALLERY_TELLING = ["ctf_resolution", "ctf_defocus", "motion_total", "ice_ring", "std", "mean"];
/** What says more of the camera than of the image. */
const GALLERY_PLAIN = ["bytes", "fetched", "height", "width", "frames", "pixel_size", "voltage"];

/** The two columns that are plotted as long as nobody has chosen others: measured, and not all the same. @param {GalleryTable} table */
function galleryUsual(table) {
  const names = table.measured.map(({ name }) => name);
  const known = new Map(names.map((name) => [name, table.numbers(name).filter(Number.isFinite)]));
  const there = names.filter((name) => known.get(name)?.length);
  const varies = there.filter((name) => known.get(name)?.some((value) => value !== known.get(name)?.[0]));
  const rank = (/** @type {string} */ name) => {
    const place = GALLERY_TELLING.indexOf(name);
    return place < 0 ? GALLERY_TELLING.length + Number(GALLERY_PLAIN.includes(name)) : place;
  };
  for (const list of [varies, there]) list.sort((one, two) => rank(one) - rank(two));
  const [first, second] = [...new Set([...varies, ...there, ...names])];
  return [first, second ?? first];
}

/** Plots of the measurements, and the ranges that they or a person set. */
export class GalleryRanges {
  /**
   * @param {(ranges: GalleryView["ranges"]) => void} changed
   * @param {(row: number) => void} picked
   */
  constructor(changed, picked) {
    this.changed = changed;
    /** @type {GalleryView["ranges"]} */
    this.ranges = {};
    this.histogram = new GalleryHistogram((column, range) => this.#set([[column, range]]));
    this.scatter = new GalleryScatter((ranges) => this.#set(ranges), picked);
    this.column = make("select");
    this.across = make("select");
    this.up = make("select");
    this.list = make("div", { class: "oem-gallery-ranges", role: "group", "aria-label": "Ranges" });
    const heads = [
      make("div", { class: "oem-gallery-axes" }, galleryField("Histogram of", this.column)),
      make("div", { class: "oem-gallery-axes" }, galleryField("Plot", this.up), galleryField("against", this.across)),
    ];
    const help = make("p", { class: "oem-muted" }, "Drag over a plot, or write a range, to show what lies in it.");
    this.body = make("div", { class: "oem-gallery-plots" }, heads[0], this.histogram.element, this.list, heads[1], this.scatter.element, help);
    this.element = make("details", { class: "oem-gallery-side" }, make("summary", {}, "Measurements and ranges"), this.body);
    this.element.open = true;
    this.again = () => {};
    this.element.addEventListener("toggle", () => this.again());
    for (const select of [this.column, this.across, this.up]) select.addEventListener("change", () => {
        select.dataset.chosen = "yes";
        this.again();
      });
  }

  /** @param {[string, [number | null, number | null] | null][]} pairs */
  #set(pairs) {
    const ranges = { ...this.ranges };
    for (const [column, range] of pairs) {
      if (!column) continue;
      if (range && (range[0] !== null || range[1] !== null)) ranges[column] = range;
      else delete ranges[column];
    }
    this.changed(ranges);
  }

  /** @param {GalleryTable} table @param {GalleryView} view @param {number[]} shown @param {number} active */
  show(table, view, shown, active) {
    this.ranges = view.ranges;
    const pairs = table.measured.map(({ name, label }) => [name, label]);
    this.element.hidden = !pairs.length;
    if (!pairs.length) return;
    const usual = galleryUsual(table);
    for (const [select, name] of /** @type {const} */ ([[this.column, usual[0]], [this.up, usual[0]], [this.across, usual[1]]])) {
      const before = select.value;
      galleryChoices(select, pairs);
      if (select.value !== before) delete select.dataset.chosen; // what was chosen is not there
      if (!select.dataset.chosen) select.value = name;
    }
    this.again = () => this.show(table, view, shown, active);
    if (!this.element.open) return;
    this.histogram.show(table, view, this.column.value);
    this.scatter.show(table, view, shown, this.across.value, this.up.value, active);
    this.#fields(table, view);
  }

  /** Draw only what moves with the active image. @param {GalleryTable} table @param {GalleryView} view @param {number[]} shown @param {number} active */
  point(table, view, shown, active) {
    this.again = () => this.show(table, view, shown, active);
    if (this.element.open && !this.element.hidden) this.scatter.show(table, view, shown, this.across.value, this.up.value, active);
  }

  /** Fields for the column of the histogram and for all that have a range. @param {GalleryTable} table @param {GalleryView} view */
  #fields(table, view) {
    const columns = [...new Set([this.column.value, ...Object.keys(view.ranges)])].filter((name) => table.values.has(name));
    const state = JSON.stringify([columns, view.ranges]);
    if (this.list.dataset.state === state || (this.list.contains(document.activeElement) && this.list.dataset.columns === columns.join("\n"))) return;
    this.list.dataset.state = state;
    this.list.dataset.columns = columns.join("\n");
    this.list.replaceChildren(...columns.map((name) => this.#line(name, table.label(name), view.ranges[name])));
  }

  /** @param {string} name @param {string} label @param {[number | null, number | null]} [range] */
  #line(name, label, range) {
    const fields = ["from", "to"].map((word, place) => {
      const field = make("input", { type: "number", step: "any", "aria-label": `${label} ${word}`, placeholder: word });
      field.value = range?.[place] === null || range?.[place] === undefined ? "" : String(range[place]);
      return field;
    });
    const read = () => /** @type {[number | null, number | null]} */ (fields.map((field) => (field.value === "" ? null : Number(field.value))));
    for (const field of fields) field.addEventListener("change", () => this.#set([[name, read()]]));
    const clear = make("button", { type: "button", class: "oem-button", "aria-label": `All of ${label}` }, "×");
    clear.disabled = !range;
    clear.addEventListener("click", () => this.#set([[name, null]]));
    return make("div", { class: "oem-gallery-range" }, make("span", {}, label), ...fields, clear);
  }

  end() {
    this.histogram.end();
    this.scatter.end();
  }
}
