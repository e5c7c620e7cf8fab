// @ts-check
import { ImageContrast, imageModes } from "../shared/image_contrast.mjs";
import { ImageFirst, isFirstImage } from "../shared/image_first.mjs";
import { ImageFrames } from "../shared/image_frames.mjs";
import { imageLimits } from "../shared/image_levels.mjs";
import { ImageLoader } from "../shared/image_loader.mjs";
import { drawImagePicks } from "../shared/image_picks.mjs";
import { drawImageBar, imageLength, imageNumber } from "../shared/image_scale.mjs";
import { ImageFilters, ImagePickChoice } from "../shared/image_side.mjs";
import { ImageStage } from "../shared/image_stage.mjs";

const FRAME_MS = 80; // each frame stays at least so long when they are played
const QUIET_MS = 70; // after the last move, before another part is asked for
const SETTLED_MS = 700; // after the last change, before the kernel hears of it

/** The image with its contrast, frames, filters and picks: what they say is done here. */
export class ImageViewer {
  /**
   * @param {import("../shared/image_tools.mjs").ImageTools} tools
   * @param {object} does
   * @param {(wish: Record<string, unknown>) => Promise<Record<string, any>>} does.view  asks for a view
   * @param {(settings: Record<string, any>) => void} does.settled  how the image is shown now
   * @param {() => void} does.drawn  a view has been drawn
   * @param {() => void} does.framed  other frames are chosen
   */
  constructor(tools, does) {
    this.tools = tools;
    this.does = does;
    /** @type {Record<string, any>} */
    this.about = {};
    /** @type {Record<string, any>} */
    this.settings = {};
    /** @type {[number, number]} */
    this.limits = [0, 1];
    this.limited = ""; // what the limits were found for
    /** @type {[number, number] | null} what is read below the image */
    this.place = null;
    /** @type {number | undefined} */
    this.moving = undefined;
    /** @type {number | undefined} */
    this.telling = undefined;
    this.first = new ImageFirst(() => this.ask());
    this.stage = new ImageStage({
      moved: (ended) => this.moved(ended),
      contrast: (dx, dy, end) => this.dragged(dx, dy, end),
      point: (place) => this.read(place),
      overlay: (context, ratio) => this.overlay(context, ratio),
    });
    const tell = (/** @type {string} */ text) => (tools.trouble.textContent = text);
    this.loader = new ImageLoader(does.view, (view) => this.shown(view), tell);
    this.contrast = new ImageContrast((part, end) => this.regrey(part, end), (invert) => this.regrey({ invert }, true));
    this.frames = new ImageFrames((frame, playing) => this.change({ frame }, playing));
    this.filters = new ImageFilters((part) => this.change(part));
    this.choice = new ImagePickChoice(() => this.stage.decorate());
  }

  get many() {
    return this.about.frames > 1;
  }

  /** What of the frames is shown, as the kernel is asked for it. */
  get frame() {
    const { frame, around } = this.settings;
    if (!this.many) return { frame: 0 };
    return frame === "sum" ? { frame } : { frame, around };
  }

  get wish() {
    return { ...this.stage.port.wanted(this.settings.binning), ...this.frame, low_pass: this.settings.low_pass };
  }

  /**
   * Show another image.
   *
   * @param {Record<string, any>} about
   * @param {Record<string, any>} settings
   * @param {boolean} there  whether this front end was there when the kernel opened it
   */
  open(about, settings, there) {
    this.about = about;
    this.read(null);
    this.first.expect(there && about.coming);
    this.loader.clear();
    this.stage.view = this.stage.coarse = undefined;
    this.stage.port.show({ height: about.height, width: about.width, up: about.up });
    this.stage.element.setAttribute("aria-label", about.alt);
    this.choice.show(undefined);
    this.take(settings);
    this.stage.resize();
  }

  /** Take settings that come from elsewhere. @param {Record<string, any>} settings */
  take(settings) {
    this.settings = { ...settings };
    this.limited = "";
    this.frames.show(/** @type {any} */ (this.about), this.settings.frame);
    this.filters.show(this.about, this.settings);
    this.ask();
  }

  /** Ask for what shows, unless it comes by itself. */
  ask() {
    clearTimeout(this.moving);
    if (!this.stage.ready || !this.about.height) return;
    if (!this.first.awaited || !isFirstImage(this.wish, this.about, this.settings)) this.loader.want(this.wish);
  }

  /** Take the whole image that the kernel sent by itself. @param {Record<string, any>} answer */
  come(answer) {
    if (!this.first.awaited) return;
    this.first.expect(false);
    const { wish, about, settings } = this;
    const meant = wish.frame === answer.frame && isFirstImage(wish, about, settings); // a small window gets finer pixels than it needs
    if (this.stage.ready && meant) this.loader.give(wish, answer);
    else this.ask();
  }

  /** Another part shows. @param {boolean} [ended]  whether no more of the movement is to come */
  moved(ended = false) {
    clearTimeout(this.moving);
    if (this.stage.view && !ended) this.moving = setTimeout(() => this.ask(), QUIET_MS);
    else this.ask();
    const share = (this.stage.port.scale / this.stage.ratio) * 100;
    this.tools.zoom.textContent = `${share < 10 ? share.toPrecision(2) : Math.round(share)} %`;
    this.tools.say(`Zoom ${this.tools.zoom.textContent}`);
  }

  /** @param {import("../shared/image_loader.mjs").ImageView} view */
  shown(view) {
    const { stage, settings, frames, loader } = this;
    stage.show(view);
    this.read(this.place); // it has another value now
    const found = JSON.stringify([view.factor, view.frame, settings.low_pass, settings.around, loader.era]);
    if (found !== this.limited) this.limits = imageLimits(view.levels, /** @type {any} */ (settings));
    this.limited = found;
    this.contrast.count(view.levels);
    this.grey();
    stage.element.dataset.view = `${view.frame} ${view.factor}`;
    this.does.drawn();
    if (frames.playing) setTimeout(() => frames.next(), FRAME_MS);
    else if (this.many && settings.frame !== "sum")
      loader.prepare({ ...this.wish, frame: frames.after(settings.frame, 1) });
  }

  grey() {
    this.stage.grey(this.limits[0], this.limits[1], this.settings.invert);
    this.contrast.show(/** @type {any} */ (this.settings), this.settings.invert, this.limits);
  }

  /** Other greys, without a word to the kernel before they have settled. @param {Record<string, unknown>} part @param {boolean} end */
  regrey(part, end) {
    const { settings } = this;
    if (part.mode === "window" && part.low === undefined) Object.assign(part, { low: this.limits[0], high: this.limits[1] });
    Object.assign(settings, part);
    if (this.stage.view) this.limits = imageLimits(this.stage.view.levels, /** @type {any} */ (settings));
    this.grey();
    if (end) this.tell();
  }

  /** @param {number} dx @param {number} dy @param {boolean} end */
  dragged(dx, dy, end) {
    const [low, high] = this.limits;
    const middle = (low + high) / 2 - dx * (high - low);
    const half = ((high - low) / 2) * Math.exp(2 * dy);
    this.regrey({ mode: "window", low: middle - half, high: middle + half }, end);
  }

  nextMode() {
    const names = imageModes.map(([name]) => name);
    const mode = names[(names.indexOf(this.settings.mode) + 1) % names.length];
    this.regrey({ mode }, true);
    this.tools.say(`Contrast: ${mode}`);
  }

  /** Other pixels. @param {Record<string, unknown>} part @param {boolean} [playing] */
  change(part, playing = false) {
    Object.assign(this.settings, part);
    this.ask();
    if (playing) return;
    this.tell();
    if ("frame" in part) this.tools.say(`${this.about.noun} ${this.frames.spoken}`);
    if ("frame" in part || "around" in part) this.does.framed();
  }

  tell() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.does.settled({ ...this.settings }), SETTLED_MS);
  }

  /** What lies at a place, in words. @param {number} x @param {number} y */
  reading(x, y) {
    const found = this.stage.value(x, y);
    if (!found) return "";
    const [column, row] = [Math.floor(x), Math.min(this.about.height - 1, Math.floor(y))];
    const size = this.about.pixel_size;
    const where = size ? ` (${imageLength(column * size)}, ${imageLength(row * size)})` : "";
    const many = found.frame === "sum" ? this.about.frames : Math.min(this.settings.around, this.about.frames);
    const of = [found.factor > 1 && `${found.factor} × ${found.factor} pixels`, many > 1 && `${many} ${this.about.noun.toLowerCase()}s`];
    const mean = of.some(Boolean) ? `, mean of ${of.filter(Boolean).join(" and ")}` : "";
    return `x ${column}, y ${row}${where}: ${imageNumber(found.value)}${found.cut ? " or beyond" : ""}${mean}`;
  }

  /** Write below the image what lies at a place of it. @param {[number, number] | null} place */
  read(place) {
    this.place = place;
    this.tools.reading.textContent = place ? this.reading(...place) : "";
  }

  /** Read what lies in the middle, for who sees it and who hears it. */
  readMiddle() {
    const { port } = this.stage;
    this.read([port.u, port.turned(port.v)]);
    this.tools.say(this.tools.reading.textContent || "Nothing is shown yet");
  }

  /** @param {CanvasRenderingContext2D} context @param {number} ratio */
  overlay(context, ratio) {
    const { stage, choice, about } = this;
    if (!stage.view) return;
    const { colours } = stage;
    if (choice.picks && choice.on.checked) drawImagePicks(context, stage.port, choice.picks, choice.chosen, colours, ratio);
    if (about.pixel_size) drawImageBar(context, about.pixel_size / stage.port.scale, colours, ratio);
  }

  close() {
    clearTimeout(this.moving);
    clearTimeout(this.telling);
    this.first.expect(false);
    this.frames.stop();
    this.stage.close();
  }
}
