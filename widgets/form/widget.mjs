// @ts-check
import { conditions } from "../shared/conditions.mjs";
import { keepKeys, make, uniqueId } from "../shared/dom.mjs";
import { afterPress } from "../shared/press.mjs";
import { request } from "../shared/request.mjs";

/**
 * One field as the kernel describes it.
 *
 * @typedef {object} Field
 * @property {string} name
 * @property {"text" | "number" | "choice" | "check" | "date" | "lines" | "password" | "conditions"} kind
 * @property {string} label
 * @property {string} help
 * @property {string} placeholder
 * @property {boolean} wide
 * @property {[string, string][]} choices
 * @property {string[]} suggestions
 * @property {string} [when]  a field that has to be ticked or filled for this one to show
 */

/** @typedef {HTMLElement & { value: string }} Control */

/** @param {Field} field @param {string} id @returns {Control} */
function control(field, id) {
  if (field.kind === "conditions") return conditions(field.label, field.choices, field.suggestions, id);
  if (field.kind === "choice") {
    const options = field.choices.map(([value, label]) => make("option", { value }, label));
    return make("select", {}, ...options);
  }
  if (field.kind === "lines") return make("textarea", { rows: "3", placeholder: field.placeholder });
  const types = { check: "checkbox", date: "date", password: "password", text: "text", number: "text" };
  const attributes = { type: types[field.kind], placeholder: field.placeholder, autocomplete: "off" };
  const input = make("input", attributes);
  if (field.suggestions.length) input.setAttribute("list", `${id}-suggestions`);
  if (field.kind === "number") input.inputMode = "decimal";
  return input;
}

/**
 * Return what a form is built by: everything but the words that are suggested.
 *
 * @param {Field[]} fields
 */
function shapeOf(fields) {
  const bare = (/** @type {Field} */ field) => {
    const listed = field.kind === "conditions" || field.suggestions.length > 0;
    return { ...field, suggestions: listed };
  };
  return JSON.stringify(fields.map(bare));
}

/** @param {Control} input */
function isCheck(input) {
  return input instanceof HTMLInputElement && input.type === "checkbox";
}

/** @param {{ model: import("@anywidget/types").AnyModel, el: HTMLElement }} context */
function render({ model, el }) {
  const prefix = uniqueId("oem-form");
  /** @type {Map<string, { field: Field, input: Control, message: HTMLElement }>} */
  const rows = new Map();
  const grid = make("div", { class: "oem-form-grid" });
  const button = make("button", { type: "submit", class: "oem-button oem-button-main" });
  const status = make("span", { class: "oem-form-status", role: "status" });
  const form = make("form", { class: "oem-form", novalidate: "" }, grid);
  form.append(make("div", { class: "oem-form-actions" }, button, status));
  el.append(form);
  const releaseKeys = keepKeys(form);

  /** @param {boolean} secrets */
  function collect(secrets) {
    /** @type {Record<string, string | boolean>} */
    const values = {};
    for (const [name, { field, input }] of rows) {
      if (field.kind === "password" && !secrets) continue;
      values[name] = isCheck(input) ? /** @type {HTMLInputElement} */ (input).checked : input.value;
    }
    return values;
  }

  /** Hide what another field makes no use of. */
  function showNeeded() {
    for (const { field, input } of rows.values()) {
      const other = field.when ? rows.get(field.when)?.input : undefined;
      const box = /** @type {HTMLElement} */ (input.closest(".oem-form-field"));
      if (other) box.hidden = !(isCheck(other) ? /** @type {HTMLInputElement} */ (other).checked : other.value.trim());
    }
  }

  function showValues() {
    for (const [name, value] of Object.entries(model.get("values"))) {
      const input = rows.get(name)?.input;
      if (!input) continue;
      if (isCheck(input)) /** @type {HTMLInputElement} */ (input).checked = Boolean(value);
      else if (input.value !== value) input.value = String(value); // else the caret would jump
    }
    showNeeded();
  }

  /** @param {Record<string, string>} errors */
  function showErrors(errors) {
    for (const [name, { input, message }] of rows) {
      message.textContent = errors[name] ?? "";
      message.hidden = !errors[name];
      input.setAttribute("aria-invalid", String(Boolean(errors[name])));
    }
    showState();
  }

  function showState() {
    const invalid = Object.keys(model.get("errors")).length > 0;
    button.textContent = model.get("submit_label");
    button.disabled = model.get("busy") || invalid;
    status.textContent = invalid ? "Mend the marked fields first." : model.get("status");
    form.setAttribute("aria-label", model.get("label"));
    form.setAttribute("aria-busy", String(model.get("busy")));
    form.setAttribute("role", model.get("role"));
  }

  let shape = "";

  function build() {
    const fields = /** @type {Field[]} */ (model.get("fields"));
    if (shape === shapeOf(fields)) return suggest(fields);
    shape = shapeOf(fields);
    const focused = [...rows].find(([, row]) => row.input === document.activeElement)?.[0];
    rows.clear();
    grid.replaceChildren();
    for (const field of fields) {
      const id = `${prefix}-${field.name}`;
      const input = control(field, id);
      const help = make("span", { class: "oem-form-help", id: `${id}-help` }, field.help);
      const message = make("span", { class: "oem-form-error", id: `${id}-error` });
      input.id = id;
      input.setAttribute("aria-describedby", `${id}-help ${id}-error`);
      const group = field.kind === "conditions"; // it carries its name itself
      const label = group
        ? make("span", { class: "oem-form-legend", "aria-hidden": "true" }, field.label)
        : make("label", { for: id }, field.label);
      const classes = `oem-form-field oem-form-${field.kind}${field.wide ? " oem-form-wide" : ""}`;
      const parts = [label, input, help, message];
      if (input.hasAttribute("list")) {
        const options = field.suggestions.map((value) => make("option", { value }));
        parts.push(make("datalist", { id: `${id}-suggestions` }, ...options));
      }
      grid.append(make("div", { class: classes }, ...parts));
      rows.set(field.name, { field, input, message });
    }
    showValues();
    showErrors(model.get("errors"));
    if (focused) rows.get(focused)?.input.focus();
  }

  /** Offer other words, without touching what a person is writing. @param {Field[]} fields */
  function suggest(fields) {
    for (const { name, suggestions } of fields) {
      const list = rows.get(name)?.input.closest(".oem-form-field")?.querySelector("datalist");
      list?.replaceChildren(...suggestions.map((value) => make("option", { value })));
    }
  }

  // a message that comes or goes moves the button
  const { ask: onErrors, end } = afterPress(() => showErrors(model.get("errors")));
  /** @param {Event} event */
  const onInput = (event) => {
    for (const [name, { field, input }] of rows) {
      // its value never leaves the page before the button is pressed: the kernel sees no edit
      if (field.kind !== "password" || input !== event.target) continue;
      const { [name]: _, ...left } = model.get("errors");
      model.set("errors", left);
      showErrors(left);
    }
    showNeeded();
    model.set("values", collect(false));
    model.save_changes();
  };
  /** @param {Event} event */
  const onSubmit = async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    try {
      const answer = await request(model, "submit", { values: collect(true) });
      for (const { field, input } of rows.values()) if (field.kind === "password") input.value = "";
      showState();
      if (answer.errors) showErrors(answer.errors);
    } catch (error) {
      showState();
      status.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  const states = ["busy", "label", "role", "status", "submit_label"].map((name) => `change:${name}`);

  build();
  model.on("change:fields", build);
  model.on("change:values", showValues);
  model.on("change:errors", onErrors);
  for (const name of states) model.on(name, showState);
  form.addEventListener("input", onInput);
  form.addEventListener("submit", onSubmit);

  return () => {
    model.off("change:fields", build);
    model.off("change:values", showValues);
    model.off("change:errors", onErrors);
    end();
    for (const name of states) model.off(name, showState);
    releaseKeys();
    form.remove();
  };
}

export default { render };
