// @ts-check
import { keepKeys, make } from "../shared/dom.mjs";
import { imageKeys } from "../shared/image_keys.mjs";
import { imagePicks } from "../shared/image_picks.mjs";
import { ImageSpectrum } from "../shared/image_spectrum.mjs";
import { ImageTools, savePicture } from "../shared/image_tools.mjs";
import { ImageViewer } from "../shared/image_viewer.mjs";
import { request } from "../shared/request.mjs";

/** @param {{ model: import("@anywidget/types").AnyModel, el: HTMLElement }} context */
function render({ model, el }) {
  /** @type {number | undefined} */
  let kept;
  /** @type {Record<string, () => void>} */
  const does = {
    "[": () => viewer.frames.step(-1),
    "]": () => viewer.frames.step(1),
    " ": () => viewer.frames.toggle(),
    c: () => viewer.nextMode(),
    i: () => viewer.regrey({ invert: !viewer.settings.invert }, true),
    r: () => viewer.readMiddle(),
    p: () => viewer.choice.toggle(),
    f: toggleSpectrum,
    h: toggleHeader,
    s: () => savePicture(viewer.stage.picture(), `${viewer.about.name.replace(/\.[^.]*$/, "")}${viewer.frames.suffix}.png`),
    "?": () => tools.toggleHelp(),
  };
  const tools = new ImageTools((key) => act(key));
  const viewer = new ImageViewer(tools, {
    view: (wish) => request(model, "view", wish),
    settled: (settings) => {
      model.set("settings", settings);
      model.save_changes();
    },
    drawn: () => {
      root.classList.remove("oem-image-waiting");
      hideKept();
      kept ??= setTimeout(hideKept, 1000); // it may have come later than this
    },
    framed: () => !spectrum.element.hidden && void spectrum.load(false),
  });
  const spectrum = new ImageSpectrum((fit) => {
    tools.trouble.textContent = "";
    return ask("spectrum", { ...viewer.frame, fit });
  });
  const { stage, contrast, filters, choice, frames } = viewer;
  const act = imageKeys(stage, does);
  const side = make("div", { class: "oem-image-controls" }, contrast.element, filters.element, choice.element);
  const left = make("div", { class: "oem-image-left" }, stage.element, tools.reading, frames.element, tools.notes);
  const main = make("div", { class: "oem-image-main" }, left, spectrum.element, side);
  const root = make("section", { class: "oem-image" }, tools.element, tools.trouble, main, tools.help, tools.news);
  spectrum.element.hidden = true;
  el.append(root);
  const releaseKeys = keepKeys(root);
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.target === stage.element && !event.ctrlKey && !event.metaKey && !event.altKey && act(event.key)) event.preventDefault();
  };
  stage.element.addEventListener("keydown", onKey);

  /** Let the picture that a notebook keeps give way. */
  function hideKept() {
    for (const one of document.getElementsByClassName(viewer.about.static))
      /** @type {HTMLElement} */ (one.closest(".jp-OutputArea-child") ?? one).style.display = "none";
  }

  /** Ask, and tell a person where that fails. @param {string} action @param {Record<string, unknown>} content */
  async function ask(action, content) {
    try {
      return await request(model, action, content);
    } catch (error) {
      tools.trouble.textContent = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  function toggleSpectrum() {
    spectrum.element.hidden = !spectrum.element.hidden;
    main.classList.toggle("oem-image-wide", !spectrum.element.hidden);
    tools.spectrum.setAttribute("aria-pressed", String(!spectrum.element.hidden));
    if (!spectrum.element.hidden) void spectrum.load(false);
  }

  function toggleHeader() {
    model.set("show_header", !model.get("show_header"));
    model.save_changes();
    showHeader();
  }
  const showHeader = () => tools.header.setAttribute("aria-pressed", String(model.get("show_header")));

  /** Take what the kernel says: another image, or a mean of all frames that has arrived. @param {boolean} there */
  function take(there) {
    const before = viewer.about.id;
    const about = model.get("about");
    if (!about.height) return;
    if (before === about.id) {
      viewer.loader.clear();
      viewer.ask();
    } else open(about, there);
    if (!spectrum.element.hidden) void spectrum.load(false);
  }

  /** @param {Record<string, any>} about @param {boolean} there  whether this was here when it was opened */
  function open(about, there) {
    root.setAttribute("aria-label", about.alt);
    root.classList.toggle("oem-image-waiting", !stage.view && document.getElementsByClassName(about.static).length > 0);
    tools.showNotes(about.notes);
    spectrum.open(about);
    viewer.open(about, model.get("settings"), there);
    if (about.picks !== null) void ask("picks", {}).then((answer) => answer && choice.show(imagePicks(answer)));
  }

  const onSettings = () => {
    const settings = model.get("settings");
    if (viewer.about.height && JSON.stringify(settings) !== JSON.stringify(viewer.settings)) viewer.take(settings);
  };
  const theme = new MutationObserver(() => {
    stage.draw();
    contrast.draw();
    spectrum.draw();
  });

  const onVersion = () => take(true);
  // the place of the viewer may have been hidden until now: it is there with the next picture of the page
  const onRevealed = () => requestAnimationFrame(() => requestAnimationFrame(() => root.scrollIntoView({ block: "nearest" })));
  /** @param {any} message @param {DataView[]} buffers */
  const onMessage = (message, buffers) => {
    if (message?.type === "view" && message.id === viewer.about.id) viewer.come({ ...message.content, buffers });
  };

  take(false);
  showHeader();
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  model.on("change:version", onVersion);
  model.on("msg:custom", onMessage);
  model.on("change:settings", onSettings);
  model.on("change:show_header", showHeader);
  model.on("change:revealed", onRevealed);
  return () => {
    clearTimeout(tools.timer);
    clearTimeout(kept);
    viewer.close();
    theme.disconnect();
    model.off("change:version", onVersion);
    model.off("msg:custom", onMessage);
    model.off("change:settings", onSettings);
    model.off("change:show_header", showHeader);
    model.off("change:revealed", onRevealed);
    releaseKeys();
    root.remove();
  };
}

export default { render };
