import assert from "node:assert/strict";
import { parseMountOptions } from "./mount_options.ts";

Deno.test("parseMountOptions() sorts flags, propagation and the file system's own", () => {
  const parsed = parseMountOptions([
    "rbind",
    "ro",
    "nosuid",
    "rslave",
    "lowerdir=/a:/b",
    "index=off",
  ]);
  assert.deepEqual(parsed, {
    flags: 4096 | 16384 | 1 | 2,
    propagation: [(1 << 19) | 16384],
    data: ["lowerdir=/a:/b", "index=off"],
  });
});

Deno.test("parseMountOptions() lets the last one win", () => {
  assert.equal(parseMountOptions(["ro", "noexec", "rw", "exec", ""]).flags, 0);
});
