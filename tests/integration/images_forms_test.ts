/** Images in the forms that registries have them in, odd and old ones too. */
import assert from "node:assert/strict";
import { imageArchitecture } from "../../src/images/platform.ts";
import { FakeRegistry } from "../fakes/registry.ts";
import { blob, describe, type TestImage } from "../fakes/test_image.ts";
import { imagesWorld, rejectsWith, uniqueImage } from "../world/images.ts";

const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const architecture = imageArchitecture();

const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"));
Deno.test.afterAll(() => world.cleanUp());
Deno.test.afterEach(() => world.assertNothingUnderWay());

interface Member {
  readonly image: TestImage;
  readonly platform: { os: string; architecture: string; variant?: string };
}

/** An index whose members stand in this order. */
function indexOf(members: readonly Member[]) {
  const manifests = members.map(({ image, platform }) => ({
    ...describe(image.manifest),
    platform,
  }));
  return blob(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
}

Deno.test("an image in Docker's schema 1 is refused before anything of it is fetched", async () => {
  await using registry = new FakeRegistry();
  const manifest = blob("application/vnd.docker.distribution.manifest.v1+prettyjws", {
    schemaVersion: 1,
    name: "old",
    tag: "1",
    architecture: "amd64",
    fsLayers: [{ blobSum: `sha256:${"a".repeat(64)}` }],
    history: [{ v1Compatibility: "{}" }],
    signatures: [],
  });
  registry.add(manifest);
  registry.tag("old:1", manifest);
  await rejectsWith(
    "failedPrecondition",
    /schema 1, given up in 2017/,
    world.pull(`${registry.host}/old:1`),
  );
  assert.equal(registry.count("/blobs/"), 0);
});

Deno.test("of an index's variants the one that every machine of this kind runs is pulled", async () => {
  await using registry = new FakeRegistry();
  const [newer, plain, other] = [uniqueImage(), uniqueImage(), uniqueImage()];
  for (const image of [newer, plain, other]) registry.addImage("app:x", image);
  const index = indexOf([
    { image: other, platform: { os: "linux", architecture: "s390x" } },
    { image: newer, platform: { os: "linux", architecture, variant: "v9" } },
    { image: plain, platform: { os: "linux", architecture } },
    { image: other, platform: { os: "windows", architecture } },
  ]);
  registry.add(index);
  registry.tag("app:1", index);
  assert.equal((await world.pull(`${registry.host}/app:1`)).id, plain.config.digest);
});

Deno.test("an index in an index leads to the image, and one nested too deep is refused", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  registry.addImage("app:x", image);
  const platform = { os: "linux", architecture };
  let index = indexOf([{ image, platform }]);
  registry.add(index);
  for (let depth = 2; depth <= 4; depth++) {
    const manifests = [{ ...describe(index), platform }];
    index = blob(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    registry.add(index);
    registry.tag(`app:${depth}`, index);
  }
  const { host } = registry;
  assert.equal((await world.pull(`${host}/app:3`)).id, image.config.digest);
  await rejectsWith("failedPrecondition", /nest too deep/, world.pull(`${host}/app:4`));
});

Deno.test("a foreign layer comes from the registry, and its manifest sends us nowhere else", async () => {
  await using registry = new FakeRegistry();
  await using elsewhere = new FakeRegistry({ hostname: "127.0.0.2" });
  const image = uniqueImage();
  registry.addImage("app:x", image);
  const urls = [`${elsewhere.origin}/layer.tar.gz`];
  const mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
  const manifest = blob(OCI_MANIFEST, {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: describe(image.config),
    layers: image.layers.map((layer) => ({ ...describe(layer), mediaType, urls })),
  });
  registry.add(manifest);
  registry.tag("app:1", manifest);
  assert.equal((await world.pull(`${registry.host}/app:1`)).id, image.config.digest);
  assert.deepEqual(elsewhere.seen, []);
});
