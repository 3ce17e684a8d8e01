/** What a pull shows while it runs: bars on a terminal, a line per event elsewhere. */
import type { LayerProgress, PullProgress } from "../images/progress.ts";
import { formatBytes, print } from "./output.ts";

const BAR_COLUMNS = 24;
/** The rate is that of the last seconds, not of the whole pull. */
const RATE_WINDOW_MS = 3_000;

/** Shows the progress of one pull. */
export interface ProgressView {
  show(progress: PullProgress): void;
  /** Leaves the last state standing. */
  finish(): void;
}

/** Bars where stdout is a terminal, else plain lines. */
export function progressView(): ProgressView {
  return Deno.stdout.isTerminal() ? new Bars() : new Lines();
}

class Bars implements ProgressView {
  readonly #rate = new Rate();
  #drawn = 0;

  show(progress: PullProgress): void {
    const fetched = progress.layers.reduce((sum, layer) => sum + layer.fetchedBytes, 0);
    const rate = this.#rate.add(performance.now(), fetched);
    const { columns, rows } = Deno.consoleSize();
    const lines = progressLines(progress, { rate, columns, rows });
    // Up to the first line of the last picture, then each line anew and what is below cleared.
    const up = this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A`;
    print(`${up}${lines.map((line) => `\r\x1b[2K${line}\n`).join("")}\x1b[0J`);
    this.#drawn = lines.length;
  }

  finish(): void {
    this.#drawn = 0;
  }
}

class Lines implements ProgressView {
  readonly #told = new Set<string>();

  show(progress: PullProgress): void {
    this.#tell(`${progress.reference}: ${progress.status}`);
    progress.layers.forEach((layer, index) => {
      if (layer.status === "waiting" || layer.status === "unpacking") return;
      const which = `layer ${index + 1}/${progress.layers.length} ${shortDigest(layer.digest)}`;
      this.#tell(`${which}: ${layer.status} ${formatBytes(layer.sizeBytes)}`);
    });
  }

  #tell(line: string): void {
    if (this.#told.has(line)) return;
    this.#told.add(line);
    print(`${line}\n`);
  }

  finish(): void {}
}

/** Shows how much of one file has been read or written: a bar on a terminal, nothing elsewhere. */
export class FileView {
  readonly #name: string;
  readonly #totalBytes: number | undefined;
  readonly #rate = new Rate();
  #bytes = 0;
  #shownAtMs = 0;

  /** @param totalBytes undefined when nobody knows before the end */
  constructor(name: string, totalBytes?: number) {
    this.#name = name;
    this.#totalBytes = totalBytes;
  }

  /** The same bytes, counted as they pass. */
  async *watch(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of bytes) {
        this.#bytes += piece.length;
        this.#show();
        yield piece;
      }
    } finally {
      this.#clear();
    }
  }

  #show(): void {
    const now = performance.now();
    if (now - this.#shownAtMs < 100 || !Deno.stdout.isTerminal()) return;
    this.#shownAtMs = now;
    const progress = { bytes: this.#bytes, rate: this.#rate.add(now, this.#bytes) };
    const line = fileLine(this.#name, { ...progress, totalBytes: this.#totalBytes });
    print(`\r\x1b[2K${line.slice(0, Math.max(1, Deno.consoleSize().columns - 1))}`);
  }

  #clear(): void {
    if (this.#shownAtMs > 0) print("\r\x1b[2K");
  }
}

/** One line of a {@link FileView}. */
export function fileLine(
  name: string,
  { bytes, totalBytes, rate }: { bytes: number; totalBytes: number | undefined; rate: number },
): string {
  const speed = rate > 0 ? `  ${formatBytes(rate)}/s` : "";
  if (totalBytes === undefined || totalBytes === 0) return `${name}  ${formatBytes(bytes)}${speed}`;
  const full = Math.round(Math.min(1, bytes / totalBytes) * BAR_COLUMNS);
  const bar = "█".repeat(full) + "░".repeat(BAR_COLUMNS - full);
  return `${name} ${bar} ${formatBytes(bytes)} of ${formatBytes(totalBytes)}${speed}`;
}

/** The picture of a pull, at most `rows` − 1 lines of at most `columns` − 1 characters. */
export function progressLines(
  progress: PullProgress,
  o: { rate: number; columns: number; rows: number },
): string[] {
  const { layers } = progress;
  const fetched = layers.reduce((sum, layer) => sum + layer.fetchedBytes, 0);
  const total = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  const rate = progress.status === "fetching" && o.rate > 0 ? `  ${formatBytes(o.rate)}/s` : "";
  const sum = total === 0 ? "" : `  ${formatBytes(fetched)} of ${formatBytes(total)}${rate}`;
  const head = `${progress.reference}: ${progress.status}${sum}`;
  const room = Math.max(0, o.rows - 2);
  // On a small screen those at work are what there is to see.
  const shown = layers.length <= room ? layers : layers.filter(isAtWork).slice(0, room);
  return [head, ...shown.map(layerLine)].map((line) => line.slice(0, Math.max(1, o.columns - 1)));
}

function isAtWork(layer: LayerProgress): boolean {
  return layer.status === "fetching" || layer.status === "unpacking";
}

function layerLine(layer: LayerProgress): string {
  const part = layer.sizeBytes === 0 ? 1 : Math.min(1, layer.fetchedBytes / layer.sizeBytes);
  const full = Math.round(part * BAR_COLUMNS);
  const bar = "█".repeat(full) + "░".repeat(BAR_COLUMNS - full);
  const size = formatBytes(layer.sizeBytes).padStart(8);
  return `  ${shortDigest(layer.digest)} ${bar} ${size} ${layer.status}`;
}

function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}

/** Bytes a second over the last {@link RATE_WINDOW_MS}. */
export class Rate {
  readonly #samples: { atMs: number; bytes: number }[] = [];

  /** Notes how many bytes have come altogether and returns the rate. */
  add(atMs: number, bytes: number): number {
    this.#samples.push({ atMs, bytes });
    while (this.#samples.length > 2 && atMs - (this.#samples[0]?.atMs ?? atMs) > RATE_WINDOW_MS) {
      this.#samples.shift();
    }
    const first = this.#samples[0];
    if (first === undefined || atMs <= first.atMs) return 0;
    return (bytes - first.bytes) / (atMs - first.atMs) * 1_000;
  }
}
