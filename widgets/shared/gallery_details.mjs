// @ts-check
import { make, uniqueId } from "../shared/dom.mjs";
import { GALLERY_MARKS, gallerySaid } from "../shared/gallery_cell.mjs";
import { galleryAmount } from "../shared/gallery_table.mjs";

/** @typedef {import("./gallery_table.mjs").GalleryTable} GalleryTable */

/** All that is known of one image, with the buttons that judge it. */
export class GalleryDetails {
  /**
   * @param {object} does
   * @param {(mark: string) => void} does.mark
   * @param {() => number[]} does.meant  the rows that a note is written to, when it is begun
   * @param {(note: string, rows: number[]) => void} does.note
   * @param {() => void} does.open
   */
  constructor({ mark, meant, note, open }) {
    const id = uniqueId("oem-gallery-note");
    this.heading = make("h4");
    this.reasons = make("p", { class: "oem-gallery-reasons" });
    this.buttons = Object.keys(GALLERY_MARKS).map((name) => {
      const button = make("button", { type: "button", class: "oem-button" }, { good: "Good", bad: "Bad", "": "No mark" }[name] ?? "");
      button.dataset.mark = name;
      button.addEventListener("click", () => mark(name));
      return button;
    });
    this.opener = make("button", { type: "button", class: "oem-button oem-button-main" }, "Open");
    this.opener.addEventListener("click", open);
    this.note = make("input", { type: "text", id, maxlength: "500", autocomplete: "off" });
    /** @type {number[] | undefined} rows of the note that is being written: those shown may be others by its end */
    this.rows = undefined;
    let before = "";
    this.note.addEventListener("focus", () => {
      this.rows = meant();
      before = this.note.value;
    });
    this.note.addEventListener("change", () => note(this.note.value, this.rows ?? meant()));
    this.note.addEventListener("keydown", (event) => {
      if (event.key === "Enter") note(this.note.value, this.rows ?? meant());
      if (event.key === "Escape") this.note.value = before; // or leaving would write it down
      if (event.key === "Enter" || event.key === "Escape") this.leave();
    });
    this.note.addEventListener("blur", () => {
      this.rows = undefined;
      this.left();
    });
    this.label = make("label", { for: id }, "Note");
    const written = make("div", { class: "oem-gallery-written" }, this.label, this.note);
    this.values = make("dl");
    const judging = make("div", { class: "oem-gallery-marks", role: "group", "aria-label": "Mark" }, ...this.buttons);
    const line = make("div", { class: "oem-gallery-judging" }, judging, this.opener);
    this.element = make("section", { class: "oem-gallery-details", "aria-label": "The chosen image" });
    this.element.append(this.heading, line, written, this.reasons, this.values);
    /** Called when a person has finished the note. */
    this.leave = () => {};
    /** Called when the note is not written any more. */
    this.left = () => {};
  }

  /** Rows mean other images. @param {(row: number) => number} now  -1 for one that is not there any more */
  moved(now) {
    this.rows = this.rows?.map(now).filter((row) => row >= 0);
  }

  /** @param {GalleryTable} table @param {number} row  -1 for none @param {number} selected @param {boolean} opens @param {string} [error] */
  show(table, row, selected, opens, error) {
    this.element.hidden = row < 0;
    if (row < 0) return;
    this.heading.textContent = selected > 1 ? `${selected.toLocaleString("en")} images` : table.names[row];
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(selected < 2 && table.marks[row] === button.dataset.mark));
    this.opener.hidden = !opens;
    const one = this.rows?.length === 1 ? this.rows[0] : row;
    this.label.textContent = one === row || selected > 1 ? "Note" : `Note to ${table.names[one]}`;
    if (this.rows === undefined) this.note.value = table.notes[row] ?? "";
    const doubt = table.doubtful(row) && "The CTF is not reliable: what it says of the image may be wrong.";
    const known = gallerySaid(table.reasons[row], error);
    this.reasons.textContent = [doubt, table.reasons[row], error && !known && `Its picture cannot be made: ${error}`].filter(Boolean).join(" ");
    this.values.replaceChildren();
    if (selected > 1) this.values.append(make("dt", {}, "Of them"), make("dd", {}, table.names[row])); // whose values follow
    for (const column of table.columns) {
      const text = galleryAmount(table.at(column.name, row));
      const value = table.doubtful(row, column.name) ? `${text} (not reliable)` : text;
      if (text) this.values.append(make("dt", {}, column.label), make("dd", {}, value));
    }
  }
}
