import assert from "node:assert/strict";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import { decodeContainerMetadata, decodeSandboxMetadata } from "./metadata.ts";
import { checkVersion } from "./version.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const NEWER = /has the form v2, and this daemon knows v1 alone: a newer one wrote it/;

Deno.test("what is recorded in a newer form is refused in words that say so", () => {
  const metadata = bytesOf('{"Version":"v2","Metadata":{"Renamed":"x"}}');
  assert.throws(() => decodeSandboxMetadata(metadata), { kind: "internal", message: NEWER });
  assert.throws(() => decodeContainerMetadata(metadata), { kind: "internal", message: NEWER });
  const checkpoint = encodeCheckpoint({ createdAtNs: 1n, state: { kind: "created" } });
  assert.throws(() => decodeCheckpoint(checkpoint.replace("v1", "v2")), {
    kind: "internal",
    message: NEWER,
  });
});

Deno.test("fields of a later daemon in the same form are passed over", () => {
  const metadata = '{"Version":"v1","Later":1,"Metadata":{"ID":"a","Name":"n","Later":{"b":[]}}}';
  assert.equal(decodeSandboxMetadata(bytesOf(metadata)).id, "a");
  const text = encodeCheckpoint({ createdAtNs: 7n, state: { kind: "created" } });
  assert.equal(decodeCheckpoint(text.replace("{", '{"Later":{},')).createdAtNs, 7n);
});

Deno.test("checkVersion() takes what names no form for others to judge", () => {
  for (const stored of [null, 7, {}, { Version: 2 }, { Version: "x".repeat(1_000) }]) {
    checkVersion(stored, "It");
  }
});
