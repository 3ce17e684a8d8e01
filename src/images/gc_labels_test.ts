import assert from "node:assert/strict";
import { childLabels, sourceLabel } from "./gc_labels.ts";

const child = (digest: string) => ({
  mediaType: "",
  digest,
  sizeBytes: 1n,
  annotations: new Map<string, string>(),
});
const REF = "containerd.io/gc.ref.content.";

Deno.test("childLabels() numbers children as containerd's own client does", () => {
  const layers = [child("l0"), child("l1"), child("l0")];
  assert.deepEqual(
    Object.fromEntries(childLabels(new Map(), { config: child("c"), layers })),
    { [`${REF}config`]: "c", [`${REF}l.0`]: "l0", [`${REF}l.1`]: "l1" },
  );
});

Deno.test("childLabels() leaves what another client holds and adds beside it", () => {
  const existing = new Map([[`${REF}m.0`, "arm64"]]);
  assert.deepEqual([...childLabels(existing, { manifests: [child("amd64")] })], [
    [`${REF}m.1`, "amd64"],
  ]);
  assert.deepEqual([...childLabels(existing, { manifests: [child("arm64")] })], []);
});

Deno.test("sourceLabel() adds a repository once, and none beyond a label's length", () => {
  const key = "containerd.io/distribution.source.docker.io";
  const from = { domain: "docker.io", path: "library/a" };
  assert.equal(sourceLabel(new Map(), from).get(key), "library/a");
  assert.equal(sourceLabel(new Map([[key, "b"]]), from).get(key), "b,library/a");
  assert.equal(sourceLabel(new Map([[key, "b,library/a"]]), from).size, 0);
  assert.equal(sourceLabel(new Map([[key, "b".repeat(4090)]]), from).size, 0);
});
