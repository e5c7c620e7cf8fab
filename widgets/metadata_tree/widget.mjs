// @ts-check
import { keepKeys, make, uniqueId } from "../shared/dom.mjs";
import { metadataRow, spokenRow } from "../shared/metadata_row.mjs";
import { request } from "../shared/request.mjs";
import { TreeView } from "../shared/tree.mjs";
import { valueEditor } from "../shared/value_editor.mjs";

/** @typedef {import("../shared/metadata_row.mjs").Row} Row */

/** How long a pause in typing begins a search. */
const PAUSE_MS = 250;

/** @param {{ model: import("@anywidget/types").AnyModel, el: HTMLElement }} context */
function render({ model, el }) {
  const id = uniqueId("oem-metadata");
  const find = make("input", { type: "search", id: `${id}-find`, autocomplete: "off" });
  const every = make("input", { type: "checkbox", id: `${id}-every` });
  const choice = make("label", { for: `${id}-every` }, every, " Fields without a value, too");
  const told = make("span", { class: "oem-muted", role: "status" });
  const label = make("label", { for: `${id}-find` }, "Search");
  const tools = make("div", { class: "oem-tree-tools", role: "search" }, label, find, choice, told);
  const trouble = make("p", { class: "oem-tree-trouble", role: "alert" });
  const pane = make("section", { class: "oem-tree-pane", tabindex: "-1" });
  const keys = "Arrows move and open, Enter shows where a value comes from";
  const help = make("p", { class: "oem-muted oem-tree-keys", id: `${id}-keys` });
  /** @type {string[]} */
  let words = [];
  let asked = 0;
  /** @type {number | undefined} */
  let timer;
  /** @type {Record<string, number> | null} what was open before the search */
  let before = null;
  /** @type {string | null} the row whose details are shown */
  let detailed = null;
  /** @type {Map<string, HTMLElement>} editors that are open, by the row they belong to */
  const editors = new Map();

  /** Ask, and tell a person where that fails. @param {string} action @param {Record<string, unknown>} content */
  async function ask(action, content) {
    trouble.textContent = "";
    try {
      return await request(model, action, { ...content, all: every.checked });
    } catch (error) {
      trouble.textContent = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  const view = new TreeView({
    draw: (row) => drawn(row),
    say: spokenRow,
    load: async (row) => (await ask("children", { id: row.more ?? row.id, start: row.start ?? 0 }))?.rows,
    enter: (row) => void details(row),
    edit: (row) => void edit(row),
  });
  const grid = make("div", { class: "oem-tree-grid" }, view.element, pane);
  const root = make("section", { class: "oem-metadata" }, tools, trouble, grid, help);
  view.element.setAttribute("aria-describedby", help.id);
  el.append(root);
  const releaseKeys = keepKeys(root);

  /** @param {Row} row */
  const drawn = (row) =>
    metadataRow(row, words, [
      ...(row.more === undefined ? [{ text: row.known ? "Where from" : "About", act: () => void details(row) }] : []),
      ...(row.editable && model.get("editable") ? [{ text: "Edit", act: () => void edit(row) }] : []),
    ]);

  /** @param {{ id: string }} row */
  async function details(row, focus = true) {
    const found = await ask("details", { id: row.id });
    if (!found || (!focus && detailed !== row.id)) return;
    detailed = row.id;
    const inside = pane.contains(document.activeElement);
    const heading = make("h4", {}, found.path);
    const list = make("dl");
    for (const [name, text] of found.rows) list.append(make("dt", {}, name), make("dd", {}, text));
    const close = make("button", { type: "button", class: "oem-button" }, "Close");
    close.addEventListener("click", leave);
    pane.replaceChildren(heading, list, close);
    pane.setAttribute("aria-label", `Details of ${found.path}`);
    pane.classList.add("oem-tree-pane-open");
    if (focus || inside) pane.focus();
  }

  function leave() {
    detailed = null;
    pane.replaceChildren();
    pane.classList.remove("oem-tree-pane-open");
    view.current?.focus();
  }

  /** @param {Row} row */
  async function edit(row) {
    const item = view.find(row.id);
    if (!item || !row.editable || !model.get("editable") || item.querySelector("form")) return;
    const editing = await ask("editor", { id: row.id });
    if (!editing || !item.isConnected) return;
    view.choose(item, false);
    const end = () => {
      editors.delete(row.id);
      const now = view.find(row.id); // another one than at first where the document has changed
      if (!now) return;
      now.replaceChildren(...drawn(/** @type {any} */ (view.rows.get(now))));
      now.classList.remove("oem-tree-editing");
      now.focus();
    };
    const save = async (/** @type {Record<string, unknown>} */ content) => {
      try {
        const answer = await request(model, "edit", { id: row.id, ...content });
        if (answer.error) return answer.error;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
      end();
      return "";
    };
    const { form, focus } = valueEditor(row.key, /** @type {any} */ (editing), save, end);
    editors.set(row.id, form);
    place(item, row, form);
    focus();
  }

  /** @param {HTMLElement} item @param {Row} row @param {HTMLElement} form */
  function place(item, row, form) {
    item.classList.add("oem-tree-editing");
    item.replaceChildren(make("span", { class: "oem-tree-key" }, row.key), form);
  }

  /** Put open editors back into rows that were drawn anew. @param {Element | null} focused */
  function keepEditors(focused) {
    for (const [path, form] of editors) {
      const item = view.find(path);
      const row = item && /** @type {Row} */ (view.rows.get(item));
      if (item && row?.editable && model.get("editable")) place(item, row, form);
      if (form.isConnected && focused instanceof HTMLElement && form.contains(focused)) focused.focus();
    }
  }

  /** Ask for all rows again. @param {string} [chosen] */
  async function refresh(chosen) {
    clearTimeout(timer);
    const mine = ++asked;
    const text = find.value.trim();
    if (text && !before) before = Object.fromEntries(view.opened);
    const shown = Object.fromEntries(view.opened);
    const opened = text || !before ? shown : before;
    const answer = await (text ? ask("search", { text }) : ask("rows", { opened, chosen }));
    if (!answer || mine !== asked) return; // a newer question is under way
    const moved = JSON.stringify(shown) !== JSON.stringify(Object.fromEntries(view.opened));
    if (moved && opened === shown && !text) return refresh(chosen); // by a person who did not wait
    if (!text) before = null;
    words = text.toLowerCase().split(/\s+/).filter(Boolean);
    told.textContent = answer.told;
    const focused = document.activeElement;
    view.show(answer.rows, chosen);
    keepEditors(chosen === undefined ? focused : null);
  }

  function showState() {
    view.element.setAttribute("aria-label", model.get("label"));
    root.setAttribute("aria-label", model.get("label"));
    choice.hidden = !model.get("fields");
    help.textContent = `${keys}${model.get("editable") ? ", F2 edits" : ""}; letters find a name, * opens all.`;
  }
  const onFound = () => void refresh();
  const onVersion = () => {
    void refresh();
    if (detailed !== null) void details({ id: detailed }, false);
  };
  const onFind = () => {
    clearTimeout(timer);
    timer = setTimeout(onFound, PAUSE_MS);
  };
  const onTarget = () => {
    find.value = "";
    void refresh(model.get("target").id);
  };
  const onPane = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && leave();
  const states = ["label", "editable", "fields"].map((name) => `change:${name}`);

  showState();
  void refresh();
  for (const name of states) model.on(name, showState);
  model.on("change:version", onVersion);
  model.on("change:target", onTarget);
  find.addEventListener("input", onFind);
  find.addEventListener("search", onFound);
  every.addEventListener("change", onFound);
  pane.addEventListener("keydown", onPane);
  return () => {
    clearTimeout(timer);
    for (const name of states) model.off(name, showState);
    model.off("change:version", onVersion);
    model.off("change:target", onTarget);
    releaseKeys();
    root.remove();
  };
}

export default { render };
