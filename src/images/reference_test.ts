import assert from "node:assert/strict";
import { canonicalName, parseReference, repository, tagBesideDigest } from "./reference.ts";

const DIGEST = `sha256:${"a1".repeat(32)}`;

const GOOD: [string, string][] = [
  ["busybox", "docker.io/library/busybox:latest"],
  ["busybox:1.36", "docker.io/library/busybox:1.36"],
  ["team/app", "docker.io/team/app:latest"],
  ["docker.io/busybox", "docker.io/library/busybox:latest"],
  ["index.docker.io/library/busybox:1", "docker.io/library/busybox:1"],
  ["localhost/app", "localhost/app:latest"],
  ["localhost:5000/app:v1", "localhost:5000/app:v1"],
  ["127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest"],
  ["[::1]:5000/app", "[::1]:5000/app:latest"],
  ["registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"],
  ["Example.com/app", "Example.com/app:latest"],
  ["a__b/c-d.e_f", "docker.io/a__b/c-d.e_f:latest"],
  [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`],
  [`busybox:1@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`],
];

for (const [text, name] of GOOD) {
  Deno.test(`parseReference() reads ${text} as ${name}`, () => {
    assert.equal(canonicalName(parseReference(text)), name);
    assert.equal(canonicalName(parseReference(name)), name);
  });
}

const BAD = [
  "",
  "Busybox",
  "docker.io/Library/x",
  "a//b",
  "/a",
  "a/",
  "a:",
  "a:b c",
  `a:${"t".repeat(129)}`,
  "a@sha256:12",
  `a@md5:${"a".repeat(32)}`,
  `a@${DIGEST}@${DIGEST}`,
  "f".repeat(64),
  "x".repeat(300),
  "../etc/passwd",
  "example.com/../a",
  "http://example.com/a",
  "exa mple.com/a",
  "user:pass@example.com/a",
  "a\nb",
  "-a",
];

for (const text of BAD) {
  Deno.test(`parseReference() refuses ${JSON.stringify(text.slice(0, 40))}, naming the field`, () => {
    assert.throws(() => parseReference(text), {
      kind: "invalidArgument",
      message: /^image\.image: .+/,
    });
  });
}

Deno.test("repository() leaves tag and digest out", () => {
  assert.equal(repository(parseReference(`a:1@${DIGEST}`)), "docker.io/library/a");
});

Deno.test("tagBesideDigest() finds the tag of a name that has both", () => {
  assert.equal(tagBesideDigest(`h:5000/a:1@${DIGEST}`), "1");
  assert.equal(tagBesideDigest(`h:5000/a@${DIGEST}`), undefined);
  assert.equal(tagBesideDigest("a:1"), undefined);
});
