/** The suite's tests of the content store. */
import assert from "node:assert/strict";
import type { NewContent } from "../../src/containerd/content.ts";
import { all, digestOf, rejects, source, type SuiteTest } from "./containerd_suite.ts";

const MIB = 1024 * 1024;

/** Bytes that differ from test to test, for content is found by digest alone. */
function bytesOf(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * seed + (i >> 8)) & 0xff);
}

const LABELS = new Map([["containerd.io/gc.root", "now"]]);

function blob(bytes: Uint8Array): NewContent {
  const digest = digestOf(bytes);
  return { ref: `ref-${digest}`, digest, sizeBytes: BigInt(bytes.length), labels: () => LABELS };
}

export const BLOBS: Record<string, SuiteTest> = {
  "content.write() stores a small blob": async ({ containerd: { content } }) => {
    const bytes = bytesOf(3, 100);
    const b = blob(bytes);
    await content.write(b, source(bytes));
    assert.deepEqual(await content.read(b.digest, { maxBytes: 100 }), bytes);
    const { sizeBytes, labels } = await content.info(b.digest);
    assert.deepEqual([sizeBytes, labels], [100n, LABELS]);
    await content.delete(b.digest);
    await rejects(content.info(b.digest), "notFound");
    await rejects(content.delete(b.digest), "notFound");
  },
  "content.write() stores a blob of many odd pieces": async ({ containerd: { content } }) => {
    const bytes = bytesOf(5, 5 * MIB + 17);
    const cuts = [0, 1, 70_000, MIB + 1, 4 * MIB, bytes.length];
    const pieces = cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
    const b = blob(bytes);
    await content.write(b, source(...pieces));
    const back = await content.read(b.digest, { maxBytes: bytes.length });
    assert.equal(digestOf(back), b.digest);
    assert.equal(digestOf(...await all(content.readStream(b.digest))), b.digest);
    await content.delete(b.digest);
  },
  "content.write() stores the empty blob": async ({ containerd: { content } }) => {
    const b = blob(new Uint8Array(0));
    await content.write(b, source());
    assert.equal((await content.info(b.digest)).sizeBytes, 0n);
    await content.delete(b.digest);
  },
  "content.write() of what exists succeeds and adds its labels": async ({ containerd }) => {
    const { content } = containerd;
    const bytes = bytesOf(7, 1000);
    const b = blob(bytes);
    await content.write(b, source(bytes));
    const seen: ReadonlyMap<string, string>[] = [];
    const labels = (existing: ReadonlyMap<string, string>) => {
      seen.push(existing);
      return new Map([["new", "1"]]);
    };
    await content.write({ ...b, ref: "another", labels }, source(bytes));
    assert.deepEqual(seen, [LABELS]);
    assert.deepEqual((await content.info(b.digest)).labels, new Map([...LABELS, ["new", "1"]]));
    await content.delete(b.digest);
  },
  "content.write() refuses another digest, and a new try can succeed": async ({ containerd }) => {
    const { content } = containerd;
    const bytes = bytesOf(11, 2000);
    const b = blob(bytes);
    await rejects(content.write(b, source(bytesOf(13, 2000))), "failedPrecondition");
    await rejects(content.info(b.digest), "notFound");
    await content.write(b, source(bytes));
    await content.delete(b.digest);
  },
  "content.write() refuses a source with too many bytes": async ({ containerd: { content } }) => {
    const b = blob(bytesOf(17, 1000));
    await rejects(content.write(b, source(bytesOf(17, 1001))), "failedPrecondition");
    await rejects(content.status(b.ref), "notFound");
  },
  "content.write() goes on where a source ended too early": async ({ containerd: { content } }) => {
    const bytes = bytesOf(19, 3 * MIB);
    const b = blob(bytes);
    await rejects(content.write(b, source(bytes.subarray(0, 2 * MIB))), "unavailable");
    await rejects(content.info(b.digest), "notFound");
    const { offset } = await content.status(b.ref);
    assert.ok(offset > 0n && offset <= 2n * BigInt(MIB), `offset is ${offset}`);
    await content.write(b, (at) => {
      assert.equal(at, offset);
      return source(bytes.subarray(Number(at)));
    });
    assert.equal((await content.info(b.digest)).sizeBytes, b.sizeBytes);
    await content.delete(b.digest);
  },
  "content.write() skips what is stored when the source begins anew": async ({ containerd }) => {
    const { content } = containerd;
    const bytes = bytesOf(23, 2 * MIB);
    const b = blob(bytes);
    const broken = async function* () {
      yield* source(bytes.subarray(0, MIB + 100));
      throw new Error("the network broke");
    };
    await assert.rejects(content.write(b, broken()), /the network broke/);
    await content.write(b, source(bytes));
    assert.equal((await content.info(b.digest)).sizeBytes, b.sizeBytes);
    await content.delete(b.digest);
  },
  "content.write() stops when its signal aborts": async ({ containerd: { content } }) => {
    const abort = new AbortController();
    const endless = async function* () {
      for (let i = 0;; i++) {
        if (i === 3) abort.abort();
        yield await Promise.resolve(bytesOf(29, MIB));
      }
    };
    const b = { ...blob(bytesOf(29, 10)), sizeBytes: 0n };
    await rejects(content.write(b, endless(), { signal: abort.signal }), "cancelled");
  },
  "content.abort() forgets a write": async ({ containerd: { content } }) => {
    const bytes = bytesOf(31, MIB);
    const b = { ...blob(bytes), sizeBytes: 2n * BigInt(MIB) };
    await rejects(content.write(b, source(bytes, bytes.subarray(0, 5))), "unavailable");
    await content.abort(b.ref);
    await rejects(content.status(b.ref), "notFound");
    await rejects(content.abort(b.ref), "notFound");
  },
  "content.read() refuses a blob over its limit": async ({ containerd: { content } }) => {
    const bytes = bytesOf(37, 1001);
    const b = blob(bytes);
    await content.write(b, source(bytes));
    await rejects(content.read(b.digest, { maxBytes: 1000 }), "resourceExhausted");
    await rejects(content.read(`sha256:${"00".repeat(32)}`, { maxBytes: 1 }), "notFound");
    await content.delete(b.digest);
  },
  "content made under a lease belongs to it": async ({ containerd: { content, leases } }) => {
    const bytes = bytesOf(41, 50);
    const b = { ...blob(bytes), labels: () => new Map<string, string>() };
    await leases.create({ id: "lease-c", labels: new Map() });
    await content.write(b, source(bytes), { leaseId: "lease-c" });
    const held = await leases.resources("lease-c");
    assert.deepEqual(held.map((r) => r.id), [b.digest]);
    await leases.delete("lease-c");
    await content.delete(b.digest).catch(() => {});
  },
  "content.list() filters by label, setLabels() sets and removes": async ({ containerd }) => {
    const { content } = containerd;
    const bytes = bytesOf(43, 60);
    const b = blob(bytes);
    await content.write(b, source(bytes));
    await content.setLabels(b.digest, new Map([["mark", "here"]]));
    const found = await all(content.list(["labels.mark==here"]));
    assert.deepEqual(found.map((c) => c.digest), [b.digest]);
    await content.setLabels(b.digest, new Map([["mark", ""]]));
    assert.deepEqual((await content.info(b.digest)).labels, LABELS);
    await content.delete(b.digest);
  },
};
