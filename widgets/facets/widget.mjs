// @ts-check
import { keepKeys, make, uniqueId } from "../shared/dom.mjs";
import { afterPress } from "../shared/press.mjs";
import { request } from "../shared/request.mjs";

/**
 * One property and the values that it has among the hits.
 *
 * @typedef {object} Group
 * @property {string} name
 * @property {string} label
 * @property {{ value: string, label: string, count: number }[]} options  the most frequent first
 */

/** So many values of a property are shown unfolded. */
const FEW = 6;

/** @param {{ model: import("@anywidget/types").AnyModel, el: HTMLElement }} context */
function render({ model, el }) {
  const prefix = uniqueId("oem-facets");
  const heading = make("h3");
  const groups = make("div", { class: "oem-facets-groups" });
  const clear = make("button", { type: "button", class: "oem-button" }, "Clear all");
  const trouble = make("p", { class: "oem-facets-trouble", role: "alert" });
  const root = make("section", { class: "oem-facets" }, heading, groups, clear, trouble);
  el.append(root);
  const releaseKeys = keepKeys(root);
  /** @type {Set<string>} groups whose rare values are unfolded */
  const unfolded = new Set();

  /** @type {Record<string, string[]> | null} what was ticked last, until the kernel has heard of it */
  let ticked = null;

  /** @param {Record<string, string[]>} chosen */
  async function choose(chosen) {
    ticked = chosen; // boxes that are drawn anew meanwhile do not lose it
    trouble.textContent = "";
    let trust = true;
    try {
      await request(model, "choose", { chosen });
    } catch (error) {
      trouble.textContent = error instanceof Error ? error.message : String(error);
      trust = false;
    }
    if (ticked !== chosen) return; // something else has been ticked since
    ticked = null;
    if (!trust) ask(); // the boxes say again what holds
  }

  function read() {
    /** @type {Record<string, string[]>} */
    const chosen = {};
    for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (groups.querySelectorAll("input:checked")))
      (chosen[box.dataset.group ?? ""] ??= []).push(box.value);
    return chosen;
  }

  /** @param {Group} group @param {Group["options"][number]} option @param {number} place */
  function choice(group, option, place) {
    const id = `${prefix}-${group.name}-${place}`;
    const box = make("input", { type: "checkbox", id, value: option.value });
    box.dataset.group = group.name;
    box.checked = ((ticked ?? model.get("chosen"))[group.name] ?? []).includes(option.value);
    const count = make("span", { class: "oem-muted" }, option.count.toLocaleString("en"));
    return make("label", { for: id }, box, make("span", {}, option.label), count);
  }

  /** @param {Group} group */
  function fieldset(group) {
    const boxes = group.options.map((option, place) => choice(group, option, place));
    const set = make("fieldset", {}, make("legend", {}, group.label), ...boxes.slice(0, FEW));
    const rest = boxes.slice(FEW);
    if (rest.length) {
      const details = make("details", {}, make("summary", {}, `${rest.length} more`), ...rest);
      details.open = unfolded.has(group.name);
      details.addEventListener("toggle", () => {
        if (details.open) unfolded.add(group.name);
        else unfolded.delete(group.name);
      });
      set.append(details);
    }
    return set;
  }

  function show() {
    const before = document.activeElement;
    const focused = before instanceof HTMLInputElement && root.contains(before) ? before : null;
    const wanted = /** @type {Group[]} */ (model.get("groups")).filter((group) => group.options.length);
    heading.textContent = model.get("label");
    root.setAttribute("aria-label", model.get("label"));
    root.setAttribute("aria-busy", String(model.get("busy")));
    root.hidden = !wanted.length;
    groups.replaceChildren(...wanted.map(fieldset));
    clear.disabled = !groups.querySelector("input:checked");
    if (!focused) return;
    for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (groups.querySelectorAll("input")))
      if (box.value === focused.value && box.dataset.group === focused.dataset.group) box.focus();
  }
  const onChange = () => choose(read());
  const onClear = () => choose({});
  const names = ["label", "groups", "chosen", "busy"].map((name) => `change:${name}`);

  const { ask, end } = afterPress(show); // a box that is exchanged under the pointer gets no click

  show();
  for (const name of names) model.on(name, ask);
  groups.addEventListener("change", onChange);
  clear.addEventListener("click", onClear);
  return () => {
    for (const name of names) model.off(name, ask);
    end();
    releaseKeys();
    root.remove();
  };
}

export default { render };
