/** The folder of image archives, followed by the registry compartment with its own rights. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { archiveOf } from "../fakes/test_image.ts";
import { eventually } from "../world/delay.ts";
import { imagesWorld, inTime, uniqueImage } from "../world/images.ts";
import { startRegistryCompartment } from "../world/registry_compartment.ts";

const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"));
Deno.test.afterAll(() => world.cleanUp());

const { containerd, store } = world;
const folder = `${world.dir}/archives`;
await Deno.mkdir(folder);
const start = () => startRegistryCompartment(world.address, { import_dir: folder });

async function find(name: string) {
  await store.load(inTime());
  return store.find(name);
}

async function appears(name: string): Promise<void> {
  await eventually(`image ${name}`, () => find(name), 20_000);
}

/** Everything that is under way has been given back. */
async function restful(): Promise<void> {
  const hasNone = async () => (await containerd.leases.list([])).length === 0;
  await eventually("the end of imports", hasNone, 20_000);
}

Deno.test("archives are imported at start and when dropped in, pinned, and read once", async () => {
  const first = uniqueImage();
  const path = `${folder}/a.tar.gz`;
  await Deno.writeFile(path, gzipSync(archiveOf({ "example.com/first:1": first })));
  await Deno.writeTextFile(`${folder}/bad.tar`, "no archive");
  await Deno.writeTextFile(`${folder}/notes.txt`, "not looked at");
  const before = await start();
  try {
    await appears("example.com/first:1");
    assert.equal(store.find("example.com/first:1")?.pinned, true);
    await Deno.writeFile(`${folder}/b.tar`, archiveOf({ "example.com/second:1": uniqueImage() }));
    await appears("example.com/second:1");
    await restful();
  } finally {
    before.stop();
  }

  // Of the same size and time: a reader would stumble over it, and its image would be renewed.
  const { size, mtime } = await Deno.stat(path);
  await Deno.writeFile(path, new Uint8Array(size));
  await Deno.utime(path, mtime ?? 0, mtime ?? 0);
  const recordOf = (name: string) => containerd.images.get(name);
  const record = await recordOf("example.com/first:1");
  const after = await start();
  try {
    await Deno.writeFile(`${folder}/c.tar`, archiveOf({ "example.com/third:1": uniqueImage() }));
    await appears("example.com/third:1");
    assert.deepEqual(await recordOf("example.com/first:1"), record);
    await restful();
  } finally {
    after.stop();
  }
});

Deno.test("an archive whose image was removed is imported again at the next start", async () => {
  const path = `${folder}/d.tar`;
  await Deno.writeFile(path, archiveOf({ "example.com/fourth:1": uniqueImage() }));
  const before = await start();
  try {
    await appears("example.com/fourth:1");
    await restful();
  } finally {
    before.stop();
  }
  await world.remove("example.com/fourth:1");
  const after = await start();
  try {
    await appears("example.com/fourth:1");
    await restful();
  } finally {
    after.stop();
  }
});
