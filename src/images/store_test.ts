import assert from "node:assert/strict";
import { CriError } from "../base/errors.ts";
import type { ImageRecord } from "../containerd/images.ts";
import { digestOf } from "./chain.ts";
import { OCI_CONFIG, OCI_MANIFEST } from "./manifest.ts";
import { removeImage } from "./remove.ts";
import { ImageStore } from "./store.ts";

const signal = new AbortController().signal;

/** Records and content in memory. */
class World {
  readonly records = new Map<string, ImageRecord>();
  readonly blobs = new Map<string, Uint8Array>();
  readonly deleted: string[] = [];
  readonly store = new ImageStore({
    architecture: "amd64",
    content: { read: (digest) => this.#get(this.blobs, digest) },
    images: {
      get: (name) => this.#get(this.records, name),
      list: () => Promise.resolve([...this.records.values()]),
    },
  });
  readonly images = {
    delete: async (name: string, o: { sync?: boolean } = {}) => {
      await this.#get(this.records, name);
      this.records.delete(name);
      this.deleted.push(o.sync ? `${name} sync` : name);
    },
  };

  put(json: unknown): { digest: string; size: number } {
    const bytes = new TextEncoder().encode(JSON.stringify(json));
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  }

  /** An image whose id depends on `seed`, under these names. */
  image(seed: string, names: string[], labels = new Map<string, string>()): string {
    const config = this.put({ os: "linux", architecture: "amd64", seed, rootfs: {} });
    const manifest = this.put({ config: { mediaType: OCI_CONFIG, ...config }, layers: [] });
    for (const name of names) {
      const target = {
        mediaType: OCI_MANIFEST,
        digest: manifest.digest,
        sizeBytes: 1n,
        annotations: new Map(),
      };
      this.records.set(name, { name, labels, target, createdAtNs: 0n, updatedAtNs: 0n });
    }
    return config.digest;
  }

  #get<T>(map: Map<string, T>, key: string): Promise<T> {
    const value = map.get(key);
    return value === undefined
      ? Promise.reject(new CriError("notFound", key))
      : Promise.resolve(value);
  }
}

Deno.test("ImageStore finds an image by every name and by its id, whole or begun", async () => {
  const world = new World();
  const id = world.image("a", ["docker.io/library/web:latest"]);
  const target = world.records.get("docker.io/library/web:latest")?.target.digest ?? "";
  world.image("a", [`docker.io/library/web@${target}`, id]);
  await world.store.load(signal);
  const names = [
    "web",
    "web:latest",
    `web@${target}`,
    `web:latest@${target}`,
    id,
    id.slice(7),
    id.slice(7, 20),
    id.slice(0, 15),
  ];
  for (const name of names) assert.equal(world.store.find(name)?.id, id, name);
  for (const name of ["", "web:2", "WEB", `web@${id}`, target, "../x"]) {
    assert.equal(world.store.find(name), undefined, name);
  }
  const image = world.store.find(id);
  assert.deepEqual(image?.repoTags, ["docker.io/library/web:latest"]);
  assert.deepEqual(image.repoDigests, [`docker.io/library/web@${target}`]);
});

Deno.test("ImageStore knows an image imported by tag also by tag and digest", async () => {
  const world = new World();
  const id = world.image("a", ["docker.io/library/web:1"]);
  const target = world.records.get("docker.io/library/web:1")?.target.digest ?? "";
  await world.store.load(signal);
  assert.equal(world.store.find(`web:1@${target}`)?.id, id);
  assert.equal(world.store.find(`web:2@${target}`), undefined);
});

Deno.test("ImageStore finds and lists records that others gave a short name", async () => {
  const world = new World();
  const id = world.image("a", ["busybox:1"]);
  await world.store.load(signal);
  assert.equal(world.store.find("busybox:1")?.id, id);
  assert.deepEqual(world.store.find(id)?.repoTags, ["docker.io/library/busybox:1"]);
  assert.deepEqual(world.store.find(id)?.names, ["busybox:1"]);
});

Deno.test("ImageStore leaves out a record whose content is missing, and takes it when it comes", async () => {
  const world = new World();
  const id = world.image("a", ["a.io/x:1"]);
  world.image("b", ["a.io/y:1"]);
  const kept = world.blobs.get(id);
  world.blobs.delete(id);
  await world.store.load(signal);
  assert.equal(world.store.find("a.io/x:1"), undefined);
  assert.equal(world.store.list().length, 1);
  if (kept !== undefined) world.blobs.set(id, kept);
  const before = world.store.version;
  await world.store.refresh("a.io/x:1", signal);
  assert.equal(world.store.find("a.io/x:1")?.id, id);
  assert(world.store.version > before);
});

Deno.test("ImageStore is pinned by any record, and follows a tag that moves", async () => {
  const world = new World();
  const pin = new Map([["io.cri-containerd.pinned", "pinned"]]);
  const first = world.image("a", ["a.io/x:1"]);
  world.image("a", [first], pin);
  await world.store.load(signal);
  assert.equal(world.store.find(first)?.pinned, true);
  const second = world.image("b", ["a.io/x:1"]);
  await world.store.refresh("a.io/x:1", signal);
  assert.equal(world.store.find("a.io/x:1")?.id, second);
  assert.deepEqual(world.store.find(first)?.repoTags, []);
  assert.equal(world.store.find(second)?.pinned, false);
});

Deno.test("ImageStore refuses the beginning of several ids", async () => {
  const world = new World();
  const seen = new Map<string, string>();
  for (let n = 0; n < 2000; n++) {
    const id = world.image(String(n), [`a.io/x:${n}`]);
    const start = id.slice(7, 11);
    const other = seen.get(start);
    seen.set(start, id);
    if (other === undefined) continue;
    await world.store.load(signal);
    assert.throws(() => world.store.find(start), { kind: "invalidArgument" });
    return;
  }
  assert.fail("no two ids began alike");
});

Deno.test("removeImage() drops all names, the last waiting for the space, and knows no unknown", async () => {
  const world = new World();
  const id = world.image("a", ["a.io/x:1", "b.io/y:2"]);
  world.image("a", [id]);
  await world.store.load(signal);
  const deps = { images: world.images, store: world.store };
  await Promise.all([1, 2, 3, 4, 5].map(() =>
    removeImage(deps, id, signal).catch((e) => {
      throw e;
    })
  ));
  assert.equal(world.store.find("a.io/x:1"), undefined);
  assert.equal(world.records.size, 0);
  assert(world.deleted.includes(`${id} sync`));
  await removeImage(deps, "a.io/x:1", signal);
});
