// @ts-check
import { make } from "../shared/dom.mjs";

/**
 * One condition; all of it is text, as a person wrote it.
 *
 * @typedef {{ name: string, comparison: string, value: string, unit: string }} Condition
 */

/**
 * Make a list of conditions, to which rows can be added; its `value` is JSON, like that of a field.
 *
 * @param {string} label  what the conditions are about
 * @param {[string, string][]} comparisons  value and text of each
 * @param {string[]} names  suggestions; others can be written
 * @param {string} id
 */
export function conditions(label, comparisons, names, id) {
  const list = make("datalist", { id: `${id}-names` }, ...names.map((value) => make("option", { value })));
  const rows = make("div", { class: "oem-conditions-rows" });
  const add = make("button", { type: "button", class: "oem-button" }, "Add a condition");
  const root = make("div", { class: "oem-conditions", role: "group", "aria-label": label }, list, rows, add);
  const changed = () => root.dispatchEvent(new Event("input", { bubbles: true }));

  /** @param {Condition} condition */
  function append({ name, comparison, value, unit }) {
    const field = (/** @type {string} */ text, /** @type {string} */ content, extra = {}) => {
      const input = make("input", { type: "text", autocomplete: "off", placeholder: text.toLowerCase(), ...extra });
      input.value = content;
      input.dataset.label = text;
      return input;
    };
    const select = make("select", {}, ...comparisons.map(([key, text]) => make("option", { value: key }, text)));
    select.value = comparison;
    select.dataset.label = "Comparison";
    const hidden = make("span", { class: "oem-hidden" });
    const remove = make("button", { type: "button", class: "oem-button" }, "Remove", hidden);
    const row = make(
      "div",
      { class: "oem-conditions-row" },
      field("Name", name, { list: `${id}-names` }),
      select,
      field("Value", value),
      field("Unit", unit),
      remove,
    );
    remove.addEventListener("click", () => {
      row.remove();
      number();
      add.focus();
      changed();
    });
    rows.append(row);
    number();
    return row;
  }

  function number() {
    for (const [place, row] of [...rows.children].entries()) {
      const words = `condition ${place + 1}`;
      for (const one of /** @type {NodeListOf<HTMLElement>} */ (row.querySelectorAll("[data-label]")))
        one.setAttribute("aria-label", `${one.dataset.label} of ${words}`);
      const hidden = row.querySelector("button .oem-hidden");
      if (hidden) hidden.textContent = ` ${words}`;
    }
  }

  const read = () =>
    JSON.stringify(
      [...rows.children].map((row) => {
        const [name, comparison, value, unit] = [...row.querySelectorAll("input, select")].map(
          (one) => /** @type {HTMLInputElement | HTMLSelectElement} */ (one).value,
        );
        return { name, comparison, value, unit };
      }),
    );

  /** @param {string} text */
  const write = (text) => {
    const wanted = /** @type {Condition[]} */ (JSON.parse(text || "[]"));
    if (JSON.stringify(wanted) === read()) return; // else the caret would jump
    rows.replaceChildren();
    wanted.forEach(append);
  };

  add.addEventListener("click", () => {
    append({ name: "", comparison: comparisons[0][0], value: "", unit: "" }).querySelector("input")?.focus();
    changed();
  });
  return Object.defineProperty(/** @type {HTMLElement & { value: string }} */ (/** @type {unknown} */ (root)), "value", {
    get: read,
    set: write,
  });
}
