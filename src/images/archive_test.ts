import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { isKind } from "../base/errors.ts";
import { type ArchiveLimits, packTar, readArchive } from "./archive.ts";

const LONG = `blobs/sha256/${"a".repeat(200)}/${"b".repeat(120)}`;

async function readAll(
  bytes: Uint8Array,
  o: { pieceBytes?: number; limits?: ArchiveLimits } = {},
): Promise<[string, string][]> {
  const files: [string, string][] = [];
  for await (const entry of readArchive(pieces(bytes, o.pieceBytes), o.limits)) {
    const parts: Uint8Array[] = [];
    for await (const part of entry.body) parts.push(part);
    const text = Buffer.concat(parts).toString();
    assert.equal(text.length, entry.sizeBytes);
    files.push([entry.path, text]);
  }
  return files;
}

function pieces(bytes: Uint8Array, size = 100_000): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + size));
      at += size;
    },
  });
}

const SAMPLE = await packTar([
  { path: "./" },
  { path: "blobs/sha256/" },
  { path: "./oci-layout", body: "{}" },
  { path: "latest", type: "symlink", linkTarget: "oci-layout" },
  { path: LONG, body: "x".repeat(70_000) },
  { path: "empty" },
]);
const FILES = [["oci-layout", "{}"], [LONG, "x".repeat(70_000)], ["empty", ""]];

for (
  const { name, bytes } of [
    { name: "plain", bytes: SAMPLE },
    { name: "gzip", bytes: gzipSync(SAMPLE) },
    {
      name: "gzip in two members",
      bytes: Buffer.concat([gzipSync(SAMPLE.subarray(0, 1000)), gzipSync(SAMPLE.subarray(1000))]),
    },
    { name: "zstd", bytes: zstdCompressSync(SAMPLE) },
  ]
) {
  Deno.test(`readArchive() reads files of an archive in ${name}`, async () => {
    assert.deepEqual(await readAll(bytes), FILES);
  });
}

Deno.test("readArchive() reads an archive that comes in tiny pieces", async () => {
  assert.deepEqual(await readAll(SAMPLE, { pieceBytes: 7 }), FILES);
});

Deno.test("readArchive() skips what its reader leaves", async () => {
  const paths: string[] = [];
  for await (const { path, body } of readArchive(pieces(SAMPLE))) {
    paths.push(path);
    if (path === LONG) { for await (const _part of body) break; }
  }
  assert.deepEqual(paths, ["oci-layout", LONG, "empty"]);
});

Deno.test("readArchive() cancels its source when its reader leaves early", async () => {
  const cancelled = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(SAMPLE.subarray(0, 4096)),
    cancel: () => cancelled.resolve(),
  });
  for await (const _entry of readArchive(stream)) break;
  await cancelled.promise;
});

Deno.test("readArchive() can be left in the middle of a packed archive", async () => {
  // More than what streams hold ready, so that work is under way when its reader goes.
  const big = await packTar([{ path: "a", body: new Uint8Array(30_000_000) }]);
  for (const packed of [gzipSync(big, { level: 1 }), zstdCompressSync(big)]) {
    for await (const { body } of readArchive(pieces(packed))) {
      for await (const _part of body) break;
      break;
    }
  }
});

for (
  const path of ["../etc/passwd", "/etc/passwd", "a/../../b", "a/.."]
) {
  Deno.test(`readArchive() refuses the path ${path}`, async () => {
    const bytes = await packTar([{ path, body: "x" }]);
    await assert.rejects(readAll(bytes), (error) => isKind(error, "invalidArgument"));
  });
}

for (
  const { name, bytes } of [
    { name: "text", bytes: new TextEncoder().encode("no archive at all".repeat(100)) },
    { name: "nothing", bytes: new Uint8Array() },
    { name: "an archive that is cut off", bytes: SAMPLE.subarray(0, 40_000) },
    { name: "a gzip that is cut off", bytes: gzipSync(SAMPLE).subarray(0, 100) },
    { name: "a damaged header", bytes: SAMPLE.map((byte, i) => i === 1030 ? byte ^ 1 : byte) },
  ]
) {
  Deno.test(`readArchive() refuses ${name}`, async () => {
    await assert.rejects(readAll(bytes), (error) => isKind(error, "invalidArgument"));
  });
}

Deno.test("readArchive() refuses more entries and bytes than its limits", async () => {
  for (const limits of [{ maxEntries: 2, maxBytes: 1e9 }, { maxEntries: 9, maxBytes: 1_000 }]) {
    await assert.rejects(
      readAll(SAMPLE, { limits }),
      (error) => isKind(error, "resourceExhausted"),
    );
  }
});

Deno.test("readArchive() throws the error of its source as it is", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Deno.errors.BadResource("gone")),
  });
  await assert.rejects(async () => {
    for await (const _entry of readArchive(broken)) assert.fail("an entry");
  }, Deno.errors.BadResource);
});

Deno.test("packTar() gives the same bytes for the same entries", async () => {
  const entries = [{ path: "a", body: "1", mode: 0o755, uid: 1000, gid: 1000 }];
  assert.deepEqual(await packTar(entries), await packTar(entries));
});
