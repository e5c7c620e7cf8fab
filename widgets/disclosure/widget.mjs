// @ts-check
import { keepKeys, make } from "../shared/dom.mjs";
import { afterPress } from "../shared/press.mjs";

/**
 * Put text on the clipboard; where the browser forbids that, select it for Ctrl+C.
 *
 * @param {HTMLElement} source
 * @returns {Promise<string>} what to tell the person
 */
async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent ?? "");
    return "Copied.";
  } catch {
    getSelection()?.selectAllChildren(source);
    return "Selected: press Ctrl+C to copy.";
  }
}

/** @param {{ model: import("@anywidget/types").AnyModel, el: HTMLElement }} context */
function render({ model, el }) {
  const sentence = make("p", { class: "oem-disclosure-sentence" });
  const hint = make("p");
  const words = make("div", {}, sentence, hint);
  const summary = make("summary");
  const text = make("pre", { tabindex: "0" });
  const button = make("button", { type: "button", class: "oem-button" }, "Copy");
  const told = make("span", { class: "oem-muted", role: "status" });
  const actions = make("div", { class: "oem-disclosure-actions" }, button, told);
  const details = make("details", {}, summary, text, actions);
  const root = make("div", { class: "oem-disclosure" }, words, details);
  el.append(root);
  const releaseKeys = keepKeys(root);

  function show() {
    const error = model.get("tone") === "error";
    root.classList.toggle("oem-disclosure-error", error);
    root.hidden = !model.get("sentence") && !model.get("text");
    summary.textContent = model.get("label");
    text.textContent = model.get("text");
    text.setAttribute("aria-label", model.get("label"));
    told.textContent = "";
    details.hidden = !model.get("text");
    words.hidden = !model.get("sentence");
    if (error) words.setAttribute("role", "alert");
    else words.removeAttribute("role");
    sentence.textContent = model.get("sentence");
    hint.textContent = model.get("hint");
    hint.hidden = !model.get("hint");
  }
  const onCopy = async () => {
    told.textContent = await copy(text);
  };

  show();
  const names = ["tone", "sentence", "hint", "label", "text"].map((name) => `change:${name}`);
  const { ask, end } = afterPress(show); // an error that comes or goes moves all below it
  for (const name of names) model.on(name, ask);
  button.addEventListener("click", onCopy);
  return () => {
    for (const name of names) model.off(name, ask);
    end();
    releaseKeys();
    root.remove();
  };
}

export default { render };
