// @ts-check
import { request } from "../shared/request.mjs";

const GALLERY_BATCH = 64;
const GALLERY_AT_ONCE = 2; // a slow kernel is not buried under requests for what was scrolled past
const GALLERY_KEPT = 2000;
const GALLERY_AGAIN_MS = 3_000; // until a kernel that did not answer is asked again

/** Thumbnails that are there, asked for in batches as they come into sight. */
export class GalleryPictures {
  /**
   * @param {import("@anywidget/types").AnyModel} model
   * @param {(rows: number[]) => void} arrived  called with the rows that have a picture now
   * @param {(message: string) => void} failed
   */
  constructor(model, arrived, failed) {
    this.model = model;
    this.arrived = arrived;
    this.failed = failed;
    /** @type {Map<number, { url?: string, error?: string }>} the longest unseen first */
    this.there = new Map();
    /** @type {number[]} */
    this.wanted = [];
    /** @type {Set<number>} */
    this.asked = new Set();
    /** @type {Set<number>} what the kernel has not made yet */
    this.later = new Set();
    this.running = 0;
    this.turn = 0; // how often there were new pictures
    this.edition = 0; // how often rows came to mean other images
    this.ended = false;
    this.silent = false; // whether the last question had no answer
    /** @type {number | undefined} */
    this.timer = undefined;
  }

  /** @param {number} row */
  get(row) {
    const found = this.there.get(row);
    if (found) {
      this.there.delete(row);
      this.there.set(row, found);
    }
    return found;
  }

  /** Say what is in sight now, the most wanted first; what was wanted before is forgotten. @param {number[]} rows */
  want(rows) {
    this.wanted = rows;
    this.#pump();
  }

  /** Ask again for what had not been made yet. */
  retry() {
    this.turn += 1;
    this.later.clear();
    this.#pump();
  }

  #pump() {
    while (this.running < GALLERY_AT_ONCE && !this.ended) {
      const next = this.wanted.filter((row) => !(this.there.has(row) || this.asked.has(row) || this.later.has(row)));
      if (!next.length) return;
      void this.#ask(next.slice(0, GALLERY_BATCH));
    }
  }

  /** @param {number[]} rows */
  async #ask(rows) {
    this.running += 1;
    for (const row of rows) this.asked.add(row);
    const { turn, edition } = this;
    try {
      const answer = await request(this.model, "thumbnails", { rows });
      if (!this.ended && edition === this.edition) this.#take(rows, answer, turn);
      if (this.silent) this.failed("");
      this.silent = false;
    } catch (error) {
      if (edition === this.edition) for (const row of rows) this.later.add(row);
      this.silent = true;
      if (!this.ended) this.failed(error instanceof Error ? error.message : String(error));
      clearTimeout(this.timer);
      if (!this.ended) this.timer = setTimeout(() => this.retry(), GALLERY_AGAIN_MS);
    }
    if (edition === this.edition) for (const row of rows) this.asked.delete(row);
    this.running -= 1;
    this.#pump();
  }

  /** @param {number[]} rows @param {Record<string, any>} answer @param {number} turn  when it was asked */
  #take(rows, answer, turn) {
    rows.forEach((row, place) => {
      const { buffer, error } = answer.pictures[place];
      if (error) this.there.set(row, { error });
      else if (buffer === undefined) {
        if (turn === this.turn) this.later.add(row); // else it may have been made meanwhile
      } else {
        const bytes = /** @type {DataView<ArrayBuffer>} */ (answer.buffers[buffer]);
        this.there.set(row, { url: URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })) });
      }
    });
    this.arrived(rows);
    for (const [row, { url }] of this.there) {
      if (this.there.size <= GALLERY_KEPT) break;
      this.there.delete(row);
      if (url) URL.revokeObjectURL(url);
    }
  }

  /** Forget all pictures: the rows mean other images now. */
  clear() {
    for (const { url } of this.there.values()) if (url) URL.revokeObjectURL(url);
    this.there.clear();
    this.later.clear();
    this.asked.clear();
    this.edition += 1; // what was asked for before is not taken
  }

  end() {
    this.ended = true;
    clearTimeout(this.timer);
    this.wanted = [];
    this.clear();
  }
}
