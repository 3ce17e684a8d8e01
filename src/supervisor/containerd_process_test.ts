import assert from "node:assert/strict";
import { levelOf } from "./containerd_process.ts";

Deno.test("levelOf() takes what containerd 1.6 warns of at the end of every shim for details", () => {
  const level = "warning";
  assert.equal(levelOf({ level, msg: "cleaning up after shim disconnected" }), "debug");
  assert.equal(levelOf({ level, msg: 'cleanup warnings time="2026-11-25T01:30:27Z"' }), "debug");
});

Deno.test("levelOf() leaves everything else as containerd says", () => {
  assert.equal(levelOf({ level: "warning", msg: "failed to load plugin" }), "warning");
  assert.equal(levelOf({ level: "error", msg: "failed to clean up after shim" }), "error");
});
