/** The log service in memory: which containers' streams are open, and how far each has come. */
import { CriError } from "../../src/base/errors.ts";
import { type LogCounters, logCounters } from "../../src/logs/counters.ts";
import type { DrainOptions, LogOptions, LogService, StdioPaths } from "../../src/logs/service.ts";
import { stdioPaths } from "../../src/logs/stdio.ts";

export interface FakeStreams {
  readonly options: LogOptions;
  isAttached: boolean;
  reopened: number;
}

/** Streams are at their end as soon as they are waited for, unless told otherwise. */
export class FakeLogs implements LogService {
  readonly streams = new Map<string, FakeStreams>();
  /** Containers whose output is held open by a process that stays. */
  readonly heldOpen = new Set<string>();
  readonly calls: string[] = [];
  /** Throws to make a call fail before its work. */
  before: (call: string) => void | Promise<void> = () => {};
  /** Throws to make a call fail though its work is done. */
  after: (call: string) => void | Promise<void> = () => {};

  /** What a finished test must not leave. */
  leftovers(): string[] {
    return [...this.streams.keys()].map((id) => `streams of ${id}`);
  }

  open(options: LogOptions): Promise<StdioPaths> {
    return this.#call("open", () => {
      const { containerId, resume } = options;
      if (this.streams.has(containerId) && !resume) {
        throw new CriError("alreadyExists", `The streams of container ${containerId} are open`);
      }
      if (!this.streams.has(containerId)) {
        this.streams.set(containerId, { options, isAttached: false, reopened: 0 });
      }
      return stdioPaths(options);
    });
  }

  attached({ containerId }: { containerId: string }): Promise<void> {
    return this.#call("attached", () => {
      this.#get(containerId).isAttached = true;
    });
  }

  drained({ containerId, close }: DrainOptions): Promise<{ complete: boolean }> {
    return this.#call("drained", () => {
      if (close) this.streams.delete(containerId);
      return { complete: !this.heldOpen.has(containerId) };
    });
  }

  reopen({ containerId }: { containerId: string }): Promise<void> {
    return this.#call("reopen", () => {
      this.#get(containerId).reopened++;
    });
  }

  close({ containerId }: { containerId: string }): Promise<void> {
    return this.#call("close", () => void this.streams.delete(containerId));
  }

  counters(): Promise<LogCounters> {
    return this.#call("counters", logCounters);
  }

  list(): Promise<string[]> {
    return this.#call("list", () => [...this.streams.keys()]);
  }

  #get(containerId: string): FakeStreams {
    const streams = this.streams.get(containerId);
    if (streams !== undefined) return streams;
    throw new CriError("failedPrecondition", `Container ${containerId} has no open streams`);
  }

  async #call<T>(name: string, work: () => T): Promise<T> {
    this.calls.push(name);
    await this.before(name);
    const result = work();
    await this.after(name);
    return result;
  }
}
