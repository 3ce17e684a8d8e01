/** Archives of images into a real containerd. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { tar, type TestImage } from "../fakes/test_image.ts";
import {
  calling,
  imagesWorld,
  inTime,
  rejectsWith,
  SNAPSHOTTER,
  uniqueImage,
} from "../world/images.ts";

const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"));
Deno.test.afterAll(() => world.cleanUp());
Deno.test.afterEach(() => world.assertNothingUnderWay());

const { containerd, service, store } = world;

const blobsOf = (image: TestImage) =>
  [...image.layers, image.config, image.manifest].map(({ digest, bytes }) => ({
    path: `blobs/sha256/${digest.slice(7)}`,
    content: bytes,
  }));

async function withArchive(
  bytes: Uint8Array,
  work: (path: string) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".tar" });
  try {
    await Deno.writeFile(path, bytes);
    await work(path);
  } finally {
    await Deno.remove(path);
  }
}

type Packing = "none" | "gzip" | "gzip in several members" | "zstd";

function packed(bytes: Uint8Array<ArrayBuffer>, how: Packing): Uint8Array {
  if (how === "none") return bytes;
  if (how === "zstd") return zstdCompressSync(bytes);
  if (how === "gzip") return gzipSync(bytes);
  // As pigz and others write it, one after the other.
  const middle = bytes.length >> 1;
  return Buffer.concat([gzipSync(bytes.subarray(0, middle)), gzipSync(bytes.subarray(middle))]);
}

for (const how of ["none", "gzip", "gzip in several members", "zstd"] as const) {
  Deno.test(`import reads an OCI archive packed by ${how}`, async () => {
    const image = uniqueImage();
    const { mediaType, digest, bytes } = image.manifest;
    const annotations = { "io.containerd.image.name": "example.com/shop/web:3" };
    const index = {
      schemaVersion: 2,
      manifests: [{ mediaType, digest, size: bytes.length, annotations }],
    };
    const archive = tar([...blobsOf(image), {
      path: "./index.json",
      content: JSON.stringify(index),
    }, { path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' }]);
    await withArchive(packed(archive, how), async (path) => {
      const request = { path, snapshotter: SNAPSHOTTER };
      const [stored] = await service.importArchive(request, calling());
      assert.equal(stored?.imageId, image.config.digest);
      await store.load(inTime());
      const found = store.find(`example.com/shop/web:3@${digest}`);
      assert.deepEqual(found?.repoTags, ["example.com/shop/web:3"]);
      assert.deepEqual(found.repoDigests, [`example.com/shop/web@${digest}`]);
      await containerd.images.delete("example.com/shop/web:3", { sync: true });
      await world.readUnpacked(found.chainId, "etc/serial");
      await store.load(inTime());
      await world.remove(image.config.digest);
    });
  });
}

Deno.test("import reads what docker save wrote, and refuses what is no archive of images", async () => {
  const image = uniqueImage({ compression: "none", docker: true });
  const layer = image.layers[0];
  assert(layer !== undefined);
  const id = image.config.digest.slice(7);
  const manifest = [{
    Config: `${id}.json`,
    RepoTags: ["busybox:saved"],
    Layers: [`${"a".repeat(64)}/layer.tar`],
  }];
  const files = [
    { path: `${"a".repeat(64)}/VERSION`, content: "1.0" },
    { path: `${"a".repeat(64)}/layer.tar`, content: layer.bytes },
    { path: `${id}.json`, content: image.config.bytes },
    { path: "manifest.json", content: JSON.stringify(manifest) },
  ];
  const request = (path: string) => ({ path, snapshotter: SNAPSHOTTER });
  await withArchive(tar(files), async (path) => {
    const [stored] = await service.importArchive(request(path), calling());
    assert.equal(stored?.imageId, image.config.digest);
    await store.load(inTime());
    assert.deepEqual(store.find("busybox:saved")?.repoTags, ["docker.io/library/busybox:saved"]);
    await world.remove("busybox:saved");
  });
  await withArchive(
    tar(files.slice(0, 2)),
    (path) =>
      rejectsWith(
        "failedPrecondition",
        /neither an index/,
        service.importArchive(request(path), calling()),
      )
        .then(() => {}),
  );
  const liar = [{ path: `blobs/sha256/${"0".repeat(64)}`, content: "not it" }];
  await withArchive(
    tar(liar),
    (path) =>
      rejectsWith("failedPrecondition", /digest/, service.importArchive(request(path), calling()))
        .then(() => {}),
  );
});
