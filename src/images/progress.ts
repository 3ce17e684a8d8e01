/** How far a pull has come: whole snapshots, at most ten a second. */

export type LayerStatus =
  | "waiting"
  | "fetching"
  | "fetched"
  | "unpacking"
  | "unpacked";

export interface LayerProgress {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly fetchedBytes: number;
  readonly status: LayerStatus;
}

export interface PullProgress {
  readonly reference: string;
  readonly status: "resolving" | "fetching" | "finishing" | "done";
  /** In the order of the image, empty until its manifest has come. */
  readonly layers: readonly LayerProgress[];
}

type Listener = (progress: PullProgress) => void;

const INTERVAL_MS = 100;

/** Collects what the parts of one pull report and tells it to whoever listens. */
export class Progress {
  readonly #reference: string;
  readonly #listeners = new Set<Listener>();
  #status: PullProgress["status"] = "resolving";
  #layers: { -readonly [K in keyof LayerProgress]: LayerProgress[K] }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #toldAt = 0;

  constructor(reference: string) {
    this.#reference = reference;
  }

  /** Tells the present state at once, and each change until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    listener(this.#snapshot());
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopTimer();
    };
  }

  setStatus(status: PullProgress["status"]): void {
    this.#status = status;
    this.#stopTimer();
    this.#tell();
  }

  setLayers(layers: readonly { digest: string; sizeBytes: bigint }[]): void {
    this.#layers = layers.map(({ digest, sizeBytes }) => ({
      digest,
      sizeBytes: Number(sizeBytes),
      fetchedBytes: 0,
      status: "waiting",
    }));
    this.#changed();
  }

  setLayer(index: number, status: LayerStatus): void {
    const layer = this.#layers[index];
    if (layer === undefined) return;
    layer.status = status;
    if (status !== "waiting" && status !== "fetching") layer.fetchedBytes = layer.sizeBytes;
    this.#changed();
  }

  addBytes(index: number, bytes: number): void {
    const layer = this.#layers[index];
    if (layer === undefined) return;
    layer.fetchedBytes += bytes;
    this.#changed();
  }

  #changed(): void {
    if (this.#listeners.size === 0 || this.#timer !== undefined) return;
    const wait = Math.max(0, this.#toldAt + INTERVAL_MS - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tell();
    }, wait);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tell(): void {
    this.#toldAt = Date.now();
    const snapshot = this.#snapshot();
    for (const listener of this.#listeners) listener(snapshot);
  }

  #snapshot(): PullProgress {
    const layers = this.#layers.map((layer) => ({ ...layer }));
    return { reference: this.#reference, status: this.#status, layers };
  }
}
