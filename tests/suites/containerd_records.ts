/** The suite's tests of containerd's database: containers, images, leases, snapshots, namespaces. */
import assert from "node:assert/strict";
import type { ContainerdEvent } from "../../src/containerd/client.ts";
import type { Descriptor } from "../../src/containerd/types.ts";
import { eventually } from "../world/delay.ts";
import { all, record, rejects, type SuiteTest } from "./containerd_suite.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const target: Descriptor = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: `sha256:${"ab".repeat(32)}`,
  sizeBytes: 12n,
  annotations: new Map(),
};

export const RECORDS: Record<string, SuiteTest> = {
  "containers.create() keeps labels, extensions and spec": async ({ containerd }) => {
    const extensions = new Map([["x.y", { typeUrl: "t/1", value: bytes("one") }]]);
    const labels = new Map([["a", "1"], ["b/c", "2"]]);
    const made = await containerd.containers.create(record("rec-1", { labels, extensions }));
    const got = await containerd.containers.get("rec-1");
    assert.deepEqual(got, made);
    assert.deepEqual(got.labels, labels);
    assert.deepEqual(got.extensions, extensions);
    assert.deepEqual(got.spec, record("rec-1").spec);
    assert.ok(got.createdAtNs > 1_600_000_000_000_000_000n);
    await containerd.containers.delete("rec-1");
  },
  "containers.create() refuses a second one and a bad id": async ({ containerd }) => {
    await containerd.containers.create(record("rec-2"));
    await rejects(containerd.containers.create(record("rec-2")), "alreadyExists");
    await rejects(containerd.containers.create(record("../x")), "invalidArgument");
    await rejects(containerd.containers.create(record("")), "invalidArgument");
    await containerd.containers.delete("rec-2");
  },
  "containers.get(), update() and delete() of nothing are notFound": async ({ containerd }) => {
    await rejects(containerd.containers.get("rec-none"), "notFound");
    await rejects(containerd.containers.update({ id: "rec-none" }, ["labels"]), "notFound");
    await rejects(containerd.containers.delete("rec-none"), "notFound");
  },
  "containers.update() changes what its paths name and nothing else": async ({ containerd }) => {
    const labels = new Map([["a", "1"], ["b", "2"]]);
    await containerd.containers.create(record("rec-3", { labels, image: "i" }));
    const value = { typeUrl: "t/2", value: bytes("two") };
    const changes = { labels: new Map([["a", "9"]]), extensions: new Map([["e", value]]) };
    await containerd.containers.update({ id: "rec-3", ...changes }, ["labels.a", "extensions.e"]);
    const got = await containerd.containers.get("rec-3");
    assert.deepEqual(got.labels, new Map([["a", "9"], ["b", "2"]]));
    assert.deepEqual(got.extensions, new Map([["e", value]]));
    assert.equal(got.image, "i");
    await containerd.containers.delete("rec-3");
  },
  "containers.list() filters by label": async ({ containerd }) => {
    await containerd.containers.create(record("rec-4", { labels: new Map([["io.x/k", "v"]]) }));
    await containerd.containers.create(record("rec-5", { labels: new Map([["io.x/k", "w"]]) }));
    const found = await all(containerd.containers.list(['labels."io.x/k"==v']));
    assert.deepEqual(found.map((r) => r.id), ["rec-4"]);
    const either = ["id==rec-4", "id==rec-5"];
    assert.equal((await all(containerd.containers.list(either))).length, 2);
    for (const id of ["rec-4", "rec-5"]) await containerd.containers.delete(id);
    assert.equal((await all(containerd.containers.list(either))).length, 0);
  },
  "images records are created, changed, listed and deleted": async ({ containerd: { images } }) => {
    const name = "example.com/a:1";
    const made = await images.create({ name, labels: new Map([["l", "1"]]), target });
    assert.deepEqual(await images.get(name), made);
    await rejects(images.create({ name, labels: new Map(), target }), "alreadyExists");
    const digest = `sha256:${"cd".repeat(32)}`;
    await images.update({ name, labels: new Map(), target: { ...target, digest } }, ["target"]);
    const [listed] = await images.list([`name==${JSON.stringify(name)}`]);
    assert.equal(listed?.target.digest, digest);
    assert.deepEqual(listed?.labels, new Map([["l", "1"]]));
    await images.delete(name, { sync: true });
    await rejects(images.get(name), "notFound");
    await rejects(images.delete(name), "notFound");
  },
  "leases are created, listed and deleted": async ({ containerd: { leases } }) => {
    const made = await leases.create({
      id: "lease-1",
      labels: new Map([["who", "me"]]),
      expiresInMs: 60_000,
    });
    assert.ok(Date.parse(made.labels.get("containerd.io/gc.expire") ?? "") > Date.now());
    await rejects(leases.create({ id: "lease-1", labels: new Map() }), "alreadyExists");
    assert.deepEqual((await leases.list(["labels.who==me"])).map((l) => l.id), ["lease-1"]);
    await leases.delete("lease-1", { sync: true });
    await rejects(leases.delete("lease-1"), "notFound");
  },
  "snapshots are prepared, committed, stacked and removed in order": async ({ containerd }) => {
    const snapshots = containerd.snapshots("overlayfs");
    const root = new Map([["containerd.io/gc.root", "now"], ["k", "v"]]);
    assert.ok((await snapshots.prepare("snap-a", "", root)).length > 0);
    await rejects(snapshots.prepare("snap-a", ""), "alreadyExists");
    await rejects(snapshots.prepare("snap-x", "snap-none"), "notFound");
    await snapshots.commit("layer-a", "snap-a", root);
    await rejects(snapshots.stat("snap-a"), "notFound");
    const mounts = await snapshots.prepare("snap-b", "layer-a", root);
    assert.deepEqual(await snapshots.mounts("snap-b"), mounts);
    assert.ok((await snapshots.view("snap-v", "layer-a", root)).length > 0);
    const { parent, kind, labels } = await snapshots.stat("snap-b");
    assert.deepEqual([parent, kind, labels.get("k")], ["layer-a", "active", "v"]);
    await snapshots.setLabels("snap-b", new Map([["k", "w"]]));
    assert.equal((await snapshots.stat("snap-b")).labels.get("k"), "w");
    assert.ok((await snapshots.usage("snap-b")).sizeBytes >= 0n);
    const names = (await all(snapshots.list(["parent==layer-a"]))).map((s) => s.name);
    assert.deepEqual(names.sort(), ["snap-b", "snap-v"]);
    await rejects(snapshots.remove("layer-a"), "failedPrecondition");
    for (const key of ["snap-b", "snap-v", "layer-a"]) await snapshots.remove(key);
    await rejects(snapshots.remove("layer-a"), "notFound");
  },
  "namespaces.ensure() makes a namespace once": async ({ containerd: { namespaces } }) => {
    await namespaces.ensure("extra");
    await namespaces.ensure("extra");
    assert.equal((await namespaces.list()).filter((name) => name === "extra").length, 1);
    await namespaces.delete("extra");
  },
  "version() and introspection tell what runs": async ({ containerd }) => {
    assert.match((await containerd.version()).version, /^v?\d+\.\d+/);
    const filters = ["type==io.containerd.snapshotter.v1,id==overlayfs"];
    const plugins = await containerd.introspection.plugins(filters);
    assert.deepEqual(plugins.map((p) => [p.id, p.initError]), [["overlayfs", ""]]);
    assert.notEqual((await containerd.introspection.server()).uuid, "");
  },
  "a call with an aborted signal is cancelled, with a timeout it is late": async (s) => {
    const { containers } = s.containerd;
    await rejects(containers.get("x", { signal: AbortSignal.abort() }), "cancelled");
    const late = AbortSignal.abort(new DOMException("too late", "TimeoutError"));
    await rejects(containers.get("x", { signal: late }), "deadlineExceeded");
  },
  "events.subscribe() tells of images and containers": async ({ containerd }) => {
    const abort = new AbortController();
    const seen: ContainerdEvent[] = [];
    const filters = ['topic~="^/images/"', 'topic=="/containers/delete"'];
    const following = (async () => {
      for await (const e of containerd.events.subscribe(filters, abort.signal)) seen.push(e);
    })();
    following.catch(() => {});
    // containerd doesn't say when a subscription stands; it may be between the two.
    const image = { name: "example.com/e:1", labels: new Map(), target };
    await eventually("the events of an image", async () => {
      await containerd.images.create(image);
      await containerd.images.delete(image.name);
      return ["imageCreate", "imageDelete"].every((kind) =>
        seen.some((e) => e.kind === kind && "name" in e && e.name === image.name)
      );
    });
    await containerd.containers.create(record("rec-e"));
    await containerd.containers.delete("rec-e");
    await eventually("the end of the container", () => seen.at(-1)?.kind === "containerDelete");
    abort.abort();
    await rejects(following, "cancelled");
    const [last] = seen.slice(-1);
    assert.ok(last?.kind === "containerDelete" && last.containerId === "rec-e");
  },
};
