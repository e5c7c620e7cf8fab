// @ts-check
import { make } from "../shared/dom.mjs";
import { galleryAmount } from "../shared/gallery_table.mjs";

/** @typedef {import("./gallery_table.mjs").GalleryTable} GalleryTable */

export const GALLERY_MARKS = /** @type {Record<string, string>} */ ({ good: "✓ good", bad: "✗ bad", "": "" });

const GALLERY_LONGEST = 120;

/** A name; of a long one its end shows, which tells images of one session apart. @param {string} name */
function galleryName(name) {
  const end = make("bdi", {}, name.slice(-GALLERY_LONGEST));
  return make("span", { class: "oem-gallery-name" }, end);
}

/**
 * Fill the cell of an image.
 *
 * @param {HTMLElement} cell
 * @param {GalleryTable} table
 * @param {number} row
 * @param {{ url?: string, error?: string } | undefined} picture
 * @param {{ selected: boolean, column: string }} state
 */
export function galleryCell(cell, table, row, picture, { selected, column }) {
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
  cell.replaceChildren(frame, galleryName(table.names[row]));
  if (column && column !== "name") cell.append(make("span", { class: "oem-gallery-value" }, value));
  cell.title = table.names[row];
  cell.dataset.mark = mark;
  cell.setAttribute("aria-selected", String(selected));
  cell.setAttribute("aria-label", gallerySpoken(table, row, picture, column, value));
}

/** Whether reasons say already why there is no picture. @param {string | undefined} reasons @param {string | undefined} error */
export function gallerySaid(reasons, error) {
  return Boolean(error && reasons?.includes(error.replace(/\.$/, "")));
}

/** @param {GalleryTable} table @param {number} row @param {{ error?: string } | undefined} picture @param {string} column @param {string} value */
function gallerySpoken(table, row, picture, column, value) {
  return [
    table.names[row],
    table.marks[row],
    value && `${table.label(column)} ${value}`,
    table.notes[row] && `note: ${table.notes[row]}`,
    table.doubtful(row) && "CTF not reliable",
    table.reasons[row] && !gallerySaid(table.reasons[row], picture?.error) && `unlike the others: ${table.reasons[row]}`,
    picture?.error && `cannot be read: ${picture.error}`,
  ]
    .filter(Boolean)
    .join(", ");
}
