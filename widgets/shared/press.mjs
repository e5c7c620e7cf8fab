// @ts-check

/** Milliseconds after which a press holds nothing up: the scroll bar of a browser tells no release. */
const LONGEST_PRESS = 1000;

/**
 * Return `change` so that it waits while a pointer is pressed. What appears or goes above a button
 * between press and release moves the button away, and the click is lost.
 *
 * @param {() => void} change  shows the newest state, whatever was asked for before
 * @returns {{ ask: () => void, end: () => void }} what to call for it, and what ends it
 */
export function afterPress(change) {
  let pressed = false;
  let asked = false;
  let timer = 0;
  const go = () => {
    clearTimeout(timer);
    pressed = false;
    if (!asked) return;
    asked = false;
    change();
  };
  /** @param {number} wait */
  const goIn = (wait) => {
    clearTimeout(timer);
    timer = window.setTimeout(go, wait);
  };
  const press = () => {
    pressed = true;
    goIn(LONGEST_PRESS);
  };
  const release = () => {
    if (pressed) goIn(0); // the click belongs to the release and comes before
  };
  window.addEventListener("pointerdown", press, true);
  for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, release, true);
  return {
    ask() {
      asked = true;
      if (!pressed) go();
    },
    end() {
      clearTimeout(timer);
      window.removeEventListener("pointerdown", press, true);
      for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, release, true);
    },
  };
}
