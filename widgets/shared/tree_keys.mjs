// @ts-check

/** Letters that follow each other faster than this are one word. */
const TYPING_MS = 600;

/**
 * Make the listener for the keys of a tree, as its WAI-ARIA pattern says.
 *
 * @param {import("../shared/tree.mjs").TreeView} view
 * @returns {(event: KeyboardEvent) => void}
 */
export function treeKeys(view) {
  let typed = { word: "", at: 0 };

  /** @param {HTMLElement} item */
  function siblings(item) {
    const [level, parent] = [view.rows.get(item)?.level, view.parent(item)];
    return view.items.filter((one) => view.rows.get(one)?.level === level && view.parent(one) === parent);
  }

  /** Go to the next row that begins with what is typed. @param {string} letter @param {HTMLElement} item */
  function type(letter, item) {
    const now = Date.now();
    const fresh = now - typed.at > TYPING_MS;
    typed = { word: (fresh ? "" : typed.word) + letter.toLowerCase(), at: now };
    const items = view.items;
    const from = items.indexOf(item) + (fresh ? 1 : 0);
    const order = [...items.slice(from), ...items.slice(0, from)];
    const found = order.find((one) => view.rows.get(one)?.key?.toLowerCase().startsWith(typed.word));
    if (found) view.choose(found);
  }

  return (event) => {
    const item = /** @type {HTMLElement} */ (event.target);
    const row = view.rows.get(item); // none where an editor inside of a row has the focus
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const items = view.items;
    const place = items.indexOf(item);
    const next = items[place + 1];
    const inside = () => next && view.parent(next) === item && view.choose(next);
    /** @type {Record<string, () => unknown>} */
    const keys = {
      ArrowDown: () => next && view.choose(next),
      ArrowUp: () => place > 0 && view.choose(items[place - 1]),
      ArrowRight: () => (row.open ? inside() : view.open(item)),
      ArrowLeft: () => (row.open ? view.close(item) : view.choose(view.parent(item) ?? item)),
      Home: () => view.choose(items[0]),
      End: () => view.choose(items[items.length - 1]),
      Enter: () => (row.more === undefined ? view.does.enter(row) : view.more(item)),
      " ": () => view.toggle(item),
      F2: () => row.more === undefined && view.does.edit(row),
      "*": () => siblings(item).forEach((one) => void view.open(one)),
    };
    const act = keys[event.key];
    if (act) act();
    else if (event.key.length === 1) type(event.key, item);
    else return;
    event.preventDefault();
  };
}
