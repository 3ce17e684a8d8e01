/** Hands on the sizes of a client's terminal: the last one counts, and only one is on the way. */
import { logger } from "../base/log.ts";
import { pause } from "../base/pause.ts";
import type { Tasks } from "../containerd/tasks.ts";

const log = logger("containers");

/** Clients send a size as soon as they are connected; those that send none are not to wait long. */
const FIRST_SIZE_MS = 250;

export interface Size {
  readonly width: number;
  readonly height: number;
}

export class Resizer {
  readonly #tasks: Pick<Tasks, "resize">;
  readonly #id: string;
  readonly #execId: string | undefined;
  readonly #came = new AbortController();
  #wanted: Size | undefined;
  #isStarted = false;
  #isBusy = false;

  /** Of an exec, or of the container's own process. */
  constructor(tasks: Pick<Tasks, "resize">, id: string, execId?: string) {
    this.#tasks = tasks;
    this.#id = id;
    this.#execId = execId;
  }

  /** The size that the terminal is to begin with, when it comes in time. */
  async first(signal: AbortSignal): Promise<Size | undefined> {
    await pause(FIRST_SIZE_MS, AbortSignal.any([signal, this.#came.signal]));
    return this.#wanted;
  }

  /** The process has a terminal now. A size that it began with is set again: runtimes may skip it. */
  started(): void {
    this.#isStarted = true;
    void this.#send();
  }

  resize({ width, height }: Size): void {
    this.#wanted = { width, height };
    this.#came.abort();
    void this.#send();
  }

  async #send(): Promise<void> {
    if (!this.#isStarted || this.#isBusy) return;
    this.#isBusy = true;
    const options = this.#execId === undefined ? {} : { execId: this.#execId };
    while (this.#wanted !== undefined) {
      const size = this.#wanted;
      this.#wanted = undefined;
      try {
        await this.#tasks.resize(this.#id, size, options);
      } catch (error) {
        log.debug("A terminal in {containerId} was not resized: {error}", {
          containerId: this.#id,
          error,
        });
      }
    }
    this.#isBusy = false;
  }
}
