import assert from "node:assert/strict";
import { isKernelFrom } from "./kernel.ts";

Deno.test("isKernelFrom() compares numbers, not texts", () => {
  assert.equal(isKernelFrom("5.12.0", [5, 12]), true);
  assert.equal(isKernelFrom("5.9.16-200.fc33", [5, 12]), false);
  assert.equal(isKernelFrom("6.1.0-18-amd64", [5, 12]), true);
  assert.equal(isKernelFrom("4.19.0", [5, 12]), false);
});

Deno.test("isKernelFrom() takes an unknown release for an old one", () => {
  assert.equal(isKernelFrom("", [2, 6]), false);
});
