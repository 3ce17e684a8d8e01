import assert from "node:assert/strict";
import type { SnapshotInfo } from "../containerd/snapshots.ts";
import { ImageUsage } from "./usage.ts";

const SIGNAL = new AbortController().signal;

function setUp() {
  const sizes = new Map([["image", 1n], ["quiet", 2n], ["busy", 3n]]);
  const asked: string[] = [];
  const snapshots = {
    list: async function* () {
      await Promise.resolve();
      for (const name of sizes.keys()) yield info(name);
    },
    usage: (name: string) => {
      asked.push(name);
      return Promise.resolve({ sizeBytes: sizes.get(name) ?? 0n, inodes: 1n });
    },
  };
  const usage = new ImageUsage({
    snapshots: () => snapshots,
    snapshotters: ["overlayfs"],
    introspection: { plugins: () => Promise.resolve([]) },
    statfs: () => undefined,
    fallbackPath: "/state",
  });
  const round = async () => {
    asked.length = 0;
    await usage.measure(SIGNAL);
    return [...asked];
  };
  return { usage, sizes, round };
}

function info(name: string): SnapshotInfo {
  const kind = name === "image" ? "committed" : "active";
  return { name, parent: "", kind, labels: new Map(), createdAtNs: 0n, updatedAtNs: 0n };
}

Deno.test("ImageUsage measures what is committed once, and less often what doesn't change", async () => {
  const { sizes, round } = setUp();
  const rounds: string[][] = [];
  for (let index = 0; index < 6; index++) {
    sizes.set("busy", BigInt(index));
    rounds.push(await round());
  }
  assert.deepEqual(rounds, [
    ["image", "quiet", "busy"],
    ["quiet", "busy"],
    ["busy"],
    ["busy"],
    ["quiet", "busy"],
    ["busy"],
  ]);
});

Deno.test("ImageUsage sums what was measured, and forgets what is gone", async () => {
  const { usage, sizes, round } = setUp();
  await round();
  const used = async () => (await usage.fsInfo(SIGNAL)).imageFilesystems[0]?.usedBytes?.value;
  assert.equal(await used(), 6n);
  sizes.delete("busy");
  await round();
  assert.equal(await used(), 3n);
  assert.equal(usage.of("busy"), undefined);
});
