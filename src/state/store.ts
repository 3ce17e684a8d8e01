/** Records in memory, indexed by id; the base of the stores of pods and of containers. */
import { invalidArgument, notFound } from "../base/errors.ts";

/** Told about each change, with the record as it was and as it is. */
export type ChangeListener<R> = (before: R | undefined, after: R | undefined) => void;

/**
 * Immutable records by id. A change puts a new object in the place of the old one, so an answer
 * computed from a record may be cached with it as the key.
 */
export class RecordStore<Id extends string, R extends { readonly id: Id }> {
  readonly #what: string;
  readonly #records = new Map<Id, R>();
  readonly #listeners = new Set<ChangeListener<R>>();
  #version = 0;

  constructor(what: string) {
    this.#what = what;
  }

  /** Grows by one with each change: an answer over all records is good for one version. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#records.size;
  }

  add(record: R): void {
    if (this.#records.has(record.id)) throw new Error(`${this.#what} ${record.id} added twice`);
    this.#records.set(record.id, record);
    this.#changed(undefined, record);
  }

  /** Replaces fields of a record; a record that is gone stays gone. */
  update(id: Id, change: Partial<Omit<R, "id">>): R | undefined {
    const before = this.#records.get(id);
    if (before === undefined) return undefined;
    const after: R = { ...before, ...change };
    this.#records.set(id, after);
    this.#changed(before, after);
    return after;
  }

  delete(id: Id): void {
    const before = this.#records.get(id);
    if (before === undefined) return;
    this.#records.delete(id);
    this.#changed(before, undefined);
  }

  /** The record with exactly this id. */
  find(id: string): R | undefined {
    // A key that isn't an id of ours simply isn't there.
    return this.#records.get(id as Id);
  }

  /**
   * The record with this id, or the only one whose id begins so.
   *
   * @throws CriError invalidArgument when several ids begin so
   */
  resolve(idOrPrefix: string): R | undefined {
    const exact = this.#records.get(idOrPrefix as Id);
    if (exact !== undefined || idOrPrefix === "") return exact;
    let found: R | undefined;
    for (const [id, record] of this.#records) {
      if (!id.startsWith(idOrPrefix)) continue;
      if (found !== undefined) {
        throw invalidArgument("id", `${idOrPrefix} is the beginning of several ${this.#what} ids`);
      }
      found = record;
    }
    return found;
  }

  /** @throws CriError notFound, invalidArgument when the id is ambiguous */
  get(idOrPrefix: string): R {
    const record = this.resolve(idOrPrefix);
    if (record === undefined) throw notFound(this.#what, idOrPrefix);
    return record;
  }

  values(): IterableIterator<R> {
    return this.#records.values();
  }

  /** Calls the listener after each change. @returns stops it */
  onChange(listener: ChangeListener<R>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(before: R | undefined, after: R | undefined): void {
    this.#version++;
    for (const listener of this.#listeners) listener(before, after);
  }
}
