// @ts-check
/** @typedef {import("../shared/gallery_table.mjs").GalleryTable} GalleryTable */

/**
 * Return what writes a mark or note into rows at once and tells it to the kernel; where that does not
 * take it, it goes away again.
 *
 * @param {GalleryTable} table
 * @param {(action: string, content: Record<string, unknown>) => Promise<unknown>} ask  nothing where it fails
 * @param {(rows: number[]) => void} changed  draws rows anew
 */
export function galleryWords(table, ask, changed) {
  /** @param {"marks" | "notes"} what @param {number[]} rows @param {string} text */
  return async (what, rows, text) => {
    const { version } = table;
    const before = rows.map((row) => table[what][row]);
    const put = (/** @type {string[]} */ texts) => {
      rows.forEach((row, place) => (table[what][row] = texts[place]));
      changed(rows);
    };
    put(rows.map(() => text));
    const name = what === "marks" ? "mark" : "note";
    const answer = await ask(name, { rows, version, [name]: text });
    if (!answer && table.version === version) put(before); // a newer table has what the kernel knows
  };
}
