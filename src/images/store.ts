/**
 * The images of containerd's namespace, by id and by name. containerd's records are the truth,
 * whoever made them; this is their image in memory, filled at start and kept by {@link
 * ImageStore.refresh} after our own changes and on containerd's events.
 */
import { CriError, isKind, toCriError } from "../base/errors.ts";
import type { ImageId } from "../base/id.ts";
import { KeyedLock } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import type { ImageRecord, Images } from "../containerd/images.ts";
import type { Image } from "./image.ts";
import { type Naming, USUAL_NAMING } from "./naming.ts";
import { isPinned } from "./records.ts";
import {
  canonicalName,
  isDigest,
  repository,
  tagBesideDigest,
  tryParseReference,
} from "./reference.ts";
import { type Facts, readFacts, type StoredDeps } from "./stored.ts";

export type { Image, ImageConfig } from "./image.ts";

const log = logger("images");

export interface ImageStoreDeps extends StoredDeps {
  readonly images: Pick<Images, "get" | "list">;
  /** The field's habits when left out. */
  readonly naming?: Naming;
}

/** A record and what its target turned out to be. */
interface Entry {
  readonly name: string;
  readonly targetDigest: string;
  readonly isPinned: boolean;
  readonly facts: Facts;
}

/** Records whose documents are read at the same time. */
const PARALLEL_READS = 8;
const SHORT_ID = /^(?:sha256:)?([a-f0-9]{4,63})$/;
const WHOLE_ID = /^[a-f0-9]{64}$/;

export class ImageStore {
  readonly #deps: ImageStoreDeps;
  readonly #naming: Naming;
  readonly #entries = new Map<string, Entry>();
  /** Complete names of records that somebody else gave a short one. */
  readonly #shortNames = new Map<string, string>();
  readonly #entriesById = new Map<ImageId, Map<string, Entry>>();
  readonly #images = new Map<ImageId, Image>();
  readonly #locks = new KeyedLock<string>();
  #listed: readonly Image[] | undefined;
  #version = 0;

  constructor(deps: ImageStoreDeps) {
    this.#deps = deps;
    this.#naming = deps.naming ?? USUAL_NAMING;
  }

  /** Grows with every change: who keeps a ready-made answer compares it. */
  get version(): number {
    return this.#version;
  }

  /** All images, by name. */
  list(): readonly Image[] {
    this.#listed ??= [...this.#images.values()].sort((a, b) => compare(sortKey(a), sortKey(b)));
    return this.#listed;
  }

  /**
   * The image that an id (whole or its beginning, with or without `sha256:`) or a name means;
   * a name without tag means `:latest`. Undefined when it isn't there or the name isn't valid.
   *
   * @throws CriError invalidArgument when a short id fits several images
   */
  find(idOrName: string): Image | undefined {
    if (isDigest(idOrName)) return this.#byId(idOrName);
    if (WHOLE_ID.test(idOrName)) return this.#byId(`sha256:${idOrName}`);
    return this.#byName(idOrName) ?? this.#byShortId(idOrName);
  }

  /** Reads all records. One that is broken is reported and left out. */
  async load(signal: AbortSignal): Promise<void> {
    const records = await this.#deps.images.list([], { signal });
    const seen = new Set(records.map(({ name }) => name));
    for (const name of [...this.#entries.keys()]) {
      if (!seen.has(name)) await this.refresh(name, signal);
    }
    const queue = records.values();
    const worker = async () => {
      for (const record of queue) {
        await this.#locks.run(record.name, signal, () => this.#take(record, signal));
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_READS }, worker));
  }

  /**
   * Takes over what containerd has under a record's name now, its absence included.
   *
   * @throws CriError as containerd's image service does, notFound excepted
   */
  async refresh(name: string, signal: AbortSignal): Promise<void> {
    await this.#locks.run(name, signal, async () => {
      let record: ImageRecord;
      try {
        record = await this.#deps.images.get(name, { signal });
      } catch (error) {
        if (!isKind(error, "notFound")) throw error;
        this.#set(name, undefined);
        return;
      }
      await this.#take(record, signal);
    });
  }

  async #take(record: ImageRecord, signal: AbortSignal): Promise<void> {
    const { name, target } = record;
    const known = this.#entries.get(name);
    const reference = isDigest(name) ? undefined : tryParseReference(name);
    const pinned = isPinned(record.labels) ||
      (reference !== undefined && this.#naming.isPinned(canonicalName(reference)));
    try {
      const facts = known?.targetDigest === target.digest
        ? known.facts
        : await readFacts(this.#deps, target, { signal });
      this.#set(name, { name, targetDigest: target.digest, isPinned: pinned, facts });
    } catch (error) {
      if (!isKind(error, "notFound", "failedPrecondition", "resourceExhausted")) throw error;
      log.warn("Image record {name} is left out: {reason}", {
        name,
        reason: toCriError(error).text,
      });
      this.#set(name, undefined);
    }
  }

  #set(name: string, entry: Entry | undefined): void {
    const before = this.#entries.get(name);
    const reference = isDigest(name) ? undefined : tryParseReference(name);
    const complete = reference === undefined ? name : canonicalName(reference);
    if (before !== undefined) {
      this.#entries.delete(name);
      this.#shortNames.delete(complete);
      this.#entriesById.get(before.facts.id)?.delete(name);
    }
    if (entry !== undefined) {
      this.#entries.set(name, entry);
      if (complete !== name) this.#shortNames.set(complete, name);
      const { id } = entry.facts;
      const siblings = this.#entriesById.get(id) ?? new Map<string, Entry>();
      this.#entriesById.set(id, siblings.set(name, entry));
    }
    const ids = [before?.facts.id, entry?.facts.id].filter((id) => id !== undefined);
    for (const id of new Set(ids)) this.#rebuild(id);
  }

  #rebuild(id: ImageId): void {
    const image = toImage([...this.#entriesById.get(id)?.values() ?? []]);
    if (image === undefined) {
      this.#images.delete(id);
      this.#entriesById.delete(id);
    } else {
      this.#images.set(id, image);
    }
    this.#listed = undefined;
    this.#version++;
  }

  #byId(digest: string): Image | undefined {
    // An image's id is a digest like any other; anything else simply isn't found.
    return this.#images.get(digest as ImageId);
  }

  #byName(short: string): Image | undefined {
    const text = this.#naming.complete(short);
    if (text === undefined) return undefined;
    const reference = tryParseReference(text);
    if (reference === undefined) return undefined;
    const entry = this.#entry(canonicalName(reference));
    if (entry !== undefined) return this.#images.get(entry.facts.id);
    const tag = tagBesideDigest(text);
    if (tag === undefined) return undefined;
    const tagged = this.#entry(`${repository(reference)}:${tag}`);
    const isSame = tagged !== undefined && tagged.targetDigest === reference.digest;
    return isSame ? this.#images.get(tagged.facts.id) : undefined;
  }

  #entry(complete: string): Entry | undefined {
    return this.#entries.get(complete) ?? this.#entries.get(this.#shortNames.get(complete) ?? "");
  }

  #byShortId(text: string): Image | undefined {
    const digits = SHORT_ID.exec(text)?.[1];
    if (digits === undefined) return undefined;
    const prefix = `sha256:${digits}`;
    const [image, ...more] = this.list().filter(({ id }) => id.startsWith(prefix));
    if (more.length === 0) return image;
    throw new CriError(
      "invalidArgument",
      `image.image: ${JSON.stringify(text)} is the beginning of ${more.length + 1} image ids`,
    );
  }
}

/** One image out of its records, undefined when it has none left. */
function toImage(entries: readonly Entry[]): Image | undefined {
  const [first] = entries;
  if (first === undefined) return undefined;
  const repoTags: string[] = [];
  const repoDigests: string[] = [];
  const names: { name: string; rank: number }[] = [];
  for (const { name } of entries) {
    const reference = isDigest(name) ? undefined : tryParseReference(name);
    if (reference?.digest !== undefined) repoDigests.push(canonicalName(reference));
    else if (reference !== undefined) repoTags.push(canonicalName(reference));
    names.push({
      name,
      rank: reference === undefined ? 2 : reference.digest === undefined ? 0 : 1,
    });
  }
  names.sort((a, b) => a.rank - b.rank || compare(a.name, b.name));
  return {
    ...first.facts,
    repoTags: [...new Set(repoTags)].sort(),
    repoDigests: [...new Set(repoDigests)].sort(),
    pinned: entries.some((entry) => entry.isPinned),
    names: names.map(({ name }) => name),
  };
}

function sortKey(image: Image): string {
  return image.names[0] ?? image.id;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
