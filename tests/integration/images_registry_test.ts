/** Images from Debian's docker-registry into a real containerd, and what the CRI tells of them. */
import assert from "node:assert/strict";
import { toCriImage } from "../../src/images/cri_image.ts";
import { imageStatus } from "../../src/images/status.ts";
import { pushImage } from "../fakes/registry.ts";
import { busyboxFiles, testImage, testIndex } from "../fakes/test_image.ts";
import { hasDockerRegistry, startDockerRegistry } from "../world/docker_registry.ts";
import { skipUnless } from "../world/skip.ts";
import {
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

const { containerd, store } = world;
const whereRegistryIs = skipUnless(await hasDockerRegistry(), "no docker-registry here");
/** "tester" and "secret", hashed by bcrypt. */
const HTPASSWD = "tester:$2b$12$NXyybDqfvjuyUZ9SMN5eD.1qp/jQ4fl6Rw7GwxRzUrhI2mtp5C4Yy";

Deno.test({
  ...whereRegistryIs(
    "docker-registry: an image is pulled by tag, digest and index, listed, removed",
  ),
  async fn() {
    const registry = await startDockerRegistry();
    try {
      const files = await busyboxFiles();
      const config = { User: "www-data:1004", Env: ["A=b"], Labels: { maker: "test" } };
      const amd64 = testImage({ layers: [files, [{ path: "etc/motd", content: "hi" }]], config });
      const arm64 = testImage({
        layers: [[{ path: "arm", content: "64" }]],
        architecture: "arm64",
      });
      const index = testIndex([{ architecture: "arm64", image: arm64 }, {
        architecture: "amd64",
        image: amd64,
      }]);
      await pushImage(registry.origin, "test/busybox:1", { images: [amd64, arm64], target: index });
      await pushImage(registry.origin, "test/busybox:2", {
        images: [amd64],
        target: amd64.manifest,
      });

      const name = `${registry.host}/test/busybox`;
      const image = await world.pull(`${name}:1`);
      assert.equal(image.id, amd64.config.digest);
      assert.deepEqual(image.repoTags, [`${name}:1`]);
      assert.deepEqual(image.repoDigests, [`${name}@${index.digest}`]);
      assert.deepEqual(image.config.env, ["A=b"]);
      assert.equal(image.config.labels.get("maker"), "test");
      assert.deepEqual(await world.readUnpacked(image.chainId, "bin/sh"), files[0]?.content);

      const again = await world.pull(`${name}:2`);
      assert.equal(again.id, image.id);
      assert.deepEqual(again.repoTags, [`${name}:1`, `${name}:2`]);
      assert.equal(again.repoDigests.length, 2);

      const cri = store.list().map(toCriImage).find(({ id }) => id === image.id);
      assert.equal(cri?.username, "www-data");
      assert.equal(cri.uid, undefined);
      assert(cri.size > 0n);
      const deps = { store, content: containerd.content };
      const answers = await Promise.all(
        [`${name}:1`, `${name}@${index.digest}`, image.id, image.id.slice(7, 20)].map((image) =>
          imageStatus(deps, { image, verbose: true }, inTime())
        ),
      );
      for (const answer of answers) assert.deepEqual(answer, answers[0]);
      assert.match(answers[0]?.info.get("info") ?? "", /"chainID":"sha256:.*"imageSpec":\{/);

      await Promise.all(Array.from({ length: 5 }, () => world.remove(image.id)));
      const gone = await imageStatus(deps, { image: `${name}:2`, verbose: false }, inTime());
      assert.equal(gone.image, undefined);
      await assert.rejects(containerd.content.info(image.id), { kind: "notFound" });
      await assert.rejects(containerd.snapshots(SNAPSHOTTER).stat(image.chainId), {
        kind: "notFound",
      });

      const byDigest = await world.pull(`${name}@${index.digest}`);
      assert.deepEqual(byDigest.repoTags, []);
      assert.deepEqual(byDigest.repoDigests, [`${name}@${index.digest}`]);
      await world.remove(byDigest.id);

      await rejectsWith(
        "notFound",
        /does not have test\/busybox:nope .*404/,
        world.pull(`${name}:nope`),
      );
      await rejectsWith(
        "notFound",
        /does not have no\/such/,
        world.pull(`${registry.host}/no/such`),
      );
    } finally {
      await registry.cleanUp();
    }
  },
});

Deno.test({
  ...whereRegistryIs(
    "docker-registry with a password: right credentials pull, wrong and none are refused",
  ),
  async fn() {
    const registry = await startDockerRegistry({ htpasswd: HTPASSWD });
    try {
      const image = uniqueImage();
      const authorization = `Basic ${btoa("tester:secret")}`;
      const target = image.manifest;
      await pushImage(registry.origin, "app:1", { images: [image], target, authorization });
      const name = `${registry.host}/app:1`;
      const wrong = { ...NO_AUTH, username: "tester", password: "wr0ng-pass" };
      const error = await rejectsWith(
        "permissionDenied",
        /refuses access/,
        world.pull(name, { auth: wrong }),
      );
      assert(!error.text.includes("wr0ng-pass"));
      assert.match(error.remedy ?? "", /imagePullSecrets/);
      await rejectsWith("permissionDenied", /refuses access/, world.pull(name));
      const auth = { ...NO_AUTH, auth: btoa("tester:secret") };
      assert.equal((await world.pull(name, { auth })).id, image.config.digest);
      await world.remove(name);
      const other = { ...auth, serverAddress: "https://elsewhere.example" };
      await rejectsWith("permissionDenied", /refuses access/, world.pull(name, { auth: other }));
    } finally {
      await registry.cleanUp();
    }
  },
});
