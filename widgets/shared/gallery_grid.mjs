// @ts-check
import { make, uniqueId } from "../shared/dom.mjs";

const GALLERY_SPARE = 2; // rows drawn beyond each edge

/**
 * A grid of cells of which only those in sight exist (WAI-ARIA grid with a moving active cell).
 *
 * Places count the cells that are shown, from 0 on; what lies at a place is known to who draws it.
 */
export class GalleryGrid {
  /**
   * @param {object} does
   * @param {(cell: HTMLElement, place: number) => void} does.draw  fills a cell that is new or has changed
   * @param {(places: number[]) => void} does.sight  told the places in sight, after each movement
   * @param {() => void} does.moved  told that the active cell is another one
   */
  constructor({ draw, sight, moved }) {
    this.draw = draw;
    this.sight = sight;
    this.moved = moved;
    this.id = uniqueId("oem-gallery");
    this.space = make("div", { class: "oem-gallery-space", role: "presentation" });
    this.element = make("div", { class: "oem-gallery-grid", role: "grid", tabindex: "0", "aria-multiselectable": "true" });
    this.element.append(this.space);
    this.count = 0;
    this.columns = 1;
    this.active = 0;
    this.size = { width: 160, height: 190 };
    /** @type {Map<number, HTMLElement>} */
    this.lines = new Map();
    this.frame = 0;
    this.element.addEventListener("scroll", () => this.#soon());
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.element);
  }

  /** Show so many cells, all drawn anew. @param {number} count */
  show(count) {
    this.count = count;
    this.active = Math.max(0, Math.min(this.active, count - 1));
    this.layout();
  }

  /** Change the size of the cells; the active one stays in sight. @param {number} width @param {number} height */
  resize(width, height) {
    this.size = { width, height };
    this.layout();
    this.reveal();
  }

  /** Place all cells again. */
  layout() {
    const inside = this.element.clientWidth;
    if (!inside) return; // not in the page yet; the observer calls again
    this.columns = Math.max(1, Math.floor(inside / this.size.width));
    const rows = Math.ceil(this.count / this.columns);
    this.space.style.height = `${rows * this.size.height}px`;
    this.element.setAttribute("aria-rowcount", String(rows));
    this.element.setAttribute("aria-colcount", String(this.columns));
    for (const line of this.lines.values()) line.remove();
    this.lines.clear();
    this.#fill();
  }

  #soon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#fill();
    });
  }

  #fill() {
    const { scrollTop, clientHeight } = this.element;
    const last = Math.ceil(this.count / this.columns) - 1;
    const top = Math.max(0, Math.floor(scrollTop / this.size.height));
    const bottom = Math.min(last, Math.floor((scrollTop + clientHeight) / this.size.height));
    const wanted = new Set();
    for (let line = Math.max(0, top - GALLERY_SPARE); line <= Math.min(last, bottom + GALLERY_SPARE); line++) wanted.add(line);
    if (this.count) wanted.add(Math.floor(this.active / this.columns)); // a screen reader stands on it
    for (const [line, element] of this.lines) {
      if (wanted.has(line)) continue;
      element.remove();
      this.lines.delete(line);
    }
    for (const line of wanted) if (!this.lines.has(line)) this.#add(line);
    this.#point();
    const first = top * this.columns;
    const seen = Math.max(0, Math.min(this.count, (bottom + 1) * this.columns) - first);
    const ahead = Math.max(0, Math.min(this.count - first - seen, GALLERY_SPARE * this.columns));
    const places = Array.from({ length: seen + ahead }, (_, step) => first + step);
    for (let step = 1; step <= GALLERY_SPARE * this.columns && first - step >= 0; step++) places.push(first - step);
    this.sight(places);
  }

  /** @param {number} line */
  #add(line) {
    const element = make("div", { role: "row", class: "oem-gallery-line", "aria-rowindex": String(line + 1) });
    element.style.transform = `translateY(${line * this.size.height}px)`;
    element.style.gridTemplateColumns = `repeat(${this.columns}, 1fr)`;
    element.style.height = `${this.size.height}px`;
    const end = Math.min(this.count, (line + 1) * this.columns);
    for (let place = line * this.columns; place < end; place++) {
      const column = String(place - line * this.columns + 1);
      const cell = make("div", { role: "gridcell", class: "oem-gallery-cell", id: `${this.id}-${place}`, "aria-colindex": column });
      cell.dataset.place = String(place);
      this.draw(cell, place);
      element.append(cell);
    }
    this.lines.set(line, element);
    this.space.append(element);
  }

  /** Draw all cells in sight again: the same ones at the same places, of which more is known. */
  refresh() {
    for (const line of this.lines.values())
      for (const cell of line.children) this.draw(/** @type {HTMLElement} */ (cell), Number(/** @type {HTMLElement} */ (cell).dataset.place));
    this.#fill();
  }

  /** Draw a cell again where it is in sight. @param {number} place */
  redraw(place) {
    const cell = this.cell(place);
    if (cell) this.draw(cell, place);
  }

  /** @param {number} place */
  cell(place) {
    return /** @type {HTMLElement | undefined} */ (this.lines.get(Math.floor(place / this.columns))?.children[place % this.columns]);
  }

  /** Mark the active cell. */
  #point() {
    for (const cell of this.space.querySelectorAll(".oem-gallery-active")) cell.classList.remove("oem-gallery-active");
    const cell = this.count ? this.cell(this.active) : undefined;
    cell?.classList.add("oem-gallery-active");
    if (cell) this.element.setAttribute("aria-activedescendant", cell.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  /** Make another cell the active one and bring it into sight. @param {number} place */
  go(place) {
    if (!this.count) return;
    this.active = Math.max(0, Math.min(place, this.count - 1));
    this.reveal();
    this.#fill();
    this.moved();
  }

  /** How far below the upper edge the active cell begins; undefined where it is out of sight. */
  get depth() {
    const depth = Math.floor(this.active / this.columns) * this.size.height - this.element.scrollTop;
    return depth > -this.size.height && depth < this.element.clientHeight ? depth : undefined;
  }

  /** Scroll until the active cell is where it was on screen. @param {number | undefined} depth */
  keep(depth) {
    if (depth === undefined) return; // the person looks at something else
    this.element.scrollTop = Math.floor(this.active / this.columns) * this.size.height - depth;
  }

  reveal() {
    const top = Math.floor(this.active / this.columns) * this.size.height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.size.height > scrollTop + clientHeight)
      this.element.scrollTop = top + this.size.height - clientHeight;
  }

  /** Where a key leads, undefined where it leads nowhere. @param {KeyboardEvent} event @returns {number | undefined} */
  target(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.size.height)) * this.columns;
    const start = this.active - (this.active % this.columns);
    const all = event.ctrlKey || event.metaKey;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowRight: this.active + 1,
      ArrowLeft: this.active - 1,
      ArrowDown: this.active + this.columns < this.count ? this.active + this.columns : this.active,
      ArrowUp: this.active >= this.columns ? this.active - this.columns : this.active,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: all ? 0 : start,
      End: all ? this.count - 1 : start + this.columns - 1,
    };
    return targets[event.key];
  }

  end() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }
}
