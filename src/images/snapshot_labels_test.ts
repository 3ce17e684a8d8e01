import assert from "node:assert/strict";
import type { Descriptor } from "../containerd/types.ts";
import { digestOf } from "./chain.ts";
import { isRemoteSnapshotter, layerLabels } from "./snapshot_labels.ts";

function layer(text: string, annotations: [string, string][] = []): Descriptor {
  const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
  return { mediaType, digest: digestOf(text), sizeBytes: 1n, annotations: new Map(annotations) };
}

Deno.test("layerLabels() tells image, layer, those above it, and what the builder wrote", () => {
  const layers = [
    layer("a"),
    layer("b", [["containerd.io/snapshot/nydus-blob", "true"], ["other", "no"]]),
    layer("c"),
  ];
  const image = { reference: "docker.io/library/x:1", manifestDigest: digestOf("m"), layers };
  assert.deepEqual(
    layerLabels({ index: 1, chainId: "sha256:chain" }, image),
    new Map([
      ["containerd.io/snapshot.ref", "sha256:chain"],
      ["containerd.io/snapshot/nydus-blob", "true"],
      ["containerd.io/snapshot/cri.image-ref", "docker.io/library/x:1"],
      ["containerd.io/snapshot/cri.manifest-digest", digestOf("m")],
      ["containerd.io/snapshot/cri.layer-digest", digestOf("b")],
      ["containerd.io/snapshot/cri.image-layers", `${digestOf("b")},${digestOf("c")}`],
    ]),
  );
});

Deno.test("layerLabels() never makes a label that containerd refuses for its length", () => {
  const layers = Array.from({ length: 200 }, (_, i) => layer(String(i)));
  const image = { reference: "docker.io/library/x:1", manifestDigest: digestOf("m"), layers };
  for (const [key, value] of layerLabels({ index: 0, chainId: "c" }, image)) {
    assert(key.length + value.length <= 4096, key);
  }
});

Deno.test("layerLabels() of what lies in the content store names the snapshot alone", () => {
  assert.deepEqual([...layerLabels({ index: 0, chainId: "c" }, undefined)], [
    ["containerd.io/snapshot.ref", "c"],
  ]);
});

Deno.test("isRemoteSnapshotter() knows containerd's own", () => {
  assert.equal(isRemoteSnapshotter("overlayfs"), false);
  for (const name of ["stargz", "nydus", "overlaybd", "soci"]) {
    assert.equal(isRemoteSnapshotter(name), true);
  }
});
