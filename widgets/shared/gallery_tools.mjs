// @ts-check
import { make, uniqueId } from "../shared/dom.mjs";

/** @typedef {import("./gallery_table.mjs").GalleryTable} GalleryTable */
/** @typedef {import("./gallery_table.mjs").GalleryView} GalleryView */

const GALLERY_ONLY = [
  ["all", "All"],
  ["good", "Good"],
  ["bad", "Bad"],
  ["unmarked", "Without a mark"],
  ["noted", "With a note"],
  ["unlike", "Unlike the others"],
];
const GALLERY_DOUBTFUL = ["doubtful", "CTF not reliable"]; // where a CTF was measured
const GALLERY_SIZES = [
  ["112", "Small"],
  ["168", "Medium"],
  ["256", "Large"],
];
const GALLERY_PAUSE_MS = 150;

/** A field with its label. @param {string} text @param {HTMLElement} field */
export function galleryField(text, field) {
  field.id = uniqueId("oem-gallery-field");
  return make("span", { class: "oem-gallery-field" }, make("label", { for: field.id }, text), field);
}

/** Put choices into a list, keeping what is chosen. @param {HTMLSelectElement} select @param {string[][]} pairs */
export function galleryChoices(select, pairs) {
  const texts = JSON.stringify(pairs);
  if (select.dataset.pairs === texts) return;
  const before = select.value;
  select.dataset.pairs = texts;
  select.replaceChildren(...pairs.map(([value, text]) => make("option", { value }, text)));
  select.value = pairs.some(([value]) => value === before) ? before : (pairs[0]?.[0] ?? "");
}

/** Search, order, what is shown, and the size of the cells. */
export class GalleryTools {
  /**
   * @param {(change: Partial<GalleryView>) => void} changed
   * @param {(width: number) => void} sized
   */
  constructor(changed, sized) {
    this.find = make("input", { type: "search", autocomplete: "off" });
    this.sort = make("select");
    this.direction = make("button", { type: "button", class: "oem-button" });
    this.only = make("select");
    this.size = make("select");
    galleryChoices(this.only, GALLERY_ONLY);
    galleryChoices(this.size, GALLERY_SIZES);
    this.size.value = "168";
    this.told = make("p", { class: "oem-gallery-told", role: "status", "aria-live": "polite" });
    this.element = make("div", { class: "oem-gallery-tools", role: "search" });
    this.element.append(
      galleryField("Name", this.find),
      galleryField("Sort by", this.sort),
      this.direction,
      galleryField("Show", this.only),
      galleryField("Pictures", this.size),
    );
    /** @type {number | undefined} */
    this.timer = undefined;
    this.find.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => changed({ find: this.find.value }), GALLERY_PAUSE_MS);
    });
    this.sort.addEventListener("change", () => changed({ sort: this.sort.value }));
    this.only.addEventListener("change", () => changed({ only: this.only.value }));
    this.size.addEventListener("change", () => sized(Number(this.size.value)));
    this.direction.addEventListener("click", () => changed({ descending: this.direction.dataset.down !== "true" }));
  }

  /** @param {GalleryTable} table @param {GalleryView} view @param {number} shown */
  show(table, view, shown) {
    galleryChoices(this.sort, [["", "Order of the table"], ["name", "Name"], ...table.columns.map((one) => [one.name, one.label])]);
    const sorted = [...this.sort.options].some((option) => option.value === view.sort); // other tables have other columns
    this.sort.value = sorted ? view.sort : "";
    galleryChoices(this.only, table.judged || view.only === GALLERY_DOUBTFUL[0] ? [...GALLERY_ONLY, GALLERY_DOUBTFUL] : GALLERY_ONLY);
    this.only.value = view.only;
    if (document.activeElement !== this.find) this.find.value = view.find;
    this.direction.dataset.down = String(view.descending);
    this.direction.textContent = view.descending ? "↓ Descending" : "↑ Ascending";
    this.direction.disabled = !this.sort.value;
    const number = (/** @type {number} */ count) => count.toLocaleString("en");
    const count = (/** @type {string} */ mark) => table.marks.reduce((sum, one) => sum + Number(one === mark), 0);
    const unlike = table.reasons.reduce((sum, one) => sum + Number(Boolean(one)), 0);
    const words = [`${number(shown)} of ${number(table.count)} shown`, `${number(count("good"))} good`, `${number(count("bad"))} bad`];
    if (unlike) words.push(`${number(unlike)} unlike the others`);
    const text = `${words.join(", ")}.`;
    if (this.told.textContent !== text) this.told.textContent = text;
  }

  end() {
    clearTimeout(this.timer);
  }
}
