// @ts-check
import { keepKeys, make } from "../shared/dom.mjs";
import { afterPress } from "../shared/press.mjs";
import { request } from "../shared/request.mjs";

/**
 * One row as the kernel describes it.
 *
 * @typedef {object} Row
 * @property {string} key
 * @property {string} title
 * @property {string} state  words for people: Waiting, Running, Done, Failed, Being read from tape
 * @property {boolean} active  a bar is drawn
 * @property {number | null} fraction  done so far, 0 to 1; null where nobody knows
 * @property {string} message
 * @property {string} detail
 * @property {string} path  where the files are
 * @property {string} code  what a person may type in a terminal
 * @property {[string, string][]} actions  name and text of each button
 * @property {{ label: string, path: string, view: string }[]} links
 */

/** Where this server's pages begin, as JupyterLab says; "/" where there is none. */
function baseUrl() {
  const config = document.getElementById("jupyter-config-data")?.textContent;
  return config ? JSON.parse(config).baseUrl ?? "/" : "/";
}

/** @param {Row["links"][number]} link */
function anchor({ label, path, view }) {
  const address = path.split("/").map(encodeURIComponent).join("/");
  return make("a", { href: `${baseUrl()}${view}/${address}`, target: "_blank", rel: "noopener" }, label);
}

/** The lines of one row; they are kept and updated, so that the focus stays where it is. */
class JobRow {
  /** @param {(action: string, row: JobRow) => void} act */
  constructor(act) {
    this.act = act;
    this.shape = "";
    this.title = make("span", { class: "oem-jobs-title" });
    this.state = make("span", { class: "oem-badge" });
    this.detail = make("span", { class: "oem-muted" });
    this.bar = make("progress", { max: "1" });
    this.message = make("p", { class: "oem-jobs-message" });
    this.path = make("code", { class: "oem-jobs-path" });
    this.code = make("pre", { class: "oem-jobs-code", tabindex: "0" });
    this.trouble = make("p", { class: "oem-jobs-trouble", role: "alert" });
    this.buttons = make("div", { class: "oem-jobs-buttons" });
    const head = make("div", { class: "oem-jobs-head" }, this.title, this.state, this.detail, this.buttons);
    this.element = make("li", { class: "oem-jobs-row" }, head, this.bar);
    this.element.append(this.message, this.path, this.code, this.trouble);
  }

  /** @param {Row} row */
  show(row) {
    this.key = row.key;
    this.title.textContent = row.title;
    this.state.textContent = row.state;
    this.state.className = `oem-badge oem-jobs-${row.state.toLowerCase().replace(/[^a-z]+/g, "-")}`;
    this.detail.textContent = row.detail;
    this.message.textContent = row.message;
    this.message.hidden = !row.message;
    this.path.textContent = row.path;
    this.path.hidden = !row.path;
    this.code.textContent = row.code;
    this.code.hidden = !row.code;
    this.code.setAttribute("aria-label", `Commands for ${row.title}`);
    this.bar.hidden = !row.active;
    this.bar.setAttribute("aria-label", `Progress of ${row.title}`);
    if (row.fraction === null) this.bar.removeAttribute("value");
    else this.bar.value = row.fraction;
    const shape = JSON.stringify([row.title, row.actions, row.links]);
    if (shape === this.shape) return;
    this.shape = shape;
    const buttons = row.actions.map(([action, label]) => {
      const text = make("span", { class: "oem-hidden" }, ` ${row.title}`);
      const button = make("button", { type: "button", class: "oem-button" }, label, text);
      button.addEventListener("click", () => this.act(action, this));
      return button;
    });
    this.buttons.replaceChildren(...row.links.map(anchor), ...buttons);
  }

  /** @param {boolean} waiting */
  setWaiting(waiting) {
    for (const button of this.buttons.querySelectorAll("button")) button.disabled = waiting;
  }
}

/** @param {{ model: import("@anywidget/types").AnyModel, el: HTMLElement }} context */
function render({ model, el }) {
  /** @type {Map<string, JobRow>} */
  const rows = new Map();
  const heading = make("h3");
  const list = make("ul", { class: "oem-jobs-list" });
  const empty = make("p", { class: "oem-muted" });
  const news = make("p", { class: "oem-hidden", role: "status" });
  const root = make("section", { class: "oem-jobs" }, heading, list, empty, news);
  el.append(root);
  const releaseKeys = keepKeys(root);

  /** @param {string} action @param {JobRow} row */
  async function act(action, row) {
    row.setWaiting(true);
    row.trouble.textContent = "";
    try {
      await request(model, action, { row: row.key });
    } catch (error) {
      row.trouble.textContent = error instanceof Error ? error.message : String(error);
    }
    row.setWaiting(false);
  }

  function show() {
    const wanted = /** @type {Row[]} */ (model.get("rows"));
    const keys = new Set(wanted.map((row) => row.key));
    for (const [key, row] of rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      rows.delete(key);
    }
    for (const [place, data] of wanted.entries()) {
      const row = rows.get(data.key) ?? new JobRow(act);
      const before = row.state.textContent;
      row.show(data);
      if (before && before !== data.state) news.textContent = `${data.title}: ${data.state}. ${data.message}`;
      rows.set(data.key, row);
      if (list.children[place] !== row.element) list.insertBefore(row.element, list.children[place] ?? null);
    }
    heading.textContent = model.get("label");
    root.setAttribute("aria-label", model.get("label"));
    empty.textContent = wanted.length ? "" : model.get("empty");
    root.hidden = !wanted.length && !model.get("empty");
  }

  show();
  const names = ["change:rows", "change:label", "change:empty"];
  const { ask, end } = afterPress(show); // a row that comes or goes moves all below it
  for (const name of names) model.on(name, ask);
  return () => {
    for (const name of names) model.off(name, ask);
    end();
    releaseKeys();
    root.remove();
  };
}

export default { render };
