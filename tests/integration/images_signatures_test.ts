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
) {
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
  return manifest;
}

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIGN = "https://sigstore.dev/cosign/sign/v1";

/** As cosign 3 leaves it: a bundle with an in-toto statement, in a manifest that refers to the image. */
function bundleOf(
  registry: FakeRegistry,
  { about, key, predicateType = SIGN }: { about: string; key: KeyObject; predicateType?: string },
) {
  const type = "application/vnd.in-toto+json";
  const [algorithm = "", hex = ""] = about.split(":");
  const subject = [{ digest: { [algorithm]: hex } }];
  const payload = JSON.stringify({
    _type: "https://in-toto.io/Statement/v1",
    subject,
    predicateType,
  });
  const signed = new TextEncoder().encode(
    `DSSEv1 ${type.length} ${type} ${payload.length} ${payload}`,
  );
  const sig = new Uint8Array(sign("sha256", signed, key)).toBase64();
  const dsseEnvelope = { payload: btoa(payload), payloadType: type, signatures: [{ sig }] };
  const bundle = blob(BUNDLE, { mediaType: BUNDLE, dsseEnvelope });
  const config = blob("application/vnd.oci.empty.v1+json", {});
  registry.add(bundle, config);
  return blob("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: BUNDLE,
    config: describe(config),
    layers: [describe(bundle)],
  });
}

Deno.test("an image is pulled when a bundle that refers to it is signed, found by question or by tag", async () => {
  await using registry = new FakeRegistry();
  const [first, second] = [uniqueImage(), uniqueImage()];
  registry.addImage("app:1", first);
  registry.addImage("app:2", second);
  const { digest } = first.manifest;
  registry.refer(digest, bundleOf(registry, { about: digest, key: privateKey }), BUNDLE);
  await world.pull(`${registry.host}/app:1`);
  await world.remove(`${registry.host}/app:1`);

  const other = second.manifest.digest;
  const bundle = bundleOf(registry, { about: other, key: privateKey });
  registry.add(bundle);
  const index = {
    schemaVersion: 2,
    manifests: [{ ...describe(bundle), artifactType: BUNDLE }],
  };
  registry.tag(
    `app:${other.replace(":", "-")}`,
    blob("application/vnd.oci.image.index.v1+json", index),
  );
  await world.pull(`${registry.host}/app:2`);
  await world.remove(`${registry.host}/app:2`);
});

Deno.test("an image is pulled when the older statement refers to it", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  const { digest } = image.manifest;
  registry.addImage("app:1", image);
  const manifest = addSignature(registry, "elsewhere", { digest, key: privateKey });
  registry.refer(digest, manifest, "application/vnd.dev.cosign.artifact.sig.v1+json");
  await world.pull(`${registry.host}/app:1`);
  await world.remove(`${registry.host}/app:1`);
});

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
  {
    name: "shown with a stranger's bundle",
    text: /none of the 1 signatures/,
    prepare: (registry, { manifest: { digest } }) => {
      const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
      registry.refer(digest, bundleOf(registry, { about: digest, key }), BUNDLE);
    },
  },
  {
    name: "shown with the bundle of another image",
    text: /none of the 0 signatures/,
    prepare: (registry, { manifest: { digest } }) => {
      const about = uniqueImage().manifest.digest;
      registry.refer(digest, bundleOf(registry, { about, key: privateKey }), BUNDLE);
    },
  },
  {
    name: "shown with a bundle that lists its parts and approves nothing",
    text: /none of the 0 signatures/,
    prepare: (registry, { manifest: { digest } }) => {
      const predicateType = "https://spdx.dev/Document";
      const bundle = bundleOf(registry, { about: digest, key: privateKey, predicateType });
      registry.refer(digest, bundle, BUNDLE);
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
