/** Pulls whose content containerd 2 fetches by itself. */
import assert from "node:assert/strict";
import { CriError } from "../../src/base/errors.ts";
import type { Transfers } from "../../src/containerd/transfers.ts";
import { hostsIn } from "../../src/registry/hosts_folder.ts";
import { FakeRegistry } from "../fakes/registry.ts";
import { blob, describe } from "../fakes/test_image.ts";
import {
  calling,
  HURRIED,
  type ImagesWorld,
  imagesWorld,
  NO_AUTH,
  rejectsWith,
  SNAPSHOTTER,
  uniqueImage,
} from "../world/images.ts";
import { eventually } from "../world/delay.ts";
import { skipUnless } from "../world/skip.ts";

const BINARY = new URL("../../.tools/containerd-2.3/containerd", import.meta.url).pathname;
const isBuilt = await Deno.stat(BINARY).then(() => true, () => false);
const whereItIs = skipUnless(isBuilt, "containerd 2.3 is not built: ./dev tools containerd");

interface TransferWorld extends AsyncDisposable {
  readonly world: ImagesWorld;
  readonly hostsFolder: string;
  /** How the fetches by containerd ended: undefined is well. */
  readonly ends: (CriError | undefined)[];
}

async function transferWorld(): Promise<TransferWorld> {
  const hostsFolder = await Deno.makeTempDir({ prefix: "images-hosts-" });
  const ends: (CriError | undefined)[] = [];
  const transfers: Transfers = {
    isOffered: (o) => world.containerd.transfers.isOffered(o),
    fetch: async (request, stallMs, o) => {
      try {
        await world.containerd.transfers.fetch(request, stallMs, o);
        ends.push(undefined);
      } catch (error) {
        assert.ok(error instanceof CriError);
        ends.push(error);
        throw error;
      }
    },
  };
  const world: ImagesWorld = await imagesWorld(BINARY, {
    timing: HURRIED,
    hosts: hostsIn(hostsFolder),
    handOver: { transfers, hostsFolder },
  });
  return {
    world,
    hostsFolder,
    ends,
    [Symbol.asyncDispose]: async () => {
      await world.assertNothingUnderWay();
      await world.cleanUp();
      await Deno.remove(hostsFolder, { recursive: true });
    },
  };
}

/** Whether a request came from containerd's own client. */
function countOf(registry: FakeRegistry, text: string, isOurs: boolean): number {
  return registry.seen.filter(({ path, userAgent }) =>
    path.includes(text) && userAgent.startsWith("containerd/") !== isOurs
  ).length;
}

Deno.test(whereItIs("layers are fetched by containerd and by nobody else"), async () => {
  await using it = await transferWorld();
  await using registry = new FakeRegistry();
  const layers = ["one", "two", "three", "four"].map((path) => [{ path, content: path }]);
  const image = uniqueImage({ layers });
  registry.addImage("app:1", image);
  const stored = await it.world.pull(`${registry.host}/app:1`);
  assert.equal(stored.id, image.config.digest);
  for (const { digest } of image.layers) {
    assert.equal(countOf(registry, digest, true), 0);
    assert.equal(countOf(registry, digest, false), 1);
  }
  // Nothing is recorded but what we record ourselves.
  const names = (await it.world.containerd.images.list([])).map(({ name }) => name).sort();
  assert.deepEqual(
    names,
    [
      `${registry.host}/app:1`,
      `${registry.host}/app@${image.manifest.digest}`,
      image.config.digest,
    ].sort(),
  );
});

Deno.test(
  whereItIs("containerd gets the password for its registry, and for no other"),
  async () => {
    await using it = await transferWorld();
    const user = { username: "tester", password: "secret" };
    await using registry = new FakeRegistry({ basic: user });
    const image = uniqueImage();
    registry.addImage("app:1", image);
    const auth = { ...NO_AUTH, ...user };
    const stored = await it.world.pull(`${registry.host}/app:1`, { auth });
    assert.equal(stored.id, image.config.digest);
    assert.deepEqual(it.ends, [undefined]);
    const [layer] = image.layers;
    assert.ok(countOf(registry, layer?.digest ?? "", false) > 0);
  },
);

Deno.test(whereItIs("containerd goes by the same folder of hosts"), async () => {
  await using it = await transferWorld();
  await using registry = new FakeRegistry();
  await using mirror = new FakeRegistry({ hostname: "127.0.0.2" });
  const image = uniqueImage();
  registry.addImage("app:1", image);
  mirror.addImage("app:1", image);
  const folder = `${it.hostsFolder}/${registry.host}`;
  await Deno.mkdir(folder);
  await Deno.writeTextFile(
    `${folder}/hosts.toml`,
    `server = "${registry.origin}"\n[host."${mirror.origin}"]\ncapabilities = ["pull", "resolve"]\n`,
  );
  await it.world.pull(`${registry.host}/app:1`);
  const [layer] = image.layers;
  assert.ok(countOf(mirror, layer?.digest ?? "", false) > 0);
  assert.equal(countOf(registry, layer?.digest ?? "", false), 0);
});

Deno.test(
  whereItIs("what containerd can't get is fetched here, and fails in our words"),
  async () => {
    await using it = await transferWorld();
    await using registry = new FakeRegistry();
    registry.misbehave = (request) => {
      const isTheirs = request.headers.get("user-agent")?.startsWith("containerd/") === true;
      return isTheirs ? new Response("not for you", { status: 403 }) : undefined;
    };
    const image = uniqueImage();
    registry.addImage("app:1", image);
    assert.equal((await it.world.pull(`${registry.host}/app:1`)).id, image.config.digest);
    assert.match(it.ends[0]?.message ?? "", /403/);

    const broken = uniqueImage();
    const [layer = blob("", "")] = broken.layers;
    registry.addImage("app:2", broken);
    registry.add({ ...layer, bytes: new Uint8Array(layer.bytes.length) });
    registry.misbehave = undefined;
    await rejectsWith(
      "failedPrecondition",
      new RegExp(`Cannot pull image .*app:2: .*${describe(layer).digest}`),
      it.world.pull(`${registry.host}/app:2`),
    );
  },
);

Deno.test(whereItIs("a fetch by containerd that stands still is given up"), async () => {
  await using it = await transferWorld();
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  const [layer] = image.layers;
  registry.addImage("app:1", image);
  registry.misbehave = (request, url) => {
    const isTheirs = request.headers.get("user-agent")?.startsWith("containerd/") === true;
    if (!isTheirs || !url.pathname.includes(layer?.digest ?? "")) return undefined;
    return new Response(new ReadableStream({ pull: () => new Promise(() => {}) }));
  };
  assert.equal((await it.world.pull(`${registry.host}/app:1`)).id, image.config.digest);
  assert.equal(it.ends[0]?.kind, "deadlineExceeded");
});

Deno.test(whereItIs("a pull that is cancelled ends what containerd fetches"), async () => {
  await using it = await transferWorld();
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  const [layer] = image.layers;
  registry.addImage("app:1", image);
  const asked = Promise.withResolvers<void>();
  registry.misbehave = (_request, url) => {
    if (!url.pathname.includes(layer?.digest ?? "")) return undefined;
    asked.resolve();
    return new Response(new ReadableStream({ pull: () => new Promise(() => {}) }));
  };
  const leave = new AbortController();
  const reference = `${registry.host}/app:1`;
  const pull = it.world.service.pull(
    { reference, snapshotter: SNAPSHOTTER, auth: NO_AUTH },
    calling(leave.signal),
  );
  await asked.promise;
  leave.abort();
  await assert.rejects(pull);
  await eventually("the fetch's end", () => it.ends.length === 1);
  await eventually("nothing to be under way", () => {
    return it.world.assertNothingUnderWay().then(() => true, () => false);
  });
});

Deno.test(whereItIs("a token that is sent as it is stays with us"), async () => {
  await using it = await transferWorld();
  await using registry = new FakeRegistry();
  const image = uniqueImage();
  registry.addImage("app:1", image);
  const auth = { ...NO_AUTH, registryToken: "a token" };
  assert.equal((await it.world.pull(`${registry.host}/app:1`, { auth })).id, image.config.digest);
  assert.deepEqual(it.ends, []);
});
