import assert from "node:assert/strict";
import { completeName, namingOf } from "./naming.ts";

Deno.test("namingOf() completes short names as configured, and leaves whole ones alone", () => {
  const naming = namingOf({ shortNames: "registry.example:5000/team", pinned: [] });
  assert.equal(naming.complete("busybox:1"), "registry.example:5000/team/busybox:1");
  assert.equal(naming.complete("a/b"), "registry.example:5000/team/a/b");
  for (const whole of ["docker.io/library/busybox", "localhost/x", "quay.io/a/b@sha256:1"]) {
    assert.equal(naming.complete(whole), whole);
  }
  const usual = namingOf({ shortNames: "docker.io", pinned: [] });
  assert.equal(usual.complete("busybox"), "busybox");
});

Deno.test("completeName() refuses short names where none are configured, and names the key", () => {
  const naming = namingOf({ shortNames: "", pinned: [] });
  assert.equal(completeName(naming, "quay.io/a/b"), "quay.io/a/b");
  assert.throws(() => completeName(naming, "busybox"), {
    kind: "invalidArgument",
    message: /"busybox" names no registry, and images\.short_names/,
  });
});

Deno.test("Naming.isPinned() takes * for any characters and nothing else", () => {
  const { isPinned } = namingOf({
    shortNames: "docker.io",
    pinned: ["registry.example/base/*", "docker.io/library/a.b:1"],
  });
  assert.equal(isPinned("registry.example/base/os/debian:12"), true);
  assert.equal(isPinned("registry.example/bas/e:1"), false);
  assert.equal(isPinned("docker.io/library/a.b:1"), true);
  assert.equal(isPinned("docker.io/library/aXb:1"), false);
});
