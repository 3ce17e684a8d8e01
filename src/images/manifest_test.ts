import assert from "node:assert/strict";
import {
  DOCKER_MANIFEST,
  documentKind,
  OCI_INDEX,
  OCI_MANIFEST,
  parseConfig,
  parseIndex,
  parseManifest,
} from "./manifest.ts";

const DIGEST = `sha256:${"0f".repeat(32)}`;
const bytes = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
const part = (mediaType: string, more = {}) => ({ mediaType, digest: DIGEST, size: 7, ...more });
const CONFIG = part("application/vnd.oci.image.config.v1+json");
const invalid = { kind: "failedPrecondition" };

Deno.test("parseManifest() takes every form of layer that containerd unpacks", () => {
  const types = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  ];
  const manifest = { config: CONFIG, layers: types.map((type) => part(type)) };
  assert.equal(parseManifest(bytes(manifest), OCI_MANIFEST).layers.length, types.length);
});

const BAD: [string, unknown, RegExp][] = [
  ["layers that are no file systems", {
    config: CONFIG,
    layers: [part("application/vnd.wasm.content.layer.v1+wasm")],
  }, /no file system/],
  [
    "an index in disguise (CVE-2021-41190)",
    { config: CONFIG, layers: [], manifests: [] },
    /manifests/,
  ],
  ["another type than its descriptor says", {
    mediaType: DOCKER_MANIFEST,
    config: CONFIG,
    layers: [],
  }, /and not/],
  [
    "digests with paths",
    { config: { ...CONFIG, digest: "sha256:../../x" }, layers: [] },
    /config.digest/,
  ],
  ["negative sizes", { config: { ...CONFIG, size: -1 }, layers: [] }, /config.size/],
  ["too many layers", { config: CONFIG, layers: Array(1001).fill(part("x")) }, /layers/],
  ["a list", [], /not valid/],
];

for (const [name, manifest, text] of BAD) {
  Deno.test(`parseManifest() refuses ${name}`, () => {
    const parse = () => parseManifest(bytes(manifest), OCI_MANIFEST);
    assert.throws(parse, { ...invalid, message: text });
  });
}

Deno.test("parseManifest() refuses what is not JSON", () => {
  assert.throws(() => parseManifest(new Uint8Array([1, 2]), OCI_MANIFEST), invalid);
});

Deno.test("parseIndex() reads platforms and refuses a manifest in disguise", () => {
  const manifests = [part(OCI_MANIFEST, { platform: { os: "linux", architecture: "arm64" } })];
  const [member] = parseIndex(bytes({ manifests }), OCI_INDEX);
  assert.deepEqual(member?.platform, { os: "linux", architecture: "arm64", variant: "" });
  assert.throws(() => parseIndex(bytes({ manifests, layers: [] }), OCI_INDEX), invalid);
});

Deno.test("parseConfig() takes nulls and missing members for nothing said", () => {
  const { config, diffIds } = parseConfig(bytes({
    config: { Env: null, Cmd: ["sh"], Volumes: { "/data": {} }, Labels: null },
    rootfs: { type: "layers", diff_ids: null },
  }));
  assert.deepEqual(diffIds, []);
  assert.deepEqual(config.env, []);
  assert.deepEqual(config.cmd, ["sh"]);
  assert.deepEqual(config.volumes, ["/data"]);
  assert.equal(config.user, "");
});

Deno.test("documentKind() refuses schema 1 with a remedy, and anything that is no image", () => {
  const schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  assert.throws(() => documentKind(schema1), { ...invalid, remedy: /skopeo/ });
  assert.throws(() => documentKind("text/html"), invalid);
});
