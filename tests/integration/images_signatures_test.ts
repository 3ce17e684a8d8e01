/** Signed images: what cosign puts into a registry, and what the policy makes of it. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { FakeRegistry } from "../fakes/registry.ts";
import { blob, describe, type TestImage, testIndex } from "../fakes/test_image.ts";
import { imagesWorld, rejectsWith, uniqueImage } from "../world/images.ts";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"), {
  signatures: ({ path }) =>
    Promise.resolve(
      path.startsWith("free/") ? undefined : { name: "registry.example", keys: [publicKey] },
    ),
});
Deno.test.afterAll(() => world.cleanUp());
Deno.test.afterEach(() => world.assertNothingUnderWay());

/** As `cosign sign --key` leaves it: the statement is a layer, its signature an annotation of it. */
function addSignature(
  registry: FakeRegistry,
  name: string,
  { digest, key, about = digest }: { digest: string; key: KeyObject; about?: string },
): void {
  const critical = {
    type: "cosign container image signature",
    identity: { "docker-reference": "registry.example/app" },
    image: { "docker-manifest-digest": about },
  };
  const statement = blob("application/vnd.dev.cosign.simplesigning.v1+json", { critical });
  const signature = new Uint8Array(sign("sha256", statement.bytes, key)).toBase64();
  const config = blob("application/vnd.oci.image.config.v1+json", {});
  const annotations = { "dev.cosignproject.cosign/signature": signature };
  registry.add(statement, config);
  const manifest = blob("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: describe(config),
    layers: [{ ...describe(statement), annotations }],
  });
  registry.tag(`${name}:${digest.replace(":", "-")}.sig`, manifest);
}

Deno.test("an image is pulled when its manifest or its index is signed", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  registry.addImage("app:1", image);
  const index = testIndex([{ architecture: "amd64", image }]);
  registry.tag("app:2", index);
  addSignature(registry, "app", { digest: index.digest, key: privateKey });
  await world.pull(`${registry.host}/app:2`);
  await world.remove(`${registry.host}/app:2`);
  addSignature(registry, "app", { digest: image.manifest.digest, key: privateKey });
  await world.pull(`${registry.host}/app:1`);
  await world.remove(`${registry.host}/app:1`);
});

const REFUSED: {
  name: string;
  text: RegExp;
  prepare(registry: FakeRegistry, image: TestImage): void;
}[] = [
  { name: "not signed", text: /has no signature in its registry/, prepare: () => {} },
  {
    name: "signed by a stranger",
    text: /none of the 1 signatures of .* is by its keys/,
    prepare: (registry, { manifest: { digest } }) => {
      const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
      addSignature(registry, "app", { digest, key });
    },
  },
  {
    name: "shown with the signature of another image",
    text: /none of the 1 signatures/,
    prepare: (registry, { manifest: { digest } }) => {
      const about = uniqueImage().manifest.digest;
      addSignature(registry, "app", { digest, key: privateKey, about });
    },
  },
];

for (const { name, text, prepare } of REFUSED) {
  Deno.test(`an image that is ${name} is refused before its layers are fetched`, async () => {
    await using registry = new FakeRegistry();
    const image = uniqueImage();
    registry.addImage("app:1", image);
    prepare(registry, image);
    const error = await rejectsWith(
      "failedPrecondition",
      /^SignatureValidationFailed: Cannot pull image /,
      world.pull(`${registry.host}/app:1`),
    );
    assert.match(error.message, text);
    for (const { digest } of image.layers) assert.equal(registry.count(digest), 0);
  });
}

Deno.test("images that no rule fits need no signature", async () => {
  await using registry = new FakeRegistry();
  registry.addImage("free/app:1", uniqueImage());
  await world.pull(`${registry.host}/free/app:1`);
  await world.remove(`${registry.host}/free/app:1`);
});
