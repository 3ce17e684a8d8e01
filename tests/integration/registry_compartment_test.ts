/** The registry compartment as a Worker with the permissions that the supervisor gives it. */
import assert from "node:assert/strict";
import { imagePuller, sandboxImages } from "../../src/images/puller.ts";
import { FakeRegistry } from "../fakes/registry.ts";
import { startRegistryCompartment } from "../world/registry_compartment.ts";
import { imagesWorld, inTime, SNAPSHOTTER, uniqueImage } from "../world/images.ts";

const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"));
Deno.test.afterAll(() => world.cleanUp());

Deno.test("registry compartment: pulls, makes the built-in sandbox image, opens no other file", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  registry.addImage("app:1", image);
  const compartment = await startRegistryCompartment(world.address, {
    import_dir: `${world.dir}/import`,
  });
  try {
    const { remote } = compartment;
    const puller = imagePuller({ registry: remote, store: world.store });
    const told: string[] = [];
    const request = { reference: `${registry.host}/app:1`, snapshotter: SNAPSHOTTER };
    const { imageId } = await puller.pull(request, inTime(), ({ status }) => told.push(status));
    assert.equal(imageId, image.config.digest);
    assert.equal(world.store.find(imageId)?.id, imageId);
    assert.equal(told.at(-1), "done");
    await assert.rejects(puller.pull(request, AbortSignal.timeout(1)), {
      kind: "deadlineExceeded",
    });
    await assert.rejects(puller.pull({ ...request, reference: "A b" }, inTime()), {
      kind: "invalidArgument",
    });

    const sandbox = sandboxImages(
      { registry: remote, store: world.store },
      { reference: "", snapshotter: SNAPSHOTTER },
    );
    const [one, two] = await Promise.all([sandbox(inTime()), sandbox(inTime())]);
    assert.equal(one, two);
    assert.equal(one.pinned, true);
    assert.equal(one.repoTags.length, 1);

    const forbidden = { path: "/etc/shadow", snapshotter: SNAPSHOTTER };
    await assert.rejects(remote.importArchive(forbidden), /Cannot open \/etc\/shadow/);
  } finally {
    compartment.stop();
  }
});
