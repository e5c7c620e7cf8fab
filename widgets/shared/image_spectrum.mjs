// @ts-check
import { make } from "../shared/dom.mjs";
import { imageField } from "../shared/image_contrast.mjs";
import { drawImageCurves, imageCurveAxis, imageCurveNames } from "../shared/image_curve.mjs";
import { ImageLevels } from "../shared/image_levels.mjs";
import { imageData } from "../shared/image_paint.mjs";
import { drawImagePower, drawImageRings } from "../shared/image_rings.mjs";

const SIDE = 512;
const RANGE = [0.3, 5]; // µm between which a defocus is looked for if nobody says more

/** Resolution of a frequency in words. @param {number} cycles  per pixel @param {number | null} pixel */
const spoken = (cycles, pixel) =>
  pixel ? `${Number((pixel / cycles).toPrecision(3))} Å` : `${Number((1 / cycles).toPrecision(3))} pixels`;

/** Give a canvas a pixel for each of the screen. @param {HTMLCanvasElement} canvas @param {number} wide @param {number} tall */
function sharp(canvas, wide, tall) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  if (wide) Object.assign(canvas, { width: Math.round(wide * ratio), height: Math.round(tall * ratio) });
}

/** The power spectrum: picture, rings, curve, and what the fit of the defocus says. */
export class ImageSpectrum {
  /** @param {(fit: Record<string, unknown> | null) => Promise<Record<string, any> | undefined>} ask */
  constructor(ask) {
    this.ask = ask;
    this.up = false;
    /** @type {number | null} cycles per pixel under the pointer */
    this.mark = null;
    this.picture = make("canvas", { width: `${SIDE}`, height: `${SIDE}`, role: "img", "aria-label": "Power spectrum" });
    this.cover = make("canvas", { width: `${SIDE}`, height: `${SIDE}`, "aria-hidden": "true" });
    this.curve = make("canvas", { width: `${SIDE}`, height: "190", class: "oem-image-curve", role: "img" });
    this.read = make("p", { class: "oem-muted oem-image-reading" });
    this.words = make("p", { role: "status" });
    this.list = make("dl", { class: "oem-image-numbers" });
    this.legend = make("p", { class: "oem-image-legend" });
    this.rings = make("input", { type: "checkbox", checked: "" });
    this.fields = {
      voltage: make("input", { type: "number", min: "1", step: "any", required: "" }),
      cs: make("input", { type: "number", step: "any", value: "2.7", required: "" }),
      amplitude_contrast: make("input", { type: "number", min: "0", max: "1", step: "any", value: "0.07", required: "" }),
    };
    this.ends = RANGE.map((value) => make("input", { type: "number", min: "0", step: "any", value: `${value}`, required: "" }));
    this.shift = make("input", { type: "checkbox" });
    this.button = make("button", { type: "submit", class: "oem-button" }, "Fit the defocus");
    const form = make("form", { class: "oem-image-fit", "aria-label": "Fit of the defocus" });
    form.append(imageField("Voltage, kV", this.fields.voltage), imageField("Cs, mm", this.fields.cs));
    form.append(imageField("Amplitude contrast", this.fields.amplitude_contrast));
    form.append(imageField("Defocus from, µm", this.ends[0]), imageField("Defocus to, µm", this.ends[1]));
    form.append(make("label", { class: "oem-image-check" }, this.shift, " Look for a phase shift"), this.button);
    const rings = make("label", { class: "oem-image-check" }, this.rings, " Rings");
    const square = make("div", { class: "oem-image-square" }, this.picture, this.cover);
    const text = make("div", { class: "oem-image-found" }, rings, this.words, this.list, form);
    const left = make("div", { class: "oem-image-power" }, square, this.read);
    const right = make("div", { class: "oem-image-side" }, this.curve, this.legend, text);
    this.element = make("section", { class: "oem-image-spectrum", "aria-label": "Power spectrum" }, left, right);
    this.rings.addEventListener("change", () => this.draw());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.load(true);
    });
    square.addEventListener("pointermove", (event) => {
      const box = square.getBoundingClientRect();
      const [x, y] = [(event.clientX - box.left) / box.width - 0.5, (event.clientY - box.top) / box.height - 0.5];
      if (this.power) this.point(Math.hypot(x, y) * 2 * this.power.edge);
    });
    this.curve.addEventListener("pointermove", (event) => {
      const box = this.curve.getBoundingClientRect();
      const axis = this.curves && imageCurveAxis(this.curves, this.curve.width);
      if (!axis) return;
      const frequency = axis.frequency(((event.clientX - box.left) / box.width) * this.curve.width);
      this.point(frequency * (this.power?.pixel_size || 1));
    });
    for (const one of [square, this.curve]) one.addEventListener("pointerleave", () => this.point(null));
  }

  /** Take what is known of another image. @param {Record<string, any>} about */
  open(about) {
    this.up = about.up;
    this.fields.voltage.value = about.voltage ?? "";
    this.power = this.curves = undefined;
  }

  /** @param {number | null} cycles */
  point(cycles) {
    this.mark = cycles !== null && cycles > 0.004 && cycles <= Math.SQRT1_2 ? cycles : null;
    const pixel = this.power?.pixel_size ?? null;
    this.read.textContent = this.mark === null ? this.still : `Under the pointer: ${spoken(this.mark, pixel)}`;
    this.draw();
  }

  get still() {
    return this.power ? `At the edge: ${spoken(this.power.edge, this.power.pixel_size)}` : "";
  }

  /** Ask for the spectrum of what is shown. @param {boolean} fit */
  async load(fit) {
    const ends = this.ends.map((field) => field.valueAsNumber);
    const settings = {
      ...Object.fromEntries(Object.entries(this.fields).map(([name, field]) => [name, field.value && field.valueAsNumber])),
      phase_shift: this.shift.checked,
      // as it is without a word, if nobody changed it; else in Å
      ...(ends.every((one, i) => one === RANGE[i]) ? {} : { defocus: ends.map((one) => Math.round(one * 1e7) / 1e3) }),
    };
    this.button.disabled = true;
    this.element.setAttribute("aria-busy", "true");
    const answer = await this.ask(fit ? settings : null);
    this.element.removeAttribute("aria-busy");
    this.button.disabled = false;
    if (answer) this.show(answer);
  }

  /** @param {Record<string, any>} answer */
  show(answer) {
    const [first, ...others] = answer.buffers;
    const levels = new ImageLevels(imageData(first), answer.scale, answer.offset);
    this.power = { size: answer.size, levels, pixel_size: answer.pixel_size, edge: answer.edge, rings: answer.rings, axis: answer.axis };
    const floats = others.map(
      (/** @type {DataView} */ one) => new Float32Array(one.buffer.slice(one.byteOffset, one.byteOffset + one.byteLength)),
    );
    const columns = Object.fromEntries(answer.columns.map((/** @type {string} */ name, /** @type {number} */ i) => [name, floats[i]]));
    this.curves = { columns, known: answer.pixel_size !== null, resolution: answer.resolution };
    this.words.textContent = answer.words;
    this.curve.setAttribute("aria-label", `Curve over resolution. ${answer.words}`);
    this.list.replaceChildren();
    for (const [name, text] of answer.rows) this.list.append(make("dt", {}, name), make("dd", {}, text));
    const names = /** @type {["power", "fit", "cc"]} */ (["power", "fit", "cc"]).filter((name) => columns[name]);
    this.legend.replaceChildren(
      ...names.map((name) => make("span", { class: `oem-image-key oem-image-key-${name}` }, imageCurveNames[name])),
    );
    this.picture.setAttribute("aria-label", `Power spectrum. ${answer.words}`);
    drawImagePower(this.picture, this.power, this.up);
    this.point(null);
  }

  draw() {
    if (!this.power || !this.curves) return;
    const style = getComputedStyle(this.element);
    const of = (/** @type {string} */ name) => style.getPropertyValue(`--oem-image-${name}`).trim();
    const colours = Object.fromEntries(["ink", "paper", "text", "muted", "power", "fit", "cc"].map((name) => [name, of(name)]));
    sharp(this.cover, this.cover.clientWidth, this.cover.clientWidth);
    sharp(this.curve, this.curve.clientWidth, this.curve.clientHeight);
    const power = this.rings.checked ? this.power : { ...this.power, rings: [], pixel_size: null };
    drawImageRings(this.cover, power, this.up, colours, this.mark);
    const mark = this.mark === null ? null : this.mark / (this.power.pixel_size || 1);
    drawImageCurves(this.curve, this.curves, colours, mark);
  }
}
