// @ts-check

const COMING_MS = 2000; // so long a first view that was promised is waited for, before it is asked for

/** Waits for the whole image that the kernel sends by itself to a front end that is there. */
export class ImageFirst {
  /** @param {() => void} ask  asks for what shows, where it does not come */
  constructor(ask) {
    this.ask = ask;
    /** @type {number | undefined} */
    this.timer = undefined;
  }

  get awaited() {
    return this.timer !== undefined;
  }

  /** Wait for it, or no more. @param {boolean} whether */
  expect(whether) {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!whether) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.ask();
    }, COMING_MS);
  }
}

/**
 * Whether a wish is the whole image as the kernel reads it first.
 *
 * @param {Record<string, any>} wish
 * @param {Record<string, any>} about
 * @param {Record<string, any>} settings
 */
export function isFirstImage(wish, about, settings) {
  const all = wish.y0 === 0 && wish.x0 === 0 && wish.y1 === about.height && wish.x1 === about.width;
  return all && wish.factor >= about.base && wish.low_pass === null && wish.frame !== "sum" && settings.around === 1;
}
