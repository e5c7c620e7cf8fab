// @ts-check
import { request } from "../shared/request.mjs";

/** Parts of Mol* that ask nothing of any server. */
const EXTENSIONS = ["backgrounds", "geo-export", "mp4-export"];

const OPTIONS = {
  extensions: EXTENSIONS,
  layoutIsExpanded: false,
  layoutShowControls: false,
  layoutShowRemoteState: false,
  layoutShowSequence: false,
  layoutShowLog: false,
  layoutShowLeftPanel: false, // downloads from servers
  viewportShowSelectionMode: false,
  viewportShowAnimation: false,
  viewportShowTrajectoryControls: false,
  volumeStreamingDisabled: true,
  pluginStateServer: "",
};

/**
 * Unpack what was packed with gzip.
 *
 * @param {DataView} packed
 * @returns {Promise<ArrayBuffer>}
 */
export async function unpacked(packed) {
  const bytes = new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
  const blob = new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)]);
  return new Response(blob.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/**
 * Return Mol*, which the kernel sends once for each page.
 *
 * @param {import("@anywidget/types").AnyModel} model
 * @returns {Promise<any>}
 */
export function molstar(model) {
  const page = /** @type {any} */ (globalThis);
  page.oemMolstar ??= load(model).catch((error) => {
    page.oemMolstar = undefined;
    throw error;
  });
  return page.oemMolstar;
}

/** @param {import("@anywidget/types").AnyModel} model */
async function load(model) {
  const { buffers } = await request(model, "program");
  const [script, style] = await Promise.all(buffers.map(unpacked));
  const sheet = document.createElement("style");
  sheet.textContent = new TextDecoder().decode(style);
  document.head.append(sheet);
  const element = document.createElement("script");
  element.src = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  await new Promise((resolve, reject) => {
    element.onload = resolve;
    element.onerror = () => reject(new Error("This page does not let the program Mol* run."));
    document.head.append(element);
  });
  URL.revokeObjectURL(element.src);
  element.remove();
  return /** @type {any} */ (globalThis).molstar;
}

/** A map in Mol*, with one surface. */
export class Surface {
  /** @param {any} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.plugin = viewer.plugin;
    /** @type {Promise<void>} */
    this.work = Promise.resolve();
  }

  /**
   * Make one in an element.
   *
   * @param {any} program
   * @param {HTMLElement} element
   */
  static async create(program, element) {
    const viewer = await program.Viewer.create(element, OPTIONS);
    if (!viewer.plugin.canvas3d) throw new Error("This browser cannot draw in three dimensions (WebGL).");
    return new Surface(viewer);
  }

  /**
   * Show a map.
   *
   * @param {ArrayBuffer} file an MRC file of float32
   * It gets no name: Mol* takes a name that looks like an entry for one, and asks the EMDB for it.
   *
   * @param {{ level: number, color: number, ball: number[] | null }} look
   */
  async show(file, { level, color, ball }) {
    const url = URL.createObjectURL(new Blob([file]));
    const shown = { type: "absolute", value: level, color, alpha: 1 };
    await this.viewer.loadVolumeFromUrl({ url, format: "ccp4", isBinary: true }, [shown]);
    URL.revokeObjectURL(url);
    this.ball = ball;
    this.focus(0);
  }

  /** Let all of the surface be seen. @param {number} durationMs */
  focus(durationMs) {
    if (!this.ball) return;
    const [x, y, z, radius] = this.ball;
    this.plugin.managers.camera.focusSphere({ center: [x, y, z], radius }, { durationMs, extraRadius: 0.1 * radius });
  }

  /** Change the level; the newest one wins where they come faster than they are drawn. @param {number} value */
  level(value) {
    const waits = this.wanted !== undefined;
    this.wanted = value;
    if (!waits) this.work = this.work.then(() => this.draw());
    return this.work;
  }

  async draw() {
    const isoValue = { kind: "absolute", absoluteValue: this.wanted };
    this.wanted = undefined;
    const update = this.plugin.build();
    for (const cell of this.plugin.state.data.cells.values()) {
      if (cell.transform.transformer.definition.name !== "volume-representation-3d") continue;
      update.to(cell.transform.ref).update((/** @type {any} */ old) => ({
        ...old,
        type: { ...old.type, params: { ...old.type.params, isoValue } },
      }));
    }
    await update.commit();
  }

  /** @param {number} color */
  ground(color) {
    this.plugin.canvas3d.setProps({ renderer: { backgroundColor: color } });
  }

  close() {
    this.viewer.dispose();
  }
}
