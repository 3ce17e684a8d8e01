/**
 * The configuration folder as it is now. It is watched, and looked at again too: events get lost
 * when the folder is deleted and made anew, renamed into place, or inotify has run out.
 */
import { logger } from "../base/log.ts";
import { fingerprint, type FolderOptions, type FoundNetworks, readNetworks } from "./conf_files.ts";

const log = logger("cni");

/** Without an event the folder is looked at no more often than this. */
const RESCAN_MS = 1_000;
/** After an event: whoever writes a file does it in several steps. */
const QUIET_MS = 50;

/** Watches one folder from its first {@link ConfFolder.look} on. */
export class ConfFolder {
  readonly #options: FolderOptions;
  #found: FoundNetworks | undefined;
  #fingerprint = "";
  #lookedAt = -Infinity;
  #looking: Promise<FoundNetworks> | undefined;
  #watcher: { fs: Deno.FsWatcher; ended: Promise<void>; identity: string } | undefined;
  #quiet: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: FolderOptions) {
    this.#options = options;
  }

  /** What is in the folder, at most a second ago; what could not be read then is read now. */
  async look(): Promise<FoundNetworks> {
    const found = this.#readable;
    const isFresh = performance.now() - this.#lookedAt < RESCAN_MS;
    if (found !== undefined && isFresh && this.#looking === undefined) return found;
    return await this.#lookNow();
  }

  /** What was last seen. */
  get last(): FoundNetworks | undefined {
    return this.#found;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#quiet);
    this.#unwatch();
  }

  /** Why something can't be read may pass without a trace in the folder. */
  get #readable(): FoundNetworks | undefined {
    return this.#found?.isUnreadable === true ? undefined : this.#found;
  }

  #lookNow(): Promise<FoundNetworks> {
    this.#looking ??= this.#rescan().finally(() => this.#looking = undefined);
    return this.#looking;
  }

  async #rescan(): Promise<FoundNetworks> {
    const now = await fingerprint(this.#options.confDir);
    this.#watch(now.split("\n", 1)[0] ?? "");
    const before = this.#found;
    const unchanged = now === this.#fingerprint ? this.#readable : undefined;
    const found = unchanged ?? await readNetworks(this.#options);
    if (found !== before) report(found, before);
    this.#found = found;
    this.#fingerprint = now;
    this.#lookedAt = performance.now();
    return found;
  }

  /** A folder of another identity than the watched one came in its place. */
  #watch(identity: string): void {
    if (this.#isClosed || this.#watcher?.identity === identity) return;
    this.#unwatch();
    if (identity === "" || identity.startsWith("error")) return;
    try {
      const fs = Deno.watchFs(this.#options.confDir, { recursive: false });
      this.#watcher = { fs, identity, ended: this.#listen(fs) };
    } catch (error) {
      log.debug("Cannot watch {folder}, it is looked at instead: {error}", {
        folder: this.#options.confDir,
        error,
      });
    }
  }

  #unwatch(): void {
    this.#watcher?.fs.close();
    this.#watcher = undefined;
  }

  async #listen(fs: Deno.FsWatcher): Promise<void> {
    for await (const event of fs) {
      if (event.kind === "access" || this.#isClosed) continue;
      clearTimeout(this.#quiet);
      this.#quiet = setTimeout(() => {
        this.#lookedAt = -Infinity;
        void this.#lookNow();
      }, QUIET_MS);
    }
  }
}

/** Says once for each change which network the pods get, and which files are passed over. */
function report(now: FoundNetworks, before: FoundNetworks | undefined): void {
  for (const problem of now.problems) {
    if (before?.problems.includes(problem) !== true) {
      log.warn("A network configuration is not used: {problem}", { problem });
    }
  }
  const [network] = now.networks;
  if (network === undefined) {
    if (now.reason !== before?.reason) log.warn("Pods have no network: {reason}", { ...now });
    return;
  }
  if (network.source === before?.networks[0]?.source) return;
  log.info("Pods are attached to network {network} of {file}", {
    network: network.name,
    file: network.file,
    plugins: network.plugins.map(({ type }) => type).join(", "),
  });
}
