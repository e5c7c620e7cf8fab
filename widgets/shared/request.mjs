// @ts-check

/** How long a person is left waiting for an answer that does not come. */
const PATIENCE_MS = 15_000;
const SILENT = "The kernel does not answer. It may be busy, or it has been restarted: run the cell again.";

// a message can get lost while a page that was loaded anew still connects: soon, then less often
const REPEATS_MS = [1_000, 3_000, 6_000, 9_000, 12_000];
let counter = 0;

/**
 * Ask the kernel to do something and wait for its answer.
 *
 * A message carries what it is about, so it cannot be overtaken by a change of a trait
 * that still waits to be sent. It is sent again with the same key until the answer comes; the
 * kernel does each request once.
 *
 * @param {import("@anywidget/types").AnyModel} model
 * @param {string} action
 * @param {Record<string, unknown>} content
 * @returns {Promise<Record<string, any>>} the answer, with the bytes that came beside it, each a
 *   DataView, in `buffers`; rejects with the kernel's words
 */
export function request(model, action, content = {}) {
  counter += 1;
  const key = `${Date.now()}-${counter}`;
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      for (const one of repeats) clearTimeout(one);
      model.off("msg:custom", listen);
    };
    /** @param {any} answer @param {DataView[]} [buffers] */
    const listen = (answer, buffers) => {
      if (!answer || answer.key !== key) return;
      finish();
      if (answer.type === "reply") resolve({ ...answer.content, ...(buffers?.length ? { buffers } : {}) });
      else reject(new Error(answer.message));
    };
    const giveUp = () => {
      finish();
      reject(new Error(SILENT));
    };
    const timer = setTimeout(giveUp, PATIENCE_MS);
    const send = () => {
      try {
        // of a model whose kernel is gone it throws, at once or later
        Promise.resolve(model.send({ type: "request", key, action, content })).catch(giveUp);
      } catch {
        giveUp();
      }
    };
    const repeats = REPEATS_MS.map((pause) => setTimeout(send, pause));
    model.on("msg:custom", listen);
    send();
  });
}
