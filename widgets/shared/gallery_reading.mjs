// @ts-check
import { request } from "../shared/request.mjs";

const AGAIN_MS = 2_000;

/**
 * Reads the rows of the gallery as they become new, one reading at a time.
 *
 * A kernel that has other work is asked again until it answers: nothing else would bring the images
 * of a gallery that came up empty.
 */
export class GalleryReading {
  /**
   * @param {import("@anywidget/types").AnyModel} model
   * @param {object} does
   * @param {() => number} does.version  of what is here
   * @param {(answer: Record<string, any>) => void} does.take
   * @param {(message: string) => void} does.tell  why nothing comes, and "" when it does again
   */
  constructor(model, does) {
    this.model = model;
    this.does = does;
    this.reading = this.waited = this.ended = false;
  }

  /** What is here may be newer than what the model says: an update gets lost while a page connects. */
  get behind() {
    return this.does.version() < this.model.get("version");
  }

  async read() {
    if (this.reading) return;
    this.reading = true;
    do {
      try {
        const answer = await request(this.model, "rows", { since: this.does.version() });
        if (this.ended) return;
        if (this.waited) this.does.tell("");
        this.waited = false;
        this.does.take(answer);
      } catch (error) {
        if (this.ended) return;
        this.waited = true;
        this.does.tell(error instanceof Error ? error.message : String(error));
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    } while (!this.ended && (this.waited || this.behind));
    this.reading = false;
  }

  end() {
    this.ended = true;
  }
}
