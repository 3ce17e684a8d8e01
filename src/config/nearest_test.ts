import assert from "node:assert/strict";
import { editDistance, nearest } from "./nearest.ts";

Deno.test("editDistance() counts inserts, deletes, replacements and swaps", () => {
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(editDistance("snapshoter", "snapshotter"), 1);
  assert.equal(editDistance("listne", "listen"), 1);
  assert.equal(editDistance("kitten", "sitting"), 3);
});

Deno.test("nearest() finds a misspelt word and nothing for another one", () => {
  const words = ["root", "state", "listen", "containerd"];
  assert.equal(nearest("Containerd", words), "containerd");
  assert.equal(nearest("lsiten", words), "listen");
  assert.equal(nearest("prometheus", words), undefined);
});
