// @ts-check
import { keepKeys, make, uniqueId } from "../shared/dom.mjs";
import { molstar, Surface, unpacked } from "../shared/molstar.mjs";
import { request } from "../shared/request.mjs";

const COLOR = 0x7fa8c9;
const STEPS = 400;
const CALM_MS = 400; // what a level encloses is asked for when it no longer moves

/** @param {{ model: import("@anywidget/types").AnyModel, el: HTMLElement }} context */
function render({ model, el }) {
  const about = model.get("about");
  /** @type {Surface | undefined} */
  let surface;
  let ended = false;
  /** @type {number | undefined} */
  let timer;
  const ids = [uniqueId("oem-map"), uniqueId("oem-map")];
  const stage = make("div", { class: "oem-map-stage" });
  stage.style.height = `${about.height}px`;
  const range = make("input", { type: "range", id: ids[0], min: "0", max: String(STEPS), step: "1" });
  const number = make("input", { type: "number", id: ids[1], step: "any" });
  const back = make("button", { class: "oem-button", type: "button" }, "First level");
  const fit = make("button", { class: "oem-button", type: "button" }, "Fit");
  const tools = make(
    "div",
    { class: "oem-map-tools" },
    make("label", { for: ids[0] }, "Level"),
    range,
    make("label", { for: ids[1], class: "oem-map-hidden" }, "Level as a number"),
    number,
    back,
    fit,
  );
  const told = make("p", { class: "oem-map-told", role: "status" }, "Mol* is being loaded …");
  const notes = make("p", { class: "oem-map-notes" }, about.notes.join(" "));
  const root = make("section", { class: "oem-map", "aria-label": about.alt }, stage, tools, told, notes);
  el.append(root);
  const releaseKeys = keepKeys(root);

  // the slider leads from the mean to the largest value, and from lower ones where it begins there
  const low = about.first < about.mean ? about.low : about.mean;
  const toValue = (/** @type {number} */ step) => low + ((about.high - low) * step) / STEPS;
  const toStep = (/** @type {number} */ value) => ((value - low) / (about.high - low)) * STEPS;

  function showLevel() {
    const level = model.get("level");
    range.value = String(Math.round(toStep(level)));
    if (document.activeElement !== number || Number(number.value) !== level) number.value = String(Number(level.toPrecision(4)));
  }

  /** Say what the level encloses, once it no longer moves. */
  function tell() {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const level = model.get("level");
      try {
        const { words } = await request(model, "enclosed", { level });
        if (level === model.get("level") && !ended) told.textContent = words;
      } catch (error) {
        trouble(error);
      }
    }, CALM_MS);
  }

  /** @param {unknown} error */
  function trouble(error) {
    if (!ended) told.textContent = error instanceof Error ? error.message : String(error);
  }

  /** @param {number} level */
  function wish(level) {
    if (!Number.isFinite(level) || level === model.get("level")) return;
    model.set("level", level);
    model.save_changes();
    onLevel();
  }

  function onLevel() {
    showLevel();
    if (!surface) return;
    surface.level(model.get("level")).catch(trouble);
    tell();
  }

  function ground() {
    const light = document.body.dataset.jpThemeLight !== "false";
    surface?.ground(light ? 0xffffff : 0x111111);
  }

  /** Let the picture that a notebook keeps give way. */
  function hideKept() {
    for (const one of document.getElementsByClassName(about.static))
      /** @type {HTMLElement} */ (one.closest(".jp-OutputArea-child") ?? one).style.display = "none";
  }

  async function start() {
    const [program, { buffers, low: least, step, ball }] = await Promise.all([molstar(model), request(model, "volume")]);
    const [header, packed] = /** @type {DataView[]} */ (buffers);
    const whole = new Uint16Array(await unpacked(packed));
    const file = new ArrayBuffer(header.byteLength + 4 * whole.length);
    new Uint8Array(file).set(new Uint8Array(header.buffer, header.byteOffset, header.byteLength));
    const values = new Float32Array(file, header.byteLength);
    for (let i = 0; i < whole.length; i++) values[i] = least + step * whole[i];
    if (ended) return;
    const made = await Surface.create(program, stage);
    if (ended) {
      made.close();
      return;
    }
    surface = made;
    ground();
    await surface.show(file, { level: model.get("level"), color: COLOR, ball });
    stage.dataset.shown = "true";
    hideKept();
    told.textContent = "";
    tell();
  }

  range.addEventListener("input", () => wish(toValue(Number(range.value))));
  number.addEventListener("change", () => wish(Number.parseFloat(number.value)));
  back.addEventListener("click", () => wish(about.first));
  fit.addEventListener("click", () => surface?.focus(250));
  const theme = new MutationObserver(ground);
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  model.on("change:level", onLevel);
  showLevel();
  start().catch((error) => {
    trouble(error);
    stage.hidden = true; // the picture that the notebook keeps stays
    tools.hidden = true;
  });

  return () => {
    ended = true;
    clearTimeout(timer);
    theme.disconnect();
    model.off("change:level", onLevel);
    surface?.close();
    releaseKeys();
    root.remove();
  };
}

export default { render };
