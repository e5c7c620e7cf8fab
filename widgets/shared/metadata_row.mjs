// @ts-check
import { make } from "../shared/dom.mjs";

/**
 * A row with what it shows.
 *
 * @typedef {import("../shared/tree.mjs").TreeRow & {
 *   count: number, text: string, unit: string, there: boolean, required: boolean, about: string,
 *   problems: string[], below: number, known: boolean, editable: boolean, left: number, page: number,
 * }} Row
 */

/** Show a text with the words that were searched for marked. @param {string} text @param {string[]} words */
function marked(text, words) {
  const low = text.toLowerCase();
  if (low.length !== text.length) return [text]; // letters that change their length cannot be placed
  const parts = [];
  for (let from = 0; from < text.length; ) {
    const hits = words.map((word) => ({ word, at: low.indexOf(word, from) })).filter(({ at }) => at >= 0);
    const hit = hits.sort((a, b) => a.at - b.at)[0];
    if (!hit) return [...parts, text.slice(from)];
    parts.push(text.slice(from, hit.at), make("mark", {}, text.slice(hit.at, hit.at + hit.word.length)));
    from = hit.at + hit.word.length;
  }
  return parts;
}

/** A mark that says by its text what it is. @param {string} icon @param {string} text @param {string} kind */
function sign(icon, text, kind) {
  const mark = make("span", { class: `oem-tree-sign oem-tree-${kind}` });
  mark.append(make("span", { "aria-hidden": "true" }, `${icon} `), text);
  return mark;
}

/** @param {number} number */
const whole = (number) => number.toLocaleString("en");

/** @param {Row} row */
function lacking(row) {
  if (row.there) return "";
  return row.required ? "missing" : "not stated";
}

/** @param {Row} row */
function troubles(row) {
  return row.below ? [...row.problems, `${whole(row.below)} wrong inside`] : row.problems;
}

/** Return what a screen reader says of a row. @param {Row} row */
export function spokenRow(row) {
  if (row.more !== undefined) return `Show ${whole(row.page)} more`;
  const value = row.branch ? (row.there ? `${whole(row.count)} inside` : "") : `${row.text} ${row.unit}`.trim();
  const said = [value, lacking(row)].filter(Boolean).join(", ");
  return [said ? `${row.key}: ${said}` : row.key, ...troubles(row)].join(". ");
}

/**
 * Make what a row shows: name, value with unit, buttons, what is wrong, and what it is.
 *
 * @param {Row} row
 * @param {string[]} words  marked where they occur
 * @param {{ text: string, act: () => void }[]} actions
 * @returns {Node[]}
 */
export function metadataRow(row, words, actions) {
  if (row.more !== undefined) {
    const left = make("span", { class: "oem-tree-value oem-muted" }, `${whole(row.left)} are not shown`);
    return [make("span", { class: "oem-tree-key" }, `Show ${whole(row.page)} more`), left];
  }
  const value = make("span", { class: "oem-tree-value" });
  if (row.branch && row.there) value.append(make("span", { class: "oem-muted" }, `${whole(row.count)} inside`));
  if (!row.branch) value.append(...marked(row.text, words));
  if (row.unit) value.append(" ", ...marked(row.unit, words));
  if (!row.there) value.append(make("em", { class: "oem-muted" }, lacking(row)));
  const buttons = actions.map(({ text, act }) => {
    const hidden = make("span", { class: "oem-hidden" }, ` ${row.key}`);
    const button = make("button", { type: "button", tabindex: "-1", class: "oem-tree-button" }, text, hidden);
    button.addEventListener("click", act);
    return button;
  });
  const about = make("span", { class: "oem-tree-about oem-muted" }, ...marked(row.about, words));
  if (row.about) about.title = row.about;
  return [
    make("span", { class: "oem-tree-key" }, ...marked(row.key, words)),
    value,
    make("span", { class: "oem-tree-actions" }, ...buttons),
    make("span", { class: "oem-tree-marks" }, ...troubles(row).map((text) => sign("✕", text, "wrong"))),
    about,
  ];
}
