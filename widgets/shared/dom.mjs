// @ts-check

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Keep keys to this widget: Shift+Enter would run the cell, arrows would leave it.
 *
 * @param {HTMLElement} element
 * @returns {() => void} ends it
 */
export function keepKeys(element) {
  /** @param {Event} event */
  const stop = (event) => event.stopPropagation();
  element.dataset.lmSuppressShortcuts = "true";
  element.addEventListener("keydown", stop);
  return () => element.removeEventListener("keydown", stop);
}

/**
 * Return an id that no other element of the page has. A count would not do: each widget may run its
 * own copy of a module.
 *
 * @param {string} stem
 */
export function uniqueId(stem) {
  return `${stem}-${Math.random().toString(36).slice(2)}`;
}
