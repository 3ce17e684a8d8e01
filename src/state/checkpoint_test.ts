import assert from "node:assert/strict";
import { CriError } from "../base/errors.ts";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import type { ContainerState } from "./status.ts";

const STATES: ContainerState[] = [
  { kind: "created" },
  { kind: "running", pid: 42, startedAtNs: 1_795_000_000_123_456_789n },
  {
    kind: "exited",
    startedAtNs: 1_795_000_000_123_456_789n,
    finishedAtNs: 1_795_000_001_123_456_789n,
    exitCode: 137,
    reason: "OOMKilled",
    message: 'a "quoted" line\n',
  },
];

for (const state of STATES) {
  Deno.test(`a checkpoint of a container that is ${state.kind} comes back unchanged`, () => {
    const checkpoint = { createdAtNs: 1_795_000_000_000_000_001n, state };
    assert.deepEqual(decodeCheckpoint(encodeCheckpoint(checkpoint)), checkpoint);
  });
}

Deno.test("decodeCheckpoint() refuses a checkpoint that is cut off at any byte", () => {
  const text = encodeCheckpoint({ createdAtNs: 1n, state: { kind: "created" } });
  for (let length = 0; length < text.length; length++) {
    assert.throws(() => decodeCheckpoint(text.slice(0, length)));
  }
});

for (const state of STATES) {
  Deno.test(`each byte of a ${state.kind} container's checkpoint may be any other: it is read or refused`, () => {
    const text = encodeCheckpoint({ createdAtNs: 1_795_000_000_000_000_001n, state });
    const bytes = new TextEncoder().encode(text);
    const decoder = new TextDecoder();
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      for (const byte of [0, 0x22, 0x2d, 0x2e, 0x30, 0x39, 0x5c, 0x65, 0x7b, 0x7d, 0xff]) {
        const damaged = bytes.slice();
        damaged[at] = byte;
        try {
          const { createdAtNs, state } = decodeCheckpoint(decoder.decode(damaged));
          assert.equal(typeof createdAtNs, "bigint");
          if (state.kind === "exited") assert.ok(Number.isFinite(state.exitCode));
        } catch (error) {
          assert.ok(error instanceof CriError, String(error));
          refused++;
        }
      }
    }
    assert.ok(refused > bytes.length);
  });
}
