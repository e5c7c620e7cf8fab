// @ts-check
import { make } from "../shared/dom.mjs";
import { GalleryPlot } from "../shared/gallery_plot.mjs";
import { galleryAmount } from "../shared/gallery_table.mjs";

/** @typedef {import("./gallery_table.mjs").GalleryTable} GalleryTable */
/** @typedef {import("./gallery_table.mjs").GalleryView} GalleryView */

const GALLERY_BINS = 40;

/**
 * The scale that shows what is usual: what lies far from the quartiles stands at its ends.
 *
 * @param {Float64Array} values
 * @param {string} column
 * @returns {import("./gallery_plot.mjs").GalleryScale}
 */
function galleryScale(values, column) {
  const finite = values.filter(Number.isFinite).sort();
  if (!finite.length) return { low: 0, high: 1, below: false, above: false, only: NaN };
  const [least, most] = [finite[0], finite[finite.length - 1]];
  const [first, third] = [0.25, 0.75].map((part) => finite[Math.floor(part * (finite.length - 1))]);
  const reach = 4 * (third - first) || Infinity;
  const [low, high] = [Math.max(least, first - reach), Math.min(most, third + reach)];
  if (low === high) {
    const [below, above] = [low > least, high < most];
    const half = Math.abs(low) < 1 ? 0.5 : 0.5 * Math.abs(low); // a bar in the middle
    return { low: low - half, high: high + half, below, above, only: low, column };
  }
  return { low, high, below: low > least, above: high < most, column };
}

/**
 * A range with no more digits than a person can draw; at an end beyond which there are values it is open.
 *
 * @param {number[]} range
 * @param {import("./gallery_plot.mjs").GalleryScale} scale
 * @returns {[number | null, number | null]}
 */
function galleryRounded([low, high], scale) {
  const step = 10 ** (Math.floor(Math.log10(high - low)) - 2);
  const neat = (/** @type {number} */ value) => Number((Math.round(value / step) * step).toPrecision(12));
  const edge = 0.005 * (scale.high - scale.low);
  return [scale.below && low <= scale.low + edge ? null : neat(low), scale.above && high >= scale.high - edge ? null : neat(high)];
}

/** How often the values of one column occur: all, and those that are shown. */
export class GalleryHistogram {
  /** @param {(column: string, range: [number | null, number | null] | null) => void} chosen */
  constructor(chosen) {
    this.column = "";
    this.plot = new GalleryPlot(120, false, (box) => chosen(this.column, box && galleryRounded(box.x, this.plot.x)));
    this.element = make("div", { class: "oem-gallery-chart" }, this.plot.canvas);
  }

  /** @param {GalleryTable} table @param {GalleryView} view @param {string} column */
  show(table, view, column) {
    this.column = column;
    const values = table.numbers(column);
    const scale = galleryScale(values, column);
    const { low, high } = scale;
    const bin = (/** @type {number} */ value) => Math.max(0, Math.min(GALLERY_BINS - 1, Math.floor(((value - low) / (high - low)) * GALLERY_BINS)));
    const all = new Float64Array(GALLERY_BINS);
    const shown = new Float64Array(GALLERY_BINS);
    for (const value of values) if (Number.isFinite(value)) all[bin(value)] += 1;
    for (const row of table.rows({ ...view, sort: "" })) if (Number.isFinite(values[row])) shown[bin(values[row])] += 1;
    const { plot } = this;
    plot.x = scale;
    plot.y = { low: 0, high: Math.max(1, ...all), below: false, above: false };
    const range = view.ranges[column];
    plot.range = range ? { x: [range[0] ?? low, range[1] ?? high], y: [0, plot.y.high] } : null;
    plot.content = (context) => {
      const bars = (/** @type {Float64Array} */ counts, /** @type {string} */ colour) => {
        context.fillStyle = colour;
        counts.forEach((count, place) => {
          const [from, to] = [place, place + 1].map((edge) => plot.px(low + (edge / GALLERY_BINS) * (high - low)));
          context.fillRect(from, plot.py(count), Math.max(1, to - from - 1), plot.py(0) - plot.py(count));
        });
      };
      bars(all, plot.colour("--jp-border-color1", "#bbb"));
      bars(shown, plot.colour("--jp-brand-color1", "#1565c0"));
    };
    const finite = values.filter(Number.isFinite).sort();
    const middle = finite.length ? galleryAmount(finite[finite.length >> 1]) : "none";
    const words = finite.length && `${finite.length.toLocaleString("en")} values from ${galleryAmount(finite[0])} to ${galleryAmount(finite[finite.length - 1])}, median ${middle}`;
    plot.canvas.setAttribute("aria-label", `Histogram of ${table.label(column)}: ${words || "no values"}`);
    plot.draw();
  }

  end() {
    this.plot.end();
  }
}

/** One column against another: all images, and those that are shown. */
export class GalleryScatter {
  /**
   * @param {(ranges: [string, [number | null, number | null] | null][]) => void} chosen
   * @param {(row: number) => void} picked  told the image whose point was clicked
   */
  constructor(chosen, picked) {
    this.names = ["", ""];
    /** @type {GalleryTable | null} */
    this.table = null;
    const both = (/** @type {import("./gallery_plot.mjs").GalleryBox | null} */ box) =>
      chosen([[this.names[0], box && galleryRounded(box.x, this.plot.x)], [this.names[1], box && galleryRounded(box.y, this.plot.y)]]);
    this.plot = new GalleryPlot(200, true, both, (x, y) => {
      const row = this.#nearest(x, y);
      if (row >= 0) picked(row);
      else both(null);
    });
    this.element = make("div", { class: "oem-gallery-chart" }, this.plot.canvas);
  }

  /** @param {number} x @param {number} y */
  #nearest(x, y) {
    if (!this.table) return -1;
    const [xs, ys] = this.names.map((name) => this.table?.numbers(name) ?? new Float64Array(0));
    let [best, found] = [12 ** 2, -1]; // pixels around a click
    xs.forEach((value, row) => {
      const away = (this.plot.px(value) - this.plot.px(x)) ** 2 + (this.plot.py(ys[row]) - this.plot.py(y)) ** 2;
      if (away < best) [best, found] = [away, row];
    });
    return found;
  }

  /** @param {GalleryTable} table @param {GalleryView} view @param {number[]} shown @param {string} across @param {string} up @param {number} active */
  show(table, view, shown, across, up, active) {
    this.table = table;
    this.names = [across, up];
    const { plot } = this;
    const [xs, ys] = [table.numbers(across), table.numbers(up)];
    [plot.x, plot.y] = [galleryScale(xs, across), galleryScale(ys, up)];
    const [one, two] = [view.ranges[across], view.ranges[up]];
    plot.range = one || two ? { x: [one?.[0] ?? plot.x.low, one?.[1] ?? plot.x.high], y: [two?.[0] ?? plot.y.low, two?.[1] ?? plot.y.high] } : null;
    plot.content = (context) => {
      const dots = (/** @type {Iterable<number>} */ rows, /** @type {string} */ colour, /** @type {number} */ size) => {
        context.fillStyle = colour;
        for (const row of rows)
          if (Number.isFinite(xs[row]) && Number.isFinite(ys[row]))
            context.fillRect(plot.px(xs[row]) - size / 2, plot.py(ys[row]) - size / 2, size, size);
      };
      dots(xs.keys(), plot.colour("--jp-border-color1", "#bbb"), 2);
      dots(shown, plot.colour("--jp-brand-color1", "#1565c0"), 3);
      dots(shown.filter((row) => table.reasons[row]), plot.colour("--jp-warn-color0", "#c55a00"), 5);
      if (active < 0 || !Number.isFinite(xs[active] + ys[active])) return;
      context.strokeStyle = plot.colour("--jp-ui-font-color0", "#000");
      context.lineWidth = 2;
      context.strokeRect(plot.px(xs[active]) - 5, plot.py(ys[active]) - 5, 10, 10);
      context.lineWidth = 1;
    };
    const words = `${shown.length.toLocaleString("en")} of ${table.count.toLocaleString("en")} images are shown`;
    plot.canvas.setAttribute("aria-label", `${table.label(up)} against ${table.label(across)}: ${words}`);
    plot.draw();
  }

  end() {
    this.plot.end();
  }
}
