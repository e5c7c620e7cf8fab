// @ts-check

/**
 * Listen to pointer and wheel: drag moves, Shift or the right button changes the contrast, the wheel
 * zooms once the image has the focus, so that a page can be scrolled past it.
 *
 * @param {import("../shared/image_stage.mjs").ImageStage} stage
 * @returns {() => void} ends it
 */
export function imagePointer(stage) {
  const { element, port } = stage;
  /** @type {{ x: number, y: number, contrast: boolean } | null} */
  let drag = null;

  const at = (/** @type {MouseEvent} */ event) => {
    const box = element.getBoundingClientRect();
    return [(event.clientX - box.left) * stage.ratio, (event.clientY - box.top) * stage.ratio];
  };

  /** @param {PointerEvent} event */
  function down(event) {
    if (event.button !== 0 && event.button !== 2) return;
    drag = { x: event.clientX, y: event.clientY, contrast: event.button === 2 || event.shiftKey };
    element.setPointerCapture(event.pointerId);
    element.classList.toggle("oem-image-dragged", true);
    element.focus({ preventScroll: true });
  }

  /** @param {PointerEvent} event */
  function move(event) {
    if (!drag) {
      const [u, v] = port.at(.../** @type {[number, number]} */ (at(event)));
      const inside = u >= 0 && v >= 0 && u < port.width && v < port.height;
      return stage.does.point(inside ? [u, port.turned(v)] : null);
    }
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    Object.assign(drag, { x: event.clientX, y: event.clientY });
    if (drag.contrast) return stage.does.contrast(dx / element.clientWidth, dy / element.clientHeight, false);
    port.pan(-dx * stage.ratio, -dy * stage.ratio);
    stage.draw();
    stage.does.moved();
  }

  function up() {
    if (drag?.contrast) stage.does.contrast(0, 0, true);
    drag = null;
    element.classList.remove("oem-image-dragged");
  }

  /** @param {WheelEvent} event */
  function wheel(event) {
    if (document.activeElement !== element && !event.ctrlKey) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const [px, py] = at(event);
    port.zoom(port.scale * Math.exp((-event.deltaY * lines) / 300), px, py);
    stage.draw();
    stage.does.moved();
  }

  /** @param {MouseEvent} event */
  function twice(event) {
    const [px, py] = at(event);
    port.zoom(port.scale < 1 ? 1 : port.fitting, px, py);
    stage.draw();
    stage.does.moved(true);
  }

  const leave = () => stage.does.point(null);
  const menu = (/** @type {Event} */ event) => event.preventDefault();
  /** @type {[string, any][]} */
  const listeners = [
    ["pointerdown", down],
    ["pointermove", move],
    ["pointerup", up],
    ["pointercancel", up],
    ["pointerleave", leave],
    ["dblclick", twice],
    ["contextmenu", menu],
    ["wheel", wheel],
  ];
  for (const [name, listener] of listeners) element.addEventListener(name, listener, { passive: false });
  return () => {
    for (const [name, listener] of listeners) element.removeEventListener(name, listener);
  };
}
