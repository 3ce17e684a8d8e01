/** What the daemon counts on in a containerd; run on the fake and on the real one. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { isKind, type Kind } from "../../src/base/errors.ts";
import type { Containerd } from "../../src/containerd/client.ts";
import type { NewContainer } from "../../src/containerd/containers.ts";
import type { NewTask } from "../../src/containerd/tasks.ts";
import { jsonAny, SPEC_TYPE_URL, type TypedAny } from "../../src/containerd/types.ts";

/** The process of a test's container. */
export type Behaviour = "sleeps" | "exits with 3";

export interface ContainerdSubject {
  containerd: Containerd;
  /** Makes a container record, and tells how to create its task. */
  container(id: string, behaviour: Behaviour): Promise<NewTask>;
  /** The OCI `Process` of an exec that exits with 5. */
  execThatExits(id: string, execId: string): TypedAny;
}

export interface SuiteOptions {
  name: string;
  /** The subject is shared by all tests, which use names of their own. */
  subject(): Promise<ContainerdSubject> | ContainerdSubject;
}

export type SuiteTest = (s: ContainerdSubject) => Promise<void>;
type SuiteTable = Record<string, SuiteTest>;

export const SPEC = jsonAny(SPEC_TYPE_URL, { ociVersion: "1.0.2" });

export function record(id: string, more: Partial<NewContainer> = {}): NewContainer {
  return {
    id,
    labels: new Map(),
    image: "",
    runtime: { name: "io.containerd.runc.v2", options: undefined },
    spec: SPEC,
    snapshotter: "",
    snapshotKey: "",
    extensions: new Map(),
    ...more,
  };
}

/** Holds when the promise is rejected with a CriError of this kind. */
export async function rejects(promise: Promise<unknown>, kind: Kind): Promise<void> {
  const error = await promise.then(() => "no error", (error: unknown) => error);
  assert.ok(isKind(error, kind), `expected ${kind}, got ${error}`);
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(items);
}

export function digestOf(...pieces: Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return `sha256:${hash.digest("hex")}`;
}

export async function* source(...pieces: Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield await Promise.resolve(piece);
}

/** Registers the tests of the tables, one `Deno.test` each. */
export function containerdSuite(options: SuiteOptions, ...tables: SuiteTable[]): void {
  for (const table of tables) {
    for (const [name, test] of Object.entries(table)) {
      Deno.test(`${options.name}: ${name}`, async () => await test(await options.subject()));
    }
  }
}
