// @ts-check
import { keepKeys, make } from "../shared/dom.mjs";
import { request } from "../shared/request.mjs";
import { galleryCell } from "../shared/gallery_cell.mjs";
import { GalleryChoice } from "../shared/gallery_choice.mjs";
import { GalleryDetails } from "../shared/gallery_details.mjs";
import { GalleryGrid } from "../shared/gallery_grid.mjs";
import { GalleryPictures } from "../shared/gallery_pictures.mjs";
import { GalleryRanges } from "../shared/gallery_ranges.mjs";
import { GalleryReading } from "../shared/gallery_reading.mjs";
import { GalleryTable } from "../shared/gallery_table.mjs";
import { GalleryTools } from "../shared/gallery_tools.mjs";
import { galleryWords } from "../shared/gallery_words.mjs";

/** @typedef {import("../shared/gallery_table.mjs").GalleryView} GalleryView */

/** Room below a picture for its name and a value. */
const TEXT = 44;
const KEYS = "Arrows move, G good, B bad, U no mark, with Shift on to the next; N writes a note, Space selects, Ctrl+A selects all, Enter opens.";

/** @param {{ model: import("@anywidget/types").AnyModel, el: HTMLElement }} context */
function render({ model, el }) {
  const table = new GalleryTable();
  /** @type {GalleryView} */
  let view = { sort: "", descending: false, ranges: {}, find: "", only: "all", ...model.get("view_state") };
  /** @type {number[]} rows in the order in which they are shown */
  let shown = [];
  /** @type {Map<number, number>} place of each row that is shown */
  let places = new Map();
  const trouble = make("p", { class: "oem-gallery-trouble", role: "alert" });
  const told = make("p", { class: "oem-muted", role: "status" });

  /** Ask, and tell a person where that fails. @param {string} action @param {Record<string, unknown>} content */
  async function ask(action, content) {
    trouble.textContent = "";
    try {
      return await request(model, action, content);
    } catch (error) {
      trouble.textContent = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  const active = () => shown[grid.active] ?? -1;
  const rowsMeant = () => (choice.selected.size ? [...choice.selected] : active() < 0 ? [] : [active()]);
  const redraw = (/** @type {Iterable<number>} */ rows) => {
    for (const row of rows) if (places.has(row)) grid.redraw(places.get(row) ?? 0);
  };
  const say = galleryWords(table, ask, (rows) => {
    redraw(rows);
    tools.show(table, view, shown.length);
    showDetails();
  });
  const reading = new GalleryReading(model, {
    version: () => table.version,
    take: (answer) => take(answer),
    tell: (message) => (trouble.textContent = message),
  });
  const pictures = new GalleryPictures(model, redraw, (message) => (trouble.textContent = message));
  const grid = new GalleryGrid({
    draw: (cell, place) => {
      const row = shown[place];
      const state = { selected: choice.selected.has(row), column: view.sort };
      galleryCell(cell, table, row, pictures.get(row), state);
    },
    sight: (seen) => pictures.want(seen.map((place) => shown[place])),
    moved: () => showActive(),
  });
  const choice = new GalleryChoice(grid, () => shown, {
    selected: (rows, changed) => {
      redraw(changed);
      showDetails();
      void ask("select", { rows, version: table.version });
    },
    mark: (name, on) => void mark(name, on),
    note: () => details.note.focus(),
    open: () => void open(),
  });
  const tools = new GalleryTools(
    (part) => change(part),
    (width) => grid.resize(width, width + TEXT - 8),
  );
  const ranges = new GalleryRanges(
    (wanted) => change({ ranges: wanted }),
    (row) => places.has(row) && grid.go(places.get(row) ?? 0),
  );
  const details = new GalleryDetails({
    mark: (name) => void mark(name, false),
    meant: () => rowsMeant(),
    note: (text, rows) => void note(text, rows),
    open: () => void open(),
  });
  details.leave = () => grid.element.focus();
  details.left = () => showDetails();
  const side = make("div", { class: "oem-gallery-right" }, details.element, ranges.element);
  const main = make("div", { class: "oem-gallery-main" }, grid.element, make("p", { class: "oem-muted" }, KEYS));
  const heading = make("h3");
  const root = make("section", { class: "oem-gallery" }, heading, tools.element, tools.told, trouble);
  root.append(make("div", { class: "oem-gallery-body" }, main, side), told);
  el.append(root);
  const releaseKeys = keepKeys(root);

  /** @param {Partial<GalleryView>} part */
  function change(part) {
    view = { ...view, ...part };
    show(!("ranges" in part));
    if ("ranges" in part) grid.reveal();
    model.set("view_state", view);
    model.save_changes();
  }

  /**
   * Show all again; the active image stays the active one where it still is there.
   *
   * @param {boolean} top  whether the first one is looked at instead: who sorts wants the ends of the order
   */
  function show(top = false) {
    const [before, were, depth] = [active(), shown, grid.depth];
    shown = table.rows(view);
    const same = shown.length === were.length && shown.every((row, place) => row === were[place]);
    places = new Map(shown.map((row, place) => [row, place]));
    const kept = [...choice.selected].filter((row) => places.has(row));
    grid.active = top ? 0 : places.get(before) ?? Math.min(grid.active, Math.max(0, shown.length - 1));
    if (top) grid.element.scrollTop = 0;
    if (top) choice.hold();
    if (same && !top) grid.refresh();
    else grid.show(shown.length);
    if (!top && places.get(before) === grid.active) grid.keep(depth); // new values move what lies around it
    tools.show(table, view, shown.length);
    ranges.show(table, view, shown, active());
    if (kept.length < choice.selected.size) choice.select(kept); // what is not seen is not judged
    showDetails();
  }

  function showDetails() {
    const row = active();
    details.show(table, row, choice.selected.size, model.get("opens"), row < 0 ? "" : pictures.get(row)?.error);
  }

  function showActive() {
    showDetails();
    ranges.point(table, view, shown, active());
  }

  /** @param {string} mark @param {boolean} on  whether to go on to the next */
  async function mark(mark, on) {
    const rows = rowsMeant();
    if (!rows.length) return;
    const said = say("marks", rows, mark); // at once; the kernel says it again
    if (on && !choice.selected.size) grid.go(grid.active + 1);
    await said;
  }

  /** @param {string} text @param {number[]} rows */
  async function note(text, rows) {
    if (!rows.length) trouble.textContent = "The note was not written: its image is not shown any more.";
    if (rows.some((row) => table.notes[row] !== text)) await say("notes", rows, text);
  }

  async function open() {
    if (active() < 0 || !model.get("opens")) return;
    told.textContent = `Opening ${table.names[active()]} …`;
    const answer = await ask("open", { row: active(), version: table.version });
    told.textContent = answer ? answer.told || model.get("told") : "";
  }

  /**
   * Show what the kernel has sent. Where rows mean other images, what was chosen follows its names;
   * where all images are others, nothing of those before is chosen.
   *
   * @param {Record<string, any>} answer
   */
  function take(answer) {
    const names = answer.moved ? [...table.names] : [];
    const before = active();
    table.apply(answer);
    if (answer.moved) {
      const rows = new Map(answer.anew ? [] : table.names.map((name, row) => [name, row]));
      const now = (/** @type {number} */ row) => rows.get(names[row]) ?? -1;
      pictures.clear();
      choice.moved(now);
      details.moved(now);
      shown = now(before) < 0 ? [] : [now(before)]; // the active image stays the active one
      grid.active = 0;
    }
    show(answer.anew && names.length > 0);
  }

  const onPictures = () => pictures.retry();
  const onLabel = () => {
    heading.textContent = model.get("label");
    grid.element.setAttribute("aria-label", model.get("label"));
    root.setAttribute("aria-label", model.get("label"));
    root.hidden = model.get("hidden");
  };
  const onView = () => {
    if (JSON.stringify(view) === JSON.stringify(model.get("view_state"))) return;
    view = { ...view, ...model.get("view_state") };
    show();
  };
  const listeners = /** @type {const} */ ([
    ["change:version", () => reading.behind && void reading.read()],
    ["change:pictures", onPictures],
    ["change:label", onLabel],
    ["change:hidden", onLabel],
    ["change:opens", showDetails],
    ["change:told", () => (told.textContent = model.get("told"))],
    ["change:view_state", onView],
  ]);

  onLabel();
  grid.resize(168, 168 + TEXT - 8);
  void reading.read(); // whatever version is known
  for (const [name, listener] of listeners) model.on(name, listener);
  return () => {
    for (const [name, listener] of listeners) model.off(name, listener);
    for (const part of [reading, pictures, grid, tools, ranges]) part.end();
    releaseKeys();
    root.remove();
  };
}

export default { render };
