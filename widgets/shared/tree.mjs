// @ts-check
import { make } from "../shared/dom.mjs";
import { treeKeys } from "../shared/tree_keys.mjs";

/**
 * One row as the kernel describes it; a row with `more` offers members that are not shown yet.
 *
 * @typedef {object} TreeRow
 * @property {string} id
 * @property {number} level
 * @property {number} place
 * @property {number} size
 * @property {string} key
 * @property {boolean} branch
 * @property {boolean} open
 * @property {string} [more]
 * @property {number} [start]
 */

/**
 * A tree as the WAI-ARIA pattern describes it: one row has the focus, arrows move it.
 *
 * Rows lie in one flat list with their level, so that opening a node is one insertion.
 */
export class TreeView {
  /**
   * @param {object} does
   * @param {(row: any) => Node[]} does.draw  what a row shows
   * @param {(row: any) => string} does.say  what a screen reader says of it
   * @param {(row: TreeRow) => Promise<TreeRow[] | undefined>} does.load  members of a node, or the
   *   next ones; nothing where they cannot be had
   * @param {(row: any) => void} does.enter  what Enter does
   * @param {(row: any) => void} does.edit  what F2 does
   */
  constructor(does) {
    this.does = does;
    this.element = make("div", { class: "oem-tree", role: "tree" });
    /** @type {Map<Element, TreeRow>} */
    this.rows = new Map();
    /** @type {Map<string, number>} how many members of an open node are shown */
    this.opened = new Map();
    this.element.addEventListener("keydown", treeKeys(this));
    this.element.addEventListener("click", (event) => this.onClick(event));
  }

  get items() {
    return /** @type {HTMLElement[]} */ ([...this.element.children]);
  }

  get current() {
    return this.items.find((item) => item.tabIndex === 0);
  }

  /** @param {string} id */
  find(id) {
    return this.items.find((item) => this.rows.get(item)?.id === id);
  }

  /** @param {TreeRow} row */
  item(row) {
    const item = make("div", { role: "treeitem", class: "oem-tree-row", tabindex: "-1" });
    item.style.setProperty("--oem-level", String(row.level - 1));
    const numbers = { level: row.level, posinset: row.place, setsize: row.size };
    for (const [name, value] of Object.entries(numbers)) item.setAttribute(`aria-${name}`, String(value));
    item.setAttribute("aria-selected", "false");
    if (row.branch) item.setAttribute("aria-expanded", String(row.open));
    item.setAttribute("aria-label", this.does.say(row));
    item.append(...this.does.draw(row));
    this.rows.set(item, row);
    return item;
  }

  /** Replace all rows; the chosen one stays chosen. @param {TreeRow[]} rows @param {string} [chosen] */
  show(rows, chosen) {
    const before = this.current;
    const focused = before !== undefined && this.element.contains(document.activeElement);
    const wanted = chosen ?? (before && this.rows.get(before)?.id);
    const top = this.element.scrollTop;
    this.rows.clear();
    this.opened.clear();
    this.element.replaceChildren(...rows.map((row) => this.item(row)));
    this.opened.set("", rows.filter((row) => row.level === 1 && row.more === undefined).length);
    for (const [item, row] of this.rows) if (row.open) this.opened.set(row.id, this.below(item, 1).length);
    const found = wanted === undefined ? undefined : this.find(wanted);
    this.choose(found ?? this.items[0], focused || chosen !== undefined);
    if (chosen === undefined) this.element.scrollTop = top;
  }

  /** @param {HTMLElement | undefined} item @param {boolean} focus */
  choose(item, focus = true) {
    for (const one of this.items) {
      one.tabIndex = one === item ? 0 : -1;
      one.setAttribute("aria-selected", String(one === item));
    }
    if (item && focus) item.focus();
  }

  /** Rows below one, down to so many levels. @param {Element} item @param {number} levels */
  below(item, levels = Infinity) {
    const level = this.rows.get(item)?.level ?? 0;
    const found = [];
    for (let next = item.nextElementSibling; next; next = next.nextElementSibling) {
      const row = this.rows.get(next);
      if (!row || row.level <= level) break;
      if (row.level <= level + levels && row.more === undefined) found.push(next);
    }
    return found;
  }

  /** @param {HTMLElement} item */
  parent(item) {
    const level = this.rows.get(item)?.level ?? 1;
    let before = /** @type {HTMLElement | null} */ (item.previousElementSibling);
    while (before && (this.rows.get(before)?.level ?? 0) >= level)
      before = /** @type {HTMLElement | null} */ (before.previousElementSibling);
    return before;
  }

  /** @param {HTMLElement} item */
  async open(item) {
    const row = this.rows.get(item);
    if (!row?.branch || row.open || item.ariaBusy === "true") return;
    item.ariaBusy = "true";
    const rows = await this.does.load(row).finally(() => item.removeAttribute("aria-busy"));
    if (!item.isConnected) {
      const now = this.find(row.id); // all rows were drawn anew in the meantime
      if (now && rows) await this.open(now);
      return;
    }
    if (!rows || row.open) return;
    row.open = true;
    item.setAttribute("aria-expanded", "true");
    item.after(...rows.map((one) => this.item(one)));
    this.opened.set(row.id, this.below(item, 1).length);
  }

  /** @param {HTMLElement} item */
  close(item) {
    const row = this.rows.get(item);
    if (!row?.open) return;
    row.open = false;
    item.setAttribute("aria-expanded", "false");
    const level = row.level;
    for (let next = item.nextElementSibling; next; next = item.nextElementSibling) {
      const below = this.rows.get(next);
      if (!below || below.level <= level) break;
      this.opened.delete(below.id);
      this.rows.delete(next);
      next.remove();
    }
    this.opened.delete(row.id);
    if (!this.current) this.choose(item, false);
  }

  /** Put the next members in place of the row that offers them. @param {HTMLElement} item */
  async more(item) {
    const row = this.rows.get(item);
    if (row?.more === undefined || item.ariaBusy === "true") return;
    item.ariaBusy = "true";
    const rows = await this.does.load(row).finally(() => item.removeAttribute("aria-busy"));
    if (!item.isConnected) {
      const now = this.find(row.id);
      if (now && rows) await this.more(now);
      return;
    }
    if (!rows) return;
    const items = rows.map((one) => this.item(one));
    const parent = this.parent(item);
    const chosen = item === this.current;
    const focused = item === document.activeElement;
    item.replaceWith(...items);
    this.rows.delete(item);
    this.opened.set(row.more, (row.start ?? 0) + rows.filter((one) => one.more === undefined).length);
    if (chosen) this.choose(items[0] ?? parent ?? undefined, focused);
  }

  /** @param {HTMLElement} item */
  toggle(item) {
    const row = this.rows.get(item);
    if (row?.more !== undefined) return this.more(item);
    if (row?.open) return this.close(item);
    return this.open(item);
  }

  /** @param {MouseEvent} event */
  onClick(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const item = /** @type {HTMLElement | null} */ (target.closest("[role=treeitem]"));
    if (!item || target.closest("form, button")) return;
    this.choose(item);
    void this.toggle(item);
  }
}
