// @ts-check
import { make, uniqueId } from "../shared/dom.mjs";

/**
 * How a value can be edited, as the kernel says it.
 *
 * @typedef {object} Editing
 * @property {"text" | "number" | "truth" | "choice" | "date-time" | "quantity"} kind
 * @property {string} value
 * @property {string} unit
 * @property {[string, string][]} choices
 * @property {string[]} units
 * @property {string} help
 * @property {boolean} there
 */

/** @param {[string, string][]} choices @param {string} chosen */
function options(choices, chosen) {
  return choices.map(([value, label]) => {
    const option = make("option", { value }, label);
    option.selected = value === chosen;
    return option;
  });
}

/**
 * Make the fields with which one value is edited in place. Enter saves, Escape cancels.
 *
 * @param {string} name  what the value is called
 * @param {Editing} editing
 * @param {(content: { value?: string, unit?: string, remove?: boolean }) => Promise<string>} save
 *   returns what is wrong, nothing where all went well
 * @param {() => void} cancel
 */
export function valueEditor(name, editing, save, cancel) {
  const id = uniqueId("oem-value");
  const message = make("span", { class: "oem-value-error", id: `${id}-error`, role: "alert" });
  const help = make("span", { class: "oem-muted", id: `${id}-help` }, editing.help);
  const choice = editing.kind === "choice" || editing.kind === "truth";
  const input = choice
    ? make("select", {}, ...options(editing.choices, editing.value))
    : make("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  if (input instanceof HTMLInputElement) {
    input.value = editing.value;
    if (editing.kind === "number" || editing.kind === "quantity") input.inputMode = "decimal";
  }
  input.setAttribute("aria-label", name);
  input.setAttribute("aria-describedby", `${id}-help ${id}-error`);
  /** @type {(HTMLInputElement | HTMLSelectElement)[]} */
  const fields = [input];
  if (editing.kind === "quantity") {
    const unit = editing.units.length
      ? make("select", {}, ...options(editing.units.map((one) => [one, one]), editing.unit))
      : make("input", { type: "text", autocomplete: "off", value: editing.unit });
    unit.setAttribute("aria-label", `Unit of ${name}`);
    fields.push(unit);
  }
  const button = (/** @type {string} */ text, type = "button") =>
    make("button", { type, class: "oem-button" }, text, make("span", { class: "oem-hidden" }, ` ${name}`));
  const [keep, drop, leave] = [button("Save", "submit"), button("Remove"), button("Cancel")];
  const form = make("form", { class: "oem-value", novalidate: "" }, ...fields, keep, leave);
  if (editing.there) form.append(drop);
  form.append(help, message);

  /** @param {{ value?: string, unit?: string, remove?: boolean }} content */
  async function send(content) {
    const buttons = [keep, drop, leave];
    for (const one of buttons) one.disabled = true;
    message.textContent = "";
    const wrong = await save(content);
    for (const one of buttons) one.disabled = false;
    message.textContent = wrong;
    input.setAttribute("aria-invalid", String(Boolean(wrong)));
    if (wrong) input.focus();
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!keep.disabled) void send({ value: input.value, unit: fields[1]?.value ?? "" });
  });
  drop.addEventListener("click", () => void send({ remove: true }));
  leave.addEventListener("click", cancel);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
  });
  return { form, focus: () => input.focus() };
}
