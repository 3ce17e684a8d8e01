/** The registry compartment as a Worker with the permissions that the supervisor gives it. */
import assert from "node:assert/strict";
import { callChannel } from "../../src/compartments/channel.ts";
import type { CompartmentMessage } from "../../src/compartments/start.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { imagePuller, sandboxImages } from "../../src/images/puller.ts";
import type { RegistryService } from "../../src/images/service.ts";
import { computePermissions, workerPermissions } from "../../src/supervisor/permissions.ts";
import { FakeRegistry } from "../fakes/registry.ts";
import { imagesWorld, inTime, SNAPSHOTTER, uniqueImage } from "../world/images.ts";

const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"));
Deno.test.afterAll(() => world.cleanUp());

Deno.test("registry compartment: pulls, makes the built-in sandbox image, opens no other file", async () => {
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  registry.addImage("app:1", image);
  const base = defaultConfig();
  const containerd = { ...base.containerd, address: world.address };
  const importDir = `${world.dir}/import`;
  const config = { ...base, containerd, images: { ...base.images, import_dir: importDir } };
  const worker = new Worker(new URL("../../src/compartments/registry.ts", import.meta.url), {
    type: "module",
    deno: { permissions: workerPermissions(computePermissions(config, []).registry) },
  });
  const { port1, port2 } = new MessageChannel();
  try {
    const log = { level: "error" as const, format: "text" as const };
    worker.postMessage({ kind: "start", config, ports: { server: port2 }, log }, [port2]);
    const { promise, resolve } = Promise.withResolvers<CompartmentMessage>();
    worker.onmessage = ({ data }) => resolve(data);
    assert.deepEqual(await promise, { kind: "ready" });

    const remote = callChannel<RegistryService>(port1, "registry");
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
    port1.close();
    worker.terminate();
  }
});
