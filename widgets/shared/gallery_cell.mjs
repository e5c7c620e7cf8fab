// @ts-check
import { make } from "../shared/dom.mjs";
import { galleryAmount } from "../shared/gallery_table.mjs";

/** @typedef {import("./gallery_table.mjs").GalleryTable} GalleryTable */

export const GALLERY_MARKS = /** @type {Record<string, string>} */ ({ good: "✓ good", bad: "✗ bad", "": "" });

const GALLERY_LONGEST = 60;

/** The end of a name: what tells images of one session apart stands there. @param {string} name @param {number} width */
function galleryShort(name, width) {
  const room = Math.min(GALLERY_LONGEST, Math.floor(width / 8));
  return name.length > room ? `…${name.slice(1 - room)}` : name;
}

/**
 * Fill the cell of an image.
 *
 * @param {HTMLElement} cell
 * @param {GalleryTable} table
 * @param {number} row
 * @param {{ url?: string, error?: string } | undefined} picture
 * @param {{ selected: boolean, column: string, width: number }} state
 */
export function galleryCell(cell, table, row, picture, { selected, column, width }) {
  const mark = table.marks[row];
  const amount = column && column !== "name" ? galleryAmount(table.at(column, row)) : "";
  const value = amount && table.doubtful(row, column) ? `${amount} (not reliable)` : amount;
  const badges = make("span", { class: "oem-gallery-badges" });
  for (const [name, text] of [
    ["mark", GALLERY_MARKS[mark] ?? ""],
    ["note", table.notes[row] ? "✎" : ""],
    ["unlike", table.reasons[row] ? "⚠" : ""],
    ["doubtful", table.doubtful(row) ? "CTF ?" : ""],
  ])
    if (text) badges.append(make("span", { class: `oem-gallery-badge oem-gallery-${name}` }, text));
  /** @type {HTMLElement} */
  let image;
  const before = cell.querySelector("img"); // a picture that is there already would blink if it were made anew
  if (before && before.src === picture?.url) {
    image = before;
  } else if (picture?.url) {
    image = make("img", { alt: "", src: picture.url, draggable: "false", decoding: "async" });
  } else {
    image = make("span", { class: "oem-gallery-empty" }, picture?.error ? "cannot be read" : "…");
  }
  const frame = make("span", { class: "oem-gallery-frame" }, image, badges);
  const name = make("span", { class: "oem-gallery-name" }, galleryShort(table.names[row], width));
  cell.replaceChildren(frame, name);
  if (column && column !== "name") cell.append(make("span", { class: "oem-gallery-value" }, value));
  cell.title = table.names[row];
  cell.dataset.mark = mark;
  cell.setAttribute("aria-selected", String(selected));
  cell.setAttribute("aria-label", gallerySpoken(table, row, picture, column, value));
}

/** @param {GalleryTable} table @param {number} row @param {{ error?: string } | undefined} picture @param {string} column @param {string} value */
function gallerySpoken(table, row, picture, column, value) {
  return [
    table.names[row],
    table.marks[row],
    value && `${table.label(column)} ${value}`,
    table.notes[row] && `note: ${table.notes[row]}`,
    table.doubtful(row) && "CTF not reliable",
    table.reasons[row] && `unlike the others: ${table.reasons[row]}`,
    picture?.error && `cannot be read: ${picture.error}`,
  ]
    .filter(Boolean)
    .join(", ");
}
