/** The state of a fake containerd, and the hooks that make it fail. */
import { CriError } from "../../src/base/errors.ts";
import { waitFor } from "../../src/base/keyed_lock.ts";
import type { ConnectionState, ContainerdEvent } from "../../src/containerd/client.ts";
import type { ContainerRecord } from "../../src/containerd/containers.ts";
import type { ContentInfo } from "../../src/containerd/content.ts";
import { callAborted } from "../../src/containerd/errors.ts";
import type { ImageRecord } from "../../src/containerd/images.ts";
import type { Lease, LeasedResource } from "../../src/containerd/leases.ts";
import type { SnapshotInfo } from "../../src/containerd/snapshots.ts";
import type { NewTask, TaskInfo } from "../../src/containerd/tasks.ts";
import { Inbox } from "../../src/grpc/inbox.ts";

/** Called around every call, such as `tasks.create`; it may wait or throw. */
export type Failpoint = (method: string, args: readonly unknown[]) => void | Promise<void>;

/** How the process of a container behaves; by default it runs until a signal that ends processes. */
export interface Program {
  /** Exits with this code by itself as soon as it runs. */
  exitsWith?: number;
  /** The exit code that a signal leads to, undefined when the process ignores it. */
  onSignal?(signal: number): number | undefined;
}

export interface FakeProcess {
  info: TaskInfo;
  exited: PromiseWithResolvers<void>;
}

export interface FakeTask extends FakeProcess {
  request: NewTask;
  execs: Map<string, FakeProcess>;
}

export interface Blob {
  info: ContentInfo;
  bytes: Uint8Array;
}

type Fact<E = ContainerdEvent> = E extends ContainerdEvent ? Omit<E, "atNs"> : never;

/** Signals whose default action ends a process, as far as tests send them. */
const DEADLY = new Set([1, 2, 3, 6, 9, 10, 12, 13, 14, 15]);

export class FakeWorld {
  /** Before the work: what it throws fails a call that did nothing. */
  before: Failpoint | undefined;
  /** After the work: what it throws fails a call that did everything. */
  after: Failpoint | undefined;
  /** Names of all calls, in order. */
  readonly calls: string[] = [];

  readonly namespaces = new Set<string>();
  readonly containers = new Map<string, ContainerRecord>();
  readonly tasks = new Map<string, FakeTask>();
  readonly images = new Map<string, ImageRecord>();
  readonly leases = new Map<string, Lease & { resources: LeasedResource[] }>();
  /** By snapshotter, then by name. */
  readonly snapshots = new Map<string, Map<string, SnapshotInfo>>();
  readonly content = new Map<string, Blob>();
  /** Unfinished writes by ref. */
  readonly ingests = new Map<string, Uint8Array>();
  /** By container id. */
  readonly programs = new Map<string, Program>();

  readonly #subscribers = new Set<
    { filter(topic: string): boolean; inbox: Inbox<ContainerdEvent> }
  >();
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  #connection: ConnectionState = { state: "ready" };
  #lost = Promise.withResolvers<never>();
  #nowNs = 1_700_000_000_000_000_000n;
  #lastPid = 1000;

  constructor() {
    this.#lost.promise.catch(() => {});
  }

  /** A clock that goes on with every look. */
  nowNs(): bigint {
    return this.#nowNs += 1_000_000n;
  }

  newPid(): number {
    return ++this.#lastPid;
  }

  /** One call: hooks, connection and signal around the work. */
  async call<T>(method: string, args: readonly unknown[], work: () => Promise<T>): Promise<T> {
    this.calls.push(method);
    const steps = async () => {
      this.#refuseWhileDown();
      await this.before?.(method, args);
      const result = await Promise.race([work(), this.#lost.promise]);
      await this.after?.(method, args);
      return result;
    };
    const signal = signalIn(args);
    if (signal === undefined) return await steps();
    if (signal.aborted) throw callAborted(method, signal);
    try {
      return await waitFor(steps(), signal);
    } catch (error) {
      if (signal.aborted && error === signal.reason) throw callAborted(method, signal);
      throw error;
    }
  }

  /** The same for a call that answers with a stream. */
  async *stream<T>(
    method: string,
    args: readonly unknown[],
    work: () => AsyncIterable<T>,
  ): AsyncGenerator<T> {
    this.calls.push(method);
    this.#refuseWhileDown();
    await this.before?.(method, args);
    const signal = signalIn(args);
    for await (const item of work()) {
      if (signal?.aborted === true) throw callAborted(method, signal);
      yield item;
    }
    await this.after?.(method, args);
  }

  /** The connection breaks: calls under way and new ones fail until {@link reconnect}. */
  disconnect(): void {
    this.#tell({ state: "connecting", since: Date.now(), reason: "the fake was disconnected" });
    const error = new CriError("unavailable", "The connection was lost");
    this.#lost.reject(error);
    this.#lost = Promise.withResolvers();
    this.#lost.promise.catch(() => {});
    for (const { inbox } of this.#subscribers) inbox.end(error);
    this.#subscribers.clear();
  }

  reconnect(): void {
    this.#tell({ state: "ready" });
  }

  connection(): ConnectionState {
    return this.#connection;
  }

  onConnection(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(fact: Fact): void {
    const event: ContainerdEvent = { ...fact, atNs: this.nowNs() };
    for (const { filter, inbox } of this.#subscribers) if (filter(fact.topic)) inbox.push(event);
  }

  subscribe(filter: (topic: string) => boolean, signal: AbortSignal): Inbox<ContainerdEvent> {
    const inbox = new Inbox<ContainerdEvent>({
      limit: Infinity,
      pause: () => {},
      resume: () => {},
      cancel: () => void this.#subscribers.delete(subscriber),
    });
    const subscriber = { filter, inbox };
    this.#subscribers.add(subscriber);
    signal.addEventListener("abort", () => {
      this.#subscribers.delete(subscriber);
      inbox.end(callAborted("events.subscribe", signal));
    }, { once: true });
    return inbox;
  }

  /** A process ends, by itself or by a signal; ending twice is ending once. */
  exit(id: string, exitCode: number, execId = ""): void {
    const task = this.tasks.get(id);
    const process = execId === "" ? task : task?.execs.get(execId);
    if (task === undefined || process === undefined || process.info.status === "stopped") return;
    Object.assign(process.info, { status: "stopped", exitCode, exitedAtNs: this.nowNs() });
    if (execId === "") { for (const exec of task.execs.keys()) this.exit(id, 137, exec); }
    const { pid, exitedAtNs } = process.info;
    const topic = "/tasks/exit";
    this.emit({ kind: "taskExit", topic, containerId: id, execId, pid, exitCode, exitedAtNs });
    process.exited.resolve();
  }

  /** What a signal does to a process of a container: its exit code, or nothing. */
  exitCodeOf(id: string, signal: number): number | undefined {
    const program = this.programs.get(id);
    if (signal !== 9 && program?.onSignal !== undefined) return program.onSignal(signal);
    return DEADLY.has(signal) ? 128 + signal : undefined;
  }

  snapshotsOf(snapshotter: string): Map<string, SnapshotInfo> {
    let snapshots = this.snapshots.get(snapshotter);
    if (snapshots === undefined) this.snapshots.set(snapshotter, snapshots = new Map());
    return snapshots;
  }

  /** What a pod or container may leave behind: `task a`, `container b`, … (no images, no content). */
  leftovers(): string[] {
    return [
      ...[...this.tasks.keys()].map((id) => `task ${id}`),
      ...[...this.containers.keys()].map((id) => `container ${id}`),
      ...[...this.snapshots.values()].flatMap((all) =>
        [...all.values()].filter((s) => s.kind !== "committed").map((s) => `snapshot ${s.name}`)
      ),
      ...[...this.leases.keys()].map((id) => `lease ${id}`),
    ];
  }

  #refuseWhileDown(): void {
    if (this.#connection.state === "ready") return;
    throw new CriError("unavailable", "The fake is disconnected");
  }

  #tell(state: ConnectionState): void {
    this.#connection = state;
    for (const listener of this.#listeners) listener(state);
  }
}

function signalIn(args: readonly unknown[]): AbortSignal | undefined {
  for (const arg of args) {
    if (arg instanceof AbortSignal) return arg;
    if (typeof arg === "object" && arg !== null && "signal" in arg) {
      if (arg.signal instanceof AbortSignal) return arg.signal;
    }
  }
  return undefined;
}

/** An empty value removes a label, as in containerd. */
export function setOrDelete(map: Map<string, string>, key: string, value: string | undefined) {
  if (value === undefined || value === "") map.delete(key);
  else map.set(key, value);
}
