// @ts-check
import { make } from "../shared/dom.mjs";
import { imageKeysList } from "../shared/image_keys.mjs";

/** The row of buttons above the image, what a person reads below it, and the list of keys. */
export class ImageTools {
  /** @param {(key: string) => void} act  does what a key does */
  constructor(act) {
    const button = (/** @type {string} */ key, /** @type {string} */ text, /** @type {string} */ title) => {
      const made = make("button", { type: "button", class: "oem-button", title }, text);
      made.addEventListener("click", () => act(key));
      return made;
    };
    this.zoom = make("span", { class: "oem-muted oem-image-zoom" });
    this.spectrum = button("f", "Spectrum", "Power spectrum and defocus (f)");
    this.header = button("h", "Header", "What the file says (h)");
    this.keys = button("?", "Keys", "Keys of the image (?)");
    const [fit, one, out] = [button("0", "Fit", "Whole image (0)"), button("1", "1:1", "One pixel on one of the screen (1)"), button("-", "−", "Smaller (-)")];
    const [into, save] = [button("+", "+", "Larger (+)"), button("s", "Save PNG", "Picture of what shows, with its scale bar (s)")];
    out.setAttribute("aria-label", "Zoom out");
    into.setAttribute("aria-label", "Zoom in");
    this.element = make("div", { class: "oem-image-tools", role: "toolbar", "aria-label": "Image" });
    this.element.append(fit, one, out, into, this.zoom, this.spectrum, this.header, save, this.keys);
    this.reading = make("p", { class: "oem-muted oem-image-reading" });
    this.trouble = make("p", { class: "oem-image-trouble", role: "status" });
    this.news = make("p", { class: "oem-hidden", role: "status" });
    this.notes = make("ul", { class: "oem-image-notes" });
    this.help = make("section", { class: "oem-image-help", "aria-label": "Keys of the image", tabindex: "-1" });
    this.help.append(imageKeysList(), make("p", { class: "oem-muted" }, "Drag moves, Shift and drag changes brightness and contrast, a double click shows single pixels; the wheel zooms once the image has the focus."));
    this.help.hidden = true;
    for (const one of [this.spectrum, this.header, this.keys]) one.setAttribute("aria-pressed", "false");
    /** @type {number | undefined} */
    this.timer = undefined;
  }

  /** Let a screen reader say something, when things have come to rest. @param {string} text */
  say(text) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.news.textContent = text), 400);
  }

  toggleHelp() {
    this.help.hidden = !this.help.hidden;
    this.keys.setAttribute("aria-pressed", String(!this.help.hidden));
    if (!this.help.hidden) this.help.scrollIntoView({ block: "nearest" });
    this.say(this.help.hidden ? "Keys hidden" : this.help.innerText);
  }

  /** @param {string[]} notes */
  showNotes(notes) {
    this.notes.replaceChildren(...notes.map((one) => make("li", {}, one)));
  }
}

/** Let the browser keep a picture as a file. @param {HTMLCanvasElement} canvas @param {string} name */
export function savePicture(canvas, name) {
  canvas.toBlob((blob) => {
    if (!blob) return;
    const link = make("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, "image/png");
}
