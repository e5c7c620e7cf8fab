// @ts-check
import { make, uniqueId } from "../shared/dom.mjs";

/** Frames of a movie, sections of a volume or tilts: one is chosen, or they are played. */
export class ImageFrames {
  /** @param {(frame: number | "sum", playing: boolean) => void} change */
  constructor(change) {
    this.change = change;
    this.playing = false;
    /** @type {number | "sum"} */
    this.frame = 0;
    this.last = 0; // number of the frame before the mean was chosen
    this.count = 1;
    this.noun = "Frame";
    /** @type {number[]} */
    this.tilts = [];
    /** @type {number[]} frames as they follow each other: tilts in the order of their angles */
    this.order = [];
    const id = uniqueId("oem-image-frames");
    this.label = make("label", { for: id }, "Frame");
    this.range = make("input", { type: "range", id, min: "1", step: "1" });
    this.text = make("output", { for: id, class: "oem-image-frame" });
    this.play = make("button", { type: "button", class: "oem-button" }, "Play");
    this.sum = make("input", { type: "checkbox" });
    this.mean = make("label", { class: "oem-image-check" }, this.sum, " Mean of all");
    this.element = make("div", { class: "oem-image-frames", role: "group", "aria-label": "Frames" });
    this.element.append(this.play, this.label, this.range, this.text, this.mean);
    this.range.addEventListener("input", () => this.go(this.order[this.range.valueAsNumber - 1]));
    this.play.addEventListener("click", () => this.toggle());
    this.sum.addEventListener("change", () => this.go(this.sum.checked ? "sum" : this.last));
  }

  /** @param {{ frames: number, noun: string, tilts: number[], movie: boolean }} about @param {number | "sum"} frame */
  show({ frames, noun, tilts, movie }, frame) {
    const order = Array.from({ length: frames }, (_, i) => i);
    if (tilts.length === frames) order.sort((a, b) => tilts[a] - tilts[b]);
    Object.assign(this, { count: frames, noun, tilts, order });
    this.range.max = String(frames);
    this.label.textContent = noun;
    this.mean.hidden = !movie;
    this.element.hidden = frames < 2;
    this.stop();
    this.set(frame);
  }

  /** @param {number | "sum"} frame */
  set(frame) {
    this.frame = frame;
    if (frame !== "sum") this.last = frame;
    this.sum.checked = frame === "sum";
    this.range.value = String(this.order.indexOf(this.last) + 1);
    this.text.textContent = this.spoken;
    this.range.setAttribute("aria-valuetext", this.spoken);
  }

  get spoken() {
    if (this.frame === "sum") return `mean of ${this.count} frames`;
    const tilt = this.tilts[this.frame];
    const angle = tilt === undefined ? "" : `, ${tilt.toFixed(1)}°`;
    return `${this.frame + 1} of ${this.count}${angle}`;
  }

  /** @param {number | "sum"} frame @param {boolean} [playing] */
  go(frame, playing = false) {
    if (!playing) this.stop();
    this.set(frame);
    this.change(this.frame, playing);
  }

  /** @param {number} by */
  step(by) {
    if (this.count > 1) this.go(this.frame === "sum" ? this.last : this.after(this.frame, by));
  }

  /** The frame that follows another. @param {number} frame @param {number} by */
  after(frame, by) {
    return this.order[(this.order.indexOf(frame) + by + this.count) % this.count];
  }

  toggle() {
    if (this.count < 2) return;
    this.playing = !this.playing;
    this.play.textContent = this.playing ? "Stop" : "Play";
    if (this.playing) this.next();
    else this.change(this.frame, false); // the kernel did not hear of those that were played
  }

  /** Go on to the next frame: the one before has been drawn. */
  next() {
    if (this.playing) this.go(this.frame === "sum" ? this.order[0] : this.after(this.frame, 1), true);
  }

  /** What a picture of it is called beside the name of its file. */
  get suffix() {
    return this.count < 2 || this.frame === "sum" ? "" : ` ${this.noun.toLowerCase()} ${this.frame + 1}`;
  }

  stop() {
    this.playing = false;
    this.play.textContent = "Play";
  }
}
