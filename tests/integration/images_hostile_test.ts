/** Registries that misbehave, and what must never reach them. */
import assert from "node:assert/strict";
import type { Source } from "../../src/containerd/content.ts";
import { registryService } from "../../src/images/serve.ts";
import { failure, FakeRegistry } from "../fakes/registry.ts";
import { blob, sha256, testIndex } from "../fakes/test_image.ts";
import { delay } from "../world/delay.ts";
import { collectGarbage } from "../world/garbage.ts";
import {
  calling,
  HURRIED,
  imagesWorld,
  inTime,
  NO_AUTH,
  rejectsWith,
  SNAPSHOTTER,
  uniqueImage,
} from "../world/images.ts";

const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"), {
  timing: HURRIED,
  maxImageBytes: 100_000_000n,
  unpackLimit: { maxBytes: 100_000_000n, everyMs: 20 },
});
Deno.test.afterAll(() => world.cleanUp());
Deno.test.afterEach(() => world.assertNothingUnderWay());

const { containerd, store } = world;

Deno.test("a bearer token is got with the password and sent to its registry alone", async () => {
  const user = { username: "tester", password: "secret" };
  await using registry = new FakeRegistry({ bearer: user });
  await using storage = new FakeRegistry({ hostname: "127.0.0.2" });
  const image = uniqueImage();
  registry.addImage("app:1", image);
  storage.addImage("app:1", image);
  registry.misbehave = (request, url) => {
    if (!url.pathname.includes("/blobs/")) return undefined;
    if (request.headers.get("authorization") === null) return undefined;
    const location = `${storage.origin}${url.pathname}?X-Signature=very-secret`;
    return new Response(null, { status: 307, headers: { location } });
  };
  const reference = `${registry.host}/app:1`;
  await rejectsWith("permissionDenied", /token/, world.pull(reference));
  const stored = await world.pull(reference, { auth: { ...NO_AUTH, ...user } });
  assert.equal(stored.id, image.config.digest);
  assert(storage.seen.length >= 2);
  for (const { authorization } of storage.seen) assert.equal(authorization, null);
  await world.remove(reference);
  await containerd.content.info(image.config.digest).then(() => assert.fail(), () => {});

  storage.misbehave = () => failure(403, "EXPIRED");
  const error = await rejectsWith(
    "permissionDenied",
    /EXPIRED/,
    world.pull(reference, { auth: { ...NO_AUTH, ...user } }),
  );
  assert(!JSON.stringify([error.text, String(error.cause), error.stack]).includes("very-secret"));
});

Deno.test("a redirect's target can't get credentials by a challenge of its own", async () => {
  const user = { username: "tester", password: "secret" };
  await using registry = new FakeRegistry({ basic: user });
  await using thief = new FakeRegistry({ hostname: "127.0.0.2" });
  thief.misbehave = () => failure(401, "GIVE", { "www-authenticate": 'Basic realm="x"' });
  registry.addImage("app:1", uniqueImage());
  registry.misbehave = (_, url) => {
    const location = `${thief.origin}${url.pathname}`;
    return url.pathname.includes("/blobs/")
      ? new Response(null, { status: 302, headers: { location } })
      : undefined;
  };
  const auth = { ...NO_AUTH, ...user };
  await rejectsWith("permissionDenied", /GIVE/, world.pull(`${registry.host}/app:1`, { auth }));
  assert(thief.seen.length > 0);
  for (const { authorization } of thief.seen) assert.equal(authorization, null);
});

Deno.test("redirects and token servers off this machine must be HTTPS", async () => {
  await using registry = new FakeRegistry();
  const reference = `${registry.host}/app:1`;
  registry.misbehave = () =>
    new Response(null, { status: 302, headers: { location: "http://192.0.2.1/latest?key=abc" } });
  const error = await rejectsWith("failedPrecondition", /not HTTPS/, world.pull(reference));
  assert(!error.text.includes("key=abc"));
  registry.misbehave = () =>
    failure(401, "NO", { "www-authenticate": 'Bearer realm="http://192.0.2.1/token"' });
  await rejectsWith("failedPrecondition", /not HTTPS/, world.pull(reference));
});

const HOSTILE: {
  name: string;
  kind: string;
  text: RegExp;
  misbehave: (request: Request, url: URL) => Response | undefined;
}[] = [
  {
    name: "answers 401 for ever",
    kind: "permissionDenied",
    text: /refuses access/,
    misbehave: () => failure(401, "NO", { "www-authenticate": 'Basic realm="x"' }),
  },
  {
    name: "redirects in a circle",
    kind: "failedPrecondition",
    text: /one too many/,
    misbehave: (_, url) => new Response(null, { status: 302, headers: { location: url.href } }),
  },
  {
    name: "answers 500 for ever",
    kind: "unavailable",
    text: /^RegistryUnavailable: Cannot pull image .*HTTP 500/,
    misbehave: () => failure(500, "OOPS"),
  },
  {
    name: "answers 429 for ever",
    kind: "resourceExhausted",
    text: /limits how often/,
    misbehave: () => failure(429, "TOOMANYREQUESTS"),
  },
  {
    name: "sends an endless manifest",
    kind: "failedPrecondition",
    text: /more than 8388608 bytes/,
    misbehave: (request, url) =>
      url.pathname.includes("/manifests/")
        ? endless(request, "application/vnd.oci.image.manifest.v1+json")
        : undefined,
  },
  {
    name: "sends endless blobs",
    kind: "failedPrecondition",
    text: /more than the \d+ bytes/,
    misbehave: (request, url) =>
      url.pathname.includes("/blobs/") ? endless(request, "application/octet-stream") : undefined,
  },
  {
    name: "sends blobs of other bytes",
    kind: "failedPrecondition",
    text: /digest/,
    misbehave: (_, url) => url.pathname.includes("/blobs/") ? wrongBytes(url) : undefined,
  },
  {
    name: "ends blobs too early",
    kind: "unavailable",
    text: /^RegistryUnavailable.*ended .* after 5 of/,
    misbehave: (_, url) => url.pathname.includes("/blobs/") ? new Response("short") : undefined,
  },
  {
    name: "stops in the middle of a blob",
    kind: "unavailable",
    text: /^RegistryUnavailable.*only \d+ bytes/,
    misbehave: (_, url) =>
      url.pathname.includes("/blobs/")
        ? new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(8)) }))
        : undefined,
  },
  {
    name: "serves Docker's schema 1",
    kind: "failedPrecondition",
    text: /schema 1/,
    misbehave: () =>
      Response.json({ schemaVersion: 1, fsLayers: [] }, {
        headers: { "content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws" },
      }),
  },
  {
    name: "serves a web page",
    kind: "failedPrecondition",
    text: /not a container image/,
    misbehave: () => new Response("<html>", { headers: { "content-type": "text/html" } }),
  },
];

function endless(request: Request, type: string): Response {
  const body = request.method === "HEAD" ? null : new ReadableStream({
    pull: (c) => c.enqueue(new Uint8Array(64 * 1024)),
  });
  return new Response(body, { headers: { "content-type": type } });
}

const sizes = new Map<string, number>();
function wrongBytes(url: URL): Response {
  return new Response(new Uint8Array(sizes.get(url.pathname.split("/").at(-1) ?? "") ?? 1));
}

for (const { name, kind, text, misbehave } of HOSTILE) {
  Deno.test(`pull fails clearly and leaves nothing when a registry ${name}`, async () => {
    await using registry = new FakeRegistry({ misbehave });
    const image = uniqueImage();
    for (const { digest, bytes } of [...image.layers, image.config]) {
      sizes.set(digest, bytes.length);
    }
    registry.addImage("app:1", image);
    await rejectsWith(kind, text, world.pull(`${registry.host}/app:1`));
    assert.equal(store.find(`${registry.host}/app:1`), undefined);
  });
}

Deno.test("a transfer that stands still is given up although what began it was collected", async () => {
  await using registry = new FakeRegistry();
  registry.addImage("app:1", uniqueImage());
  registry.misbehave = (_, url) => {
    if (!url.pathname.includes("/blobs/")) return undefined;
    for (const ms of [50, 100, 150]) setTimeout(collectGarbage, ms);
    return new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(8)) }));
  };
  await rejectsWith("unavailable", /only \d+ bytes/, world.pull(`${registry.host}/app:1`));
});

Deno.test("a blob whose transfer breaks goes on where it was", async () => {
  await using registry = new FakeRegistry();
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  const image = uniqueImage({ layers: [[{ path: "big", content }]], compression: "none" });
  const layer = image.layers[0];
  assert(layer !== undefined);
  registry.addImage("app:1", image);
  let broken = 0;
  registry.misbehave = (request, url) => {
    if (!url.pathname.endsWith(layer.digest) || broken++ > 0) return undefined;
    assert.equal(request.headers.get("range"), null);
    return new Response(layer.bytes.slice(0, 20_000));
  };
  const stored = await world.pull(`${registry.host}/app:1`);
  assert.deepEqual(await world.readUnpacked(stored.chainId, "big"), content);
  assert.equal(registry.seen.filter(({ range }) => range === "bytes=20000-").length, 1);
  await world.remove(stored.id);
});

Deno.test("an unreachable registry is RegistryUnavailable, and its text has no URL", async () => {
  const error = await rejectsWith(
    "unavailable",
    /^RegistryUnavailable: Cannot pull image 127\.0\.0\.1:9\/app:latest: /,
    world.pull("127.0.0.1:9/app"),
  );
  assert(!error.text.includes("http://"));
});

Deno.test("pull refuses an image whose layers don't match its configuration", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  const other = uniqueImage();
  registry.add(...image.layers, other.config);
  const manifest = blob(image.manifest.mediaType, {
    ...JSON.parse(new TextDecoder().decode(image.manifest.bytes)),
    config: {
      mediaType: other.config.mediaType,
      digest: other.config.digest,
      size: other.config.bytes.length,
    },
  });
  registry.tag("app:1", manifest);
  await rejectsWith("failedPrecondition", /unpacks to/, world.pull(`${registry.host}/app:1`));
});

Deno.test("pull refuses an image for other machines, and says for which", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage({ architecture: "s390x" });
  registry.addImage("app:1", image);
  registry.tag("app:2", testIndex([{ architecture: "s390x", image }]));
  const text = /linux\/s390x/;
  await rejectsWith("failedPrecondition", text, world.pull(`${registry.host}/app:1`));
  await rejectsWith("failedPrecondition", text, world.pull(`${registry.host}/app:2`));
});

Deno.test("a layer that unpacks without end is given up, and takes no place afterwards", async () => {
  await using registry = new FakeRegistry();
  const bomb = { path: "zeros", content: new Uint8Array(600_000_000) };
  const image = uniqueImage({ layers: [[bomb]], compression: "gzip" });
  registry.addImage("bomb:1", image);
  assert((image.layers[0]?.bytes.length ?? 0) < 10_000_000);
  await rejectsWith("failedPrecondition", /unpacks to more/, world.pull(`${registry.host}/bomb:1`));
  assert.deepEqual(await Array.fromAsync(containerd.snapshots(SNAPSHOTTER).list([])), []);
});

Deno.test("an image that says to be larger than allowed is refused before anything is fetched", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  const manifest = JSON.parse(new TextDecoder().decode(image.manifest.bytes));
  manifest.layers[0].size = 200_000_000;
  registry.addImage("large:1", { ...image, manifest: blob(image.manifest.mediaType, manifest) });
  const text = /200000000 bytes of layers, and 100000000 are allowed/;
  await rejectsWith("failedPrecondition", text, world.pull(`${registry.host}/large:1`));
  assert.equal(registry.count("/blobs/"), 0);
});

Deno.test("a layer that is cut off is told from one that is there", async () => {
  await using registry = new FakeRegistry();
  const content = crypto.getRandomValues(new Uint8Array(40_000));
  const whole = uniqueImage({ layers: [[{ path: "a", content }]], compression: "gzip" });
  const [layer] = whole.layers;
  assert(layer !== undefined);
  const bytes = layer.bytes.slice(0, 20_000);
  // The registry is honest about what it has: a broken archive with a good digest.
  const cut = { ...layer, bytes, digest: sha256(bytes) };
  const manifest = JSON.parse(new TextDecoder().decode(whole.manifest.bytes));
  Object.assign(manifest.layers[0], { digest: cut.digest, size: bytes.length });
  const image = { ...whole, layers: [cut], manifest: blob(whole.manifest.mediaType, manifest) };
  registry.addImage("cut:1", image);
  const error = await rejectsWith(
    "internal",
    /unexpected EOF/,
    world.pull(`${registry.host}/cut:1`),
  );
  assert.match(error.message, /^Cannot pull image .*unpack layer/);
});

for (const path of ["../../../../escaped", "/escaped", "a/../../../../escaped"]) {
  Deno.test(`an entry ${path} of a layer stays within the image`, async () => {
    await using registry = new FakeRegistry();
    registry.addImage("escape:1", uniqueImage({ layers: [[{ path, content: "out" }]] }));
    const outside = [
      `${world.dir}/escaped`,
      `${world.dir}/root/escaped`,
      "/escaped",
      "/tmp/escaped",
    ];
    const image = await world.pull(`${registry.host}/escape:1`);
    for (const file of outside) await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
    await world.readUnpacked(image.chainId, "escaped");
    await world.remove(image.id);
  });
}

Deno.test("time that storing and unpacking take is not held against the registry", async () => {
  await using registry = new FakeRegistry();
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  registry.addImage("slow:1", uniqueImage({ layers: [[{ path: "a", content }]] }));
  const slowly = (source: Source) =>
    async function* (offset: bigint): AsyncGenerator<Uint8Array> {
      for await (const piece of typeof source === "function" ? source(offset) : source) {
        yield piece;
        await delay(HURRIED.stallMs * 1.5);
      }
    };
  const service = registryService({
    ...world.deps,
    content: {
      ...containerd.content,
      write: (blob, source, o) => containerd.content.write(blob, slowly(source), o),
    },
    diff: {
      apply: async (...args) => {
        await delay(HURRIED.stallMs * 1.5);
        return await containerd.diff.apply(...args);
      },
    },
  });
  const reference = `${registry.host}/slow:1`;
  await service.pull({ reference, snapshotter: SNAPSHOTTER }, calling());
  assert.equal(registry.count("/blobs/"), 2, "nothing was broken off and asked for again");
  await store.load(inTime());
  await world.remove(reference);
});
