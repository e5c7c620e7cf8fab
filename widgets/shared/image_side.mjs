// @ts-check
import { make } from "../shared/dom.mjs";
import { imageField, imageWrong } from "../shared/image_contrast.mjs";
import { chosenPicks } from "../shared/image_picks.mjs";

/** What is done to the picture: low-pass, binning, frames averaged. */
export class ImageFilters {
  /** @param {(settings: Record<string, unknown>) => void} change */
  constructor(change) {
    this.pass = make("input", { type: "number", min: "0", step: "any", placeholder: "none" });
    this.bin = make("select");
    this.around = make("input", { type: "number", min: "1", step: "1" });
    this.passField = imageField("Low-pass, Å", this.pass);
    this.aroundField = imageField("Mean of frames", this.around);
    this.element = make("fieldset", { class: "oem-image-group" }, make("legend", {}, "Filter"));
    this.element.append(this.passField, imageField("Binning", this.bin), this.aroundField);
    this.pass.addEventListener("change", () => {
      const value = this.pass.valueAsNumber;
      const wrong = this.pass.validity.badInput || value <= 0;
      imageWrong(this.pass, wrong);
      if (!wrong) change({ low_pass: value || null });
    });
    this.bin.addEventListener("change", () => change({ binning: Number(this.bin.value) }));
    this.around.addEventListener("change", () => {
      const wrong = !(this.around.valueAsNumber >= 1);
      imageWrong(this.around, wrong);
      if (!wrong) change({ around: Math.round(this.around.valueAsNumber) });
    });
  }

  /** @param {Record<string, any>} about @param {Record<string, any>} settings */
  show(about, settings) {
    const bins = [1, 2, 4, 8, 16, 32].filter((one) => one === 1 || one * 64 <= Math.max(about.height, about.width));
    this.bin.replaceChildren(
      ...bins.map((one) => make("option", { value: String(one) }, one === 1 ? "Automatic" : `${one} × ${one}`)),
    );
    this.bin.value = String(settings.binning);
    this.pass.disabled = about.pixel_size === null;
    this.pass.title = this.pass.disabled ? "The pixel size is not known" : "";
    for (const field of [this.pass, this.around]) imageWrong(field, false);
    this.pass.value = settings.low_pass ?? "";
    this.aroundField.hidden = about.frames < 2;
    /** @type {HTMLElement} */ (this.aroundField.firstChild).textContent = `Mean of ${about.noun.toLowerCase()}s`;
    this.around.max = String(about.frames);
    this.around.value = String(settings.around);
  }
}

/** Which picks are drawn. */
export class ImagePickChoice {
  /** @param {() => void} change */
  constructor(change) {
    this.change = change;
    this.on = make("input", { type: "checkbox", checked: "" });
    this.least = make("input", { type: "number", step: "any", placeholder: "all" });
    this.told = make("p", { class: "oem-muted", role: "status" });
    this.leastField = imageField("Least score", this.least);
    const check = make("label", { class: "oem-image-check" }, this.on, " Show picks");
    this.element = make("fieldset", { class: "oem-image-group" }, make("legend", {}, "Picks"), check, this.leastField, this.told);
    this.element.hidden = true;
    this.on.addEventListener("change", change);
    this.least.addEventListener("input", () => this.choose());
    /** @type {number[]} */
    this.chosen = [];
  }

  /** @param {import("../shared/image_picks.mjs").ImagePicks | undefined} picks */
  show(picks) {
    this.picks = picks;
    this.element.hidden = !picks;
    this.leastField.hidden = !picks?.score;
    this.choose();
  }

  choose() {
    const least = Number.isFinite(this.least.valueAsNumber) ? this.least.valueAsNumber : null;
    this.chosen = this.picks ? chosenPicks(this.picks, least) : [];
    const [count, all] = [this.chosen.length, this.picks?.x.length ?? 0].map((one) => one.toLocaleString("en"));
    this.told.textContent = count === all ? `${all} picks` : `${count} of ${all} picks`;
    this.change();
  }

  toggle() {
    this.on.checked = !this.on.checked;
    this.change();
  }
}
