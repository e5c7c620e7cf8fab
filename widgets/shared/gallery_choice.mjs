// @ts-check

/** @typedef {import("./gallery_grid.mjs").GalleryGrid} GalleryGrid */

/** What keys and clicks in the grid do: move, select, judge, open. */
export class GalleryChoice {
  /**
   * @param {GalleryGrid} grid
   * @param {() => number[]} shown  the rows in the order in which they are shown
   * @param {object} does
   * @param {(rows: number[], changed: Set<number>) => void} does.selected
   * @param {(mark: string, on: boolean) => void} does.mark
   * @param {() => void} does.note
   * @param {() => void} does.open
   */
  constructor(grid, shown, does) {
    this.grid = grid;
    this.shown = shown;
    this.does = does;
    /** @type {Set<number>} rows */
    this.selected = new Set();
    /** The row at which a selection with Shift begins. */
    this.anchor = -1;
    grid.element.addEventListener("keydown", (event) => this.#key(event));
    grid.element.addEventListener("click", (event) => this.#click(event));
  }

  /** @param {Iterable<number>} rows */
  select(rows) {
    const wanted = [...rows];
    const changed = new Set([...this.selected, ...wanted]);
    this.selected.clear();
    for (const row of wanted) this.selected.add(row);
    this.does.selected(wanted, changed);
  }

  /**
   * Rows mean other images: keep what is still there under its new number.
   *
   * @param {(row: number) => number} now  -1 for one that is not there any more
   */
  moved(now) {
    const rows = [...this.selected].map(now).filter((row) => row >= 0);
    this.anchor = now(this.anchor);
    this.selected.clear();
    for (const row of rows) this.selected.add(row);
  }

  /** All from the anchor to the active one; from that one where the anchor is not shown. */
  #reach(from = this.grid.active) {
    const { active } = this.grid;
    const shown = this.shown();
    let start = shown.indexOf(this.anchor);
    if (start < 0) {
      start = from;
      this.anchor = shown[from] ?? -1;
    }
    this.select(shown.slice(Math.min(start, active), Math.max(start, active) + 1));
  }

  /** Let a selection with Shift begin at the active image. */
  hold() {
    this.anchor = this.shown()[this.grid.active] ?? -1;
  }

  #toggle() {
    const row = this.shown()[this.grid.active];
    if (row === undefined) return;
    this.select(this.selected.has(row) ? [...this.selected].filter((one) => one !== row) : [...this.selected, row]);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const target = this.grid.target(event);
    const command = event.ctrlKey || event.metaKey;
    const marks = /** @type {Record<string, string>} */ ({ g: "good", b: "bad", u: "" });
    if (target !== undefined) {
      const from = this.grid.active;
      this.grid.go(target);
      if (event.shiftKey) this.#reach(from);
      else this.hold();
    } else if (command && key === "a") this.select(this.shown());
    else if (command || event.altKey) return;
    else if (key in marks) this.does.mark(marks[key], event.shiftKey);
    else if (key === "n" && this.grid.count) this.does.note();
    else if (key === " ") this.#toggle();
    else if (key === "Enter") this.does.open();
    else if (key === "Escape" && this.selected.size) this.select([]);
    else return;
    event.preventDefault();
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const cell = event.target instanceof Element ? event.target.closest(".oem-gallery-cell") : null;
    if (!(cell instanceof HTMLElement)) return;
    const from = this.grid.active;
    this.grid.go(Number(cell.dataset.place));
    if (event.shiftKey) this.#reach(from);
    else {
      this.hold();
      if (event.ctrlKey || event.metaKey) this.#toggle();
      else if (this.selected.size) this.select([]);
    }
    if (event.detail === 2) this.does.open();
  }
}
