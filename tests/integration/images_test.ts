/** Images into a real containerd: forms, labels, sharing, being killed. */
import assert from "node:assert/strict";
import { CriError } from "../../src/base/errors.ts";
import type { PullProgress } from "../../src/images/progress.ts";
import { registryService } from "../../src/images/serve.ts";
import { ImageUsage } from "../../src/images/usage.ts";
import { FakeRegistry } from "../fakes/registry.ts";
import { testIndex } from "../fakes/test_image.ts";
import { delay } from "../world/delay.ts";
import {
  calling,
  imagesWorld,
  inTime,
  NO_AUTH,
  rejectsWith,
  SNAPSHOTTER,
  uniqueImage,
} from "../world/images.ts";

const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"));
Deno.test.afterAll(() => world.cleanUp());
Deno.test.afterEach(() => world.assertNothingUnderWay());

const { containerd, service, store } = world;
for (
  const [compression, docker] of [
    ["gzip", false],
    ["zstd", false],
    ["none", false],
    ["gzip", true],
    ["zstd", true],
    ["none", true],
  ] as const
) {
  const form = docker ? "Docker schema 2" : "OCI";
  Deno.test(`pull unpacks ${form} layers packed by ${compression}`, async () => {
    await using registry = new FakeRegistry();
    const image = uniqueImage({
      compression,
      docker,
      layers: [
        [{ path: "a", content: `${form} ${compression} a` }],
        [{ path: "b", content: `${form} ${compression} b` }],
      ],
    });
    registry.addImage("app:1", image);
    const stored = await world.pull(`${registry.host}/app:1`);
    const content = new TextDecoder().decode(await world.readUnpacked(stored.chainId, "b"));
    assert.equal(content, `${form} ${compression} b`);
    await world.remove(stored.id);
  });
}

Deno.test("pull labels content as containerd's own client does, and garbage collection keeps it", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage({
    layers: [[{ path: "x", content: "gc" }], [{ path: "y", content: "gc" }]],
  });
  registry.addImage("team/app:1", image);
  const index = testIndex([{ architecture: "amd64", image }]);
  registry.tag("team/app:2", index);
  const stored = await world.pull(`${registry.host}/team/app:2`);
  const labelsOf = async (digest: string) => (await containerd.content.info(digest)).labels;
  assert.equal(
    (await labelsOf(index.digest)).get("containerd.io/gc.ref.content.m.0"),
    image.manifest.digest,
  );
  const manifest = await labelsOf(image.manifest.digest);
  assert.equal(manifest.get("containerd.io/gc.ref.content.config"), image.config.digest);
  assert.equal(manifest.get("containerd.io/gc.ref.content.l.0"), image.layers[0]?.digest);
  assert.equal(manifest.get("containerd.io/gc.ref.content.l.1"), image.layers[1]?.digest);
  assert.equal(
    manifest.get(`containerd.io/distribution.source.${registry.host}`),
    "team/app",
  );
  const config = await labelsOf(image.config.digest);
  assert.equal(config.get(`containerd.io/gc.ref.snapshot.${SNAPSHOTTER}`), stored.chainId);
  const layer = await labelsOf(image.layers[0]?.digest ?? "");
  assert.equal(layer.get("containerd.io/uncompressed"), image.layers[0]?.diffId);

  await world.pull(`${registry.host}/team/app:1`);
  assert.equal(registry.count("/blobs/"), 3, "nothing is fetched twice");
  // A synchronous deletion collects garbage: what the other names need must stay.
  await containerd.images.delete(`${registry.host}/team/app:1`, { sync: true });
  await store.refresh(`${registry.host}/team/app:1`, inTime());
  assert.equal((await containerd.snapshots(SNAPSHOTTER).stat(stored.chainId)).kind, "committed");
  for (const { digest } of image.layers) await containerd.content.info(digest);
  await world.remove(stored.id);
});

Deno.test("equal pulls at the same time share one transfer and tell both their progress", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage({
    layers: Array.from({ length: 5 }, (_, i) => [{ path: `f${i}`, content: crypto.randomUUID() }]),
  });
  registry.addImage("app:1", image);
  registry.misbehave = async (_, url) => {
    if (url.pathname.includes("/blobs/")) await new Promise((resolve) => setTimeout(resolve, 150));
    return undefined;
  };
  const told: PullProgress[] = [];
  const request = { reference: `${registry.host}/app:1`, snapshotter: SNAPSHOTTER };
  const progress = (state: PullProgress) => void told.push(state);
  const results = await Promise.all([
    service.pull(request, calling()),
    service.pull(request, { signal: inTime(), progress }),
    service.pull({ ...request, auth: { ...NO_AUTH, username: "me" } }, calling()),
  ]);
  for (const { imageId } of results) assert.equal(imageId, image.config.digest);
  for (const { digest } of [...image.layers, image.config]) {
    assert.equal(registry.count(digest), 1, "each blob is fetched once");
  }
  const last = told.at(-1);
  assert.equal(last?.status, "done");
  assert.deepEqual(last.layers.map(({ status }) => status), Array(5).fill("unpacked"));
  assert(last.layers.every((it) => it.fetchedBytes === it.sizeBytes));
  await store.load(inTime());
  await world.remove(image.config.digest);
});

Deno.test("a pull whose caller's deadline passes goes on, and the next one joins it", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  registry.addImage("app:1", image);
  registry.misbehave = async (_, url) => {
    if (url.pathname.includes("/blobs/")) await new Promise((resolve) => setTimeout(resolve, 300));
    return undefined;
  };
  const reference = `${registry.host}/app:1`;
  const request = { reference, snapshotter: SNAPSHOTTER };
  const hurried = service.pull(request, calling(AbortSignal.timeout(1)));
  await rejectsWith("deadlineExceeded", /pull image .*: /, hurried);
  assert.equal((await world.pull(reference)).id, image.config.digest);
  assert.equal(registry.count("/blobs/"), 2);
  await world.remove(reference);
});

Deno.test("a pull that is cancelled ends at once and leaves nothing", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  registry.addImage("app:1", image);
  const abort = new AbortController();
  registry.misbehave = (_, url) => {
    if (url.pathname.endsWith(image.layers[0]?.digest ?? "")) {
      abort.abort(new CriError("cancelled", "enough"));
      return new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(10)) }));
    }
    return undefined;
  };
  const request = { reference: `${registry.host}/app:1`, snapshotter: SNAPSHOTTER };
  const began = performance.now();
  await rejectsWith("cancelled", /enough/, service.pull(request, calling(abort.signal)));
  assert(performance.now() - began < 2000);
  await new Promise((resolve) => setTimeout(resolve, 300));
});

/** Pulls in a process of its own that never gets the last layer. */
const PULLING = `
import { calling, imagesDeps } from "./tests/world/images.ts";
const [address, reference] = Deno.args;
const { service } = imagesDeps(address);
await service.pull({ reference, snapshotter: "overlayfs" }, calling());
`;

Deno.test("a pull that is killed leaves a lease that expires, and the next pull goes on", async () => {
  await using registry = new FakeRegistry();
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  const layers = [[{ path: "a", content: crypto.randomUUID() }], [{ path: "b", content }]];
  const image = uniqueImage({ layers, compression: "none" });
  registry.addImage("app:1", image);
  const last = image.layers[1];
  assert(last !== undefined);
  const stuck = Promise.withResolvers<void>();
  registry.misbehave = (_, url) => {
    if (!url.pathname.endsWith(last.digest)) return undefined;
    const start = (c: ReadableStreamDefaultController) => c.enqueue(last.bytes.slice(0, 30_000));
    stuck.resolve();
    return new Response(new ReadableStream({ start }));
  };
  const reference = `${registry.host}/app:1`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--ext=ts", "-", world.address, reference],
    stdin: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(PULLING));
  await writer.close();
  await stuck.promise;
  for (;; await delay(20)) {
    const keys = await Array.fromAsync(containerd.snapshots(SNAPSHOTTER).list([]));
    if (keys.filter(({ name }) => name.startsWith("extract-")).length === 1) break;
  }
  child.kill("SIGKILL");
  await child.status;
  registry.misbehave = undefined;

  const [lease, ...others] = await containerd.leases.list([]);
  assert.equal(others.length, 0);
  const expires = Date.parse(lease?.labels.get("containerd.io/gc.expire") ?? "");
  assert(expires > Date.now() && expires <= Date.now() + 24 * 60 * 60_000);
  assert.deepEqual(await containerd.images.list([]), []);

  const stored = await world.pull(reference);
  assert.deepEqual(await world.readUnpacked(stored.chainId, "b"), content);
  assert.equal(registry.count(image.layers[0]?.digest ?? "?"), 1, "the first layer was kept");
  await containerd.leases.delete(lease?.id ?? "", { sync: true });
  await world.remove(reference);
  assert.deepEqual(await Array.fromAsync(containerd.content.list([])), []);
  assert.deepEqual(await Array.fromAsync(containerd.snapshots(SNAPSHOTTER).list([])), []);
});

Deno.test("a tag that moved takes the name, and the image before keeps its digest", async () => {
  await using registry = new FakeRegistry();
  const [before, after] = [uniqueImage(), uniqueImage()];
  const reference = `${registry.host}/app:1`;
  registry.addImage("app:1", before);
  const first = await world.pull(reference);
  registry.addImage("app:1", after);
  const second = await world.pull(reference);
  assert.notEqual(second.id, first.id);
  assert.equal(store.find(reference)?.id, second.id);
  assert.deepEqual(store.find(first.id)?.repoTags, []);
  assert.deepEqual(store.find(first.id)?.repoDigests, [
    `${registry.host}/app@${before.manifest.digest}`,
  ]);
  await world.remove(first.id);
  await world.remove(second.id);
});

Deno.test("the sandbox image is stored, unpacked and pinned, again and again", async () => {
  const request = { reference: "", snapshotter: SNAPSHOTTER };
  const { imageId, names } = await service.sandboxImage(request, calling());
  assert.deepEqual(await service.sandboxImage(request, calling()), { imageId, names });
  await store.load(inTime());
  const image = store.find("cri-containerd/pause:test");
  assert.equal(image?.id, imageId);
  assert.equal(image.pinned, true);
  await world.readUnpacked(image.chainId, "pause");
  await world.remove(imageId);

  await using registry = new FakeRegistry();
  registry.addImage("pause:9", uniqueImage());
  const own = { reference: `${registry.host}/pause:9`, snapshotter: SNAPSHOTTER };
  const pulled = await service.sandboxImage(own, calling());
  const asked = registry.seen.length;
  await service.sandboxImage(own, calling());
  assert.equal(registry.seen.length, asked, "one that is there isn't pulled");
  await store.load(inTime());
  assert.equal(store.find(pulled.imageId)?.pinned, true);
  await world.remove(pulled.imageId);
});

Deno.test("ImageFsInfo sums the snapshots and names the snapshotter's folder", async () => {
  await using registry = new FakeRegistry();
  const content = "x".repeat(300_000);
  registry.addImage("big:1", uniqueImage({ layers: [[{ path: "big", content }]] }));
  const usage = new ImageUsage({
    snapshots: (name) => containerd.snapshots(name),
    snapshotters: [SNAPSHOTTER, "native", "nowhere"],
    introspection: containerd.introspection,
    statfs: (path) => Deno.statSync(path),
    fallbackPath: "/",
  });
  const usedBytes = async () => {
    await usage.measure(inTime());
    const [fs, native, ...more] = (await usage.fsInfo(inTime())).imageFilesystems;
    assert.equal(native?.usedBytes?.value, 0n);
    assert.deepEqual(more, [], "there is no third");
    assert.match(fs?.fsId?.mountpoint ?? "", /io\.containerd\.snapshotter\.v1\.overlayfs$/);
    return fs?.usedBytes?.value ?? 0n;
  };
  const before = await usedBytes();
  const image = await world.pull(`${registry.host}/big:1`);
  assert(await usedBytes() >= before + 300_000n);
  await world.remove(image.id);
  assert.equal(await usedBytes(), before);
});

Deno.test("a remote snapshotter is asked first, told of the image, and what it has isn't fetched", async () => {
  await using registry = new FakeRegistry();
  const layers = ["a", "b", "c"].map((path) => [{ path, content: crypto.randomUUID() }]);
  const image = uniqueImage({ layers });
  registry.addImage("app:1", image);
  const told: Map<string, string>[] = [];
  const real = containerd.snapshots(SNAPSHOTTER);
  const snapshots = {
    ...real,
    // The bottom layer is there as soon as somebody wants it.
    prepare: async (...[key, parent, labels = new Map(), o]: Parameters<typeof real.prepare>) => {
      told.push(labels);
      const mounts = await real.prepare(key, parent, labels, o);
      if (parent !== "") return mounts;
      await real.commit(labels.get("containerd.io/snapshot.ref") ?? "", key, labels, o);
      throw new CriError("alreadyExists", "it is remote");
    },
  };
  const remote = registryService({
    ...world.deps,
    snapshots: () => snapshots,
    isRemoteSnapshotter: () => true,
  });
  const reference = `${registry.host}/app:1`;
  await remote.pull({ reference, snapshotter: SNAPSHOTTER }, calling());
  const [bottom, ...others] = image.layers.map(({ digest }) => registry.count(digest));
  assert.equal(bottom, 0);
  assert.deepEqual(others, [1, 1]);
  assert.equal(told[0]?.get("containerd.io/snapshot/cri.image-ref"), reference);
  assert.equal(told[2]?.get("containerd.io/snapshot/cri.layer-digest"), image.layers[2]?.digest);
  await store.load(inTime());
  await world.remove(reference);
});

Deno.test("what a pull has made survives containerd's garbage collection and a look by its own tool", async () => {
  await using registry = new FakeRegistry();
  const layers = ["a", "b"].map((path) => [{ path, content: crypto.randomUUID() }]);
  const image = uniqueImage({ layers });
  registry.tag("app:1", testIndex([{ architecture: "amd64", image }]));
  registry.add(...image.layers, image.config, image.manifest);
  const reference = `${registry.host}/app:1`;
  const stored = await world.pull(reference);
  const ctr = async (...args: string[]) => {
    const options = { args: ["-a", world.address, "-n", "k8s.io", ...args] };
    const { success, stdout, stderr } = await new Deno.Command("ctr", options).output();
    const decoder = new TextDecoder();
    assert(success, decoder.decode(stderr));
    return decoder.decode(stdout);
  };
  await containerd.leases.create({ id: "collect", labels: new Map() });
  await containerd.leases.delete("collect", { sync: true });
  assert.match(await ctr("images", "check", `name==${reference}`), /complete \(3\/3\).* true/);
  await ctr("content", "prune", "references");
  await containerd.leases.create({ id: "collect", labels: new Map() });
  await containerd.leases.delete("collect", { sync: true });
  await world.readUnpacked(stored.chainId, "b");
  for (const { digest } of image.layers) {
    await assert.rejects(containerd.content.info(digest), { kind: "notFound" });
  }
  await store.load(inTime());
  assert.equal(store.find(reference)?.chainId, stored.chainId);
  const asked = registry.count("/blobs/");
  await world.pull(reference);
  assert.equal(registry.count("/blobs/"), asked, "what is unpacked isn't fetched again");
  await world.remove(reference);
  assert.deepEqual(await Array.fromAsync(containerd.content.list([])), []);
});
