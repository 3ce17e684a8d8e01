/** The registry compartment's service: equal requests at the same time share one piece of work. */
import { CriError, isKind } from "../base/errors.ts";
import { Flights } from "../base/flights.ts";
import { logger } from "../base/log.ts";
import { Operation } from "../base/operation.ts";
import { digestOf } from "./chain.ts";
import { importArchive, type ReadArchive } from "./import.ts";
import { Progress } from "./progress.ts";
import { logProgress } from "./progress_log.ts";
import { type PullDeps, pullImage } from "./pull.ts";
import { canonicalName, parseReference } from "./reference.ts";
import { type BuildPauseImage, ensureSandboxImage } from "./sandbox_image.ts";
import type { PullRequest, RegistryService, ServiceContext, StoredImage } from "./service.ts";
import { unpackStored } from "./unpack_stored.ts";

const log = logger("images");

export interface ServiceDeps extends PullDeps {
  readonly buildPauseImage: BuildPauseImage;
  readonly readArchive: ReadArchive;
  /** Opens an archive that is to be imported. */
  openFile(path: string): Promise<ReadableStream<Uint8Array>>;
}

export function registryService(deps: ServiceDeps): RegistryService {
  const pulls = new Pulls(deps);
  return {
    pull: (request, context) => pulls.pull(request, context),
    sandboxImage: ({ reference, snapshotter }, context) =>
      ensureSandboxImage(deps, {
        reference,
        snapshotter,
        pull: (request) => pulls.pull(request, context),
      }, context.signal),
    importArchive: async ({ path, ...request }, context) =>
      await importArchive(deps, {
        ...request,
        what: path,
        stream: await deps.openFile(path),
      }, context.signal),
    unpack: ({ name, snapshotter }, context) =>
      unpackStored(deps, { name, snapshotter, labels: new Map() }, context.signal),
  };
}

/** Pulls in progress, by what was asked. */
class Pulls {
  readonly #deps: PullDeps;
  readonly #flights = new Flights<StoredImage>();
  readonly #progress = new Map<string, Progress>();

  constructor(deps: PullDeps) {
    this.#deps = deps;
  }

  async pull(request: PullRequest, context: ServiceContext): Promise<StoredImage> {
    const reference = parseReference(request.reference);
    const name = canonicalName(reference);
    const key = digestOf(JSON.stringify([
      name,
      request.snapshotter,
      Object.entries(request.auth ?? {}).sort(),
      [...request.labels ?? []].sort(),
    ]));
    const progress = this.#progress.get(key) ?? new Progress(name);
    this.#progress.set(key, progress);
    const stopListening = progress.listen((state) => context.progress(state));
    const { signal, stopWatching } = asTimeout(context.signal);
    // What nobody fetched may be gone since: a pull always asks the registry.
    this.#flights.forget(() => true);
    try {
      return await this.#flights.join({ name: key, request: key, signal }, (signal) => {
        const operation = new Operation(`pull image ${name}`, signal);
        const { snapshotter, auth, labels = new Map() } = request;
        const pull = { reference, auth, snapshotter, labels, progress };
        const result = timed(operation, pullImage(this.#deps, pull, operation));
        const stopLogging = logProgress(progress);
        const forget = () => {
          stopLogging();
          this.#progress.delete(key);
        };
        result.then(forget, forget);
        return { operation, result };
      });
    } finally {
      stopListening();
      stopWatching();
    }
  }
}

async function timed(op: Operation, result: Promise<StoredImage>): Promise<StoredImage> {
  const began = performance.now();
  const stored = await result;
  const ms = Math.round(performance.now() - began);
  log.info("Done: {what} in {ms} ms", { what: op.what, ms, imageId: stored.imageId });
  return stored;
}

/** A deadline comes over the channel as a CriError; here it is told apart by its DOM name. */
function asTimeout(signal: AbortSignal): { signal: AbortSignal; stopWatching(): void } {
  const abort = new AbortController();
  const onAbort = () => {
    const { reason } = signal;
    const isDeadline = reason instanceof CriError && isKind(reason, "deadlineExceeded");
    abort.abort(isDeadline ? new DOMException(reason.message, "TimeoutError") : reason);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  const stopWatching = () => signal.removeEventListener("abort", onAbort);
  return { signal: abort.signal, stopWatching };
}
