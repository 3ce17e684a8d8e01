/** Artifacts: files of any kind, pulled to be mounted as volumes. */
import assert from "node:assert/strict";
import { FakeRegistry } from "../fakes/registry.ts";
import { type Blob, blob, describe } from "../fakes/test_image.ts";
import { imagesWorld, rejectsWith } from "../world/images.ts";

const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"));
Deno.test.afterAll(() => world.cleanUp());
Deno.test.afterEach(() => world.assertNothingUnderWay());

interface File {
  title?: string;
  content: string;
}

/** As `oras push` makes it. */
function addArtifact(registry: FakeRegistry, name: string, files: File[]): Blob {
  const layers = files.map(({ title, content }) => {
    const layer = blob("application/octet-stream", { content });
    registry.add(layer);
    const annotations = title === undefined ? {} : { "org.opencontainers.image.title": title };
    return { ...describe(layer), annotations };
  });
  const config = blob("application/vnd.oci.empty.v1+json", {});
  const manifest = blob("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: "application/vnd.example.model",
    config: describe(config),
    layers,
  });
  registry.tag(name, manifest);
  return manifest;
}

const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

Deno.test("an artifact's files lie under their titles, and what is there isn't fetched again", async () => {
  await using registry = new FakeRegistry();
  const long = `${"folder/".repeat(18)}weights.bin`;
  const manifest = addArtifact(registry, "models/tiny:1", [
    { title: "README.md", content: crypto.randomUUID() },
    { title: long, content: "w".repeat(3000) },
    { content: "untitled" },
  ]);
  const reference = `${registry.host}/models/tiny:1`;
  const image = await world.pull(reference);
  assert.deepEqual(image.repoTags, [reference]);
  assert.deepEqual(image.repoDigests, [`${registry.host}/models/tiny@${manifest.digest}`]);
  const found = decode(await world.readUnpacked(image.chainId, long));
  assert.deepEqual(found, { content: "w".repeat(3000) });
  await world.readUnpacked(image.chainId, "README.md");

  const asked = registry.count("/blobs/");
  assert.equal((await world.pull(reference)).id, image.id);
  assert.equal(registry.count("/blobs/"), asked);
  await world.remove(reference);
  assert.deepEqual(await Array.fromAsync(world.containerd.content.list([])), []);
});

for (
  const { title, text } of [
    { title: "../etc/passwd", text: /no path in it/ },
    { title: "/etc/passwd", text: /no path in it/ },
    { title: "a/.wh.b", text: /no path in it/ },
    { title: "x".repeat(300), text: /too long/ },
  ]
) {
  Deno.test(`an artifact with the title ${title.slice(0, 20)} is refused`, async () => {
    await using registry = new FakeRegistry();
    addArtifact(registry, "bad:1", [{ title, content: crypto.randomUUID() }]);
    await rejectsWith("failedPrecondition", text, world.pull(`${registry.host}/bad:1`));
  });
}

Deno.test("an artifact whose file isn't what the manifest says is refused", async () => {
  await using registry = new FakeRegistry();
  addArtifact(registry, "bad:2", [{ title: "a", content: "right" }]);
  registry.misbehave = (_, url) =>
    url.pathname.includes("/blobs/") ? new Response('{"content":"wrong"}') : undefined;
  await rejectsWith("failedPrecondition", /something else/, world.pull(`${registry.host}/bad:2`));
});
