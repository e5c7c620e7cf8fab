// @ts-check
import { ImageLevels } from "../shared/image_levels.mjs";
import { imageData } from "../shared/image_paint.mjs";

const IN_FLIGHT = 2;
const KEPT = 96 << 20; // bytes of views that are kept for frames and places looked at before

/**
 * A view as it came from the kernel.
 *
 * @typedef {import("../shared/image_port.mjs").ImagePart & {
 *   height: number, width: number, levels: ImageLevels, frame: number | "sum", cut: [boolean, boolean], pending: string, key: string,
 * }} ImageView
 */

/**
 * Asks for views: two at a time at most, the newest wish first; what came too late is not shown.
 */
export class ImageLoader {
  /**
   * @param {(content: Record<string, unknown>) => Promise<Record<string, any>>} ask
   * @param {(view: ImageView) => void} show
   * @param {(message: string) => void} tell  what went wrong; nothing when it is right again
   */
  constructor(ask, show, tell) {
    this.ask = ask;
    this.show = show;
    this.tell = tell;
    /** @type {Map<string, ImageView>} */
    this.kept = new Map();
    /** @type {Map<string, number>} the wish that waits for each answer, 0 for nobody's yet */
    this.flying = new Map();
    /** @type {Record<string, unknown> | undefined} */
    this.waiting = undefined;
    this.newest = 0; // number of the newest wish
    this.shown = 0; // number of the wish that is shown
    this.era = 0; // answers of an earlier one are of another image
  }

  /** Forget all views: the image is another. */
  clear() {
    this.era += 1;
    this.kept.clear();
    this.flying = new Map();
    this.waiting = undefined;
  }

  /** Show a view, now if it was there before. @param {Record<string, unknown>} wish */
  want(wish) {
    this.newest += 1;
    const key = JSON.stringify(wish);
    const view = this.kept.get(key);
    if (view) {
      this.kept.delete(key); // to the end: it goes last
      this.kept.set(key, view);
      this.waiting = undefined;
      this.shown = this.newest;
      this.show(view);
    } else if (this.flying.has(key)) {
      this.flying.set(key, this.newest); // it is on its way
      this.waiting = undefined;
    } else if (this.flying.size < IN_FLIGHT) void this.fetch(wish, key, this.newest);
    else this.waiting = wish;
  }

  /** Get a view that will be wanted next, if nothing else is under way. @param {Record<string, unknown>} wish */
  prepare(wish) {
    const key = JSON.stringify(wish);
    if (!this.flying.size && !this.waiting && !this.kept.has(key)) void this.fetch(wish, key, 0);
  }

  /** @param {Record<string, unknown>} wish @param {string} key @param {number} number  0 for nobody's wish yet */
  async fetch(wish, key, number) {
    const { era, flying } = this;
    flying.set(key, number);
    try {
      const answer = await this.ask(wish);
      if (era !== this.era) return;
      number = flying.get(key) ?? number;
      flying.delete(key); // what is shown now may be followed by another
      const view = this.made(answer, key);
      if (!view.pending) this.keep(key, view);
      if (number > this.shown) {
        this.shown = number;
        this.show(view);
      }
      this.tell(view.pending);
    } catch (error) {
      if (era === this.era && flying.get(key)) this.tell(error instanceof Error ? error.message : String(error));
    } finally {
      flying.delete(key);
      const next = this.waiting;
      this.waiting = undefined;
      if (next) {
        this.newest -= 1; // the same wish, asked for now
        this.want(next);
      }
    }
  }

  /** Take a view that the kernel sent unasked, as the answer to a wish. @param {Record<string, unknown>} wish @param {Record<string, any>} answer */
  give(wish, answer) {
    const key = JSON.stringify(wish);
    const view = this.made(answer, key);
    this.keep(key, view);
    this.newest += 1;
    this.shown = this.newest;
    this.show(view);
    this.tell("");
  }

  /** @param {Record<string, any>} answer @param {string} key @returns {ImageView} */
  made(answer, key) {
    const { scale, offset, buffers, ...rest } = answer;
    const levels = new ImageLevels(imageData(buffers[0]), scale, offset);
    return /** @type {any} */ ({ ...rest, key, levels });
  }

  /** @param {string} key @param {ImageView} view */
  keep(key, view) {
    this.kept.set(key, view);
    let bytes = 0;
    for (const one of this.kept.values()) bytes += one.levels.data.byteLength;
    for (const [old, one] of this.kept) {
      if (bytes <= KEPT || old === key) break;
      bytes -= one.levels.data.byteLength;
      this.kept.delete(old);
    }
  }
}
