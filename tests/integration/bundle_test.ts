/** One file for a node without internet: made beside a registry, checked and installed. */
import assert from "node:assert/strict";
import { FakeRegistry } from "../fakes/registry.ts";
import { testIndex } from "../fakes/test_image.ts";
import { calling, imagesWorld, inTime, SNAPSHOTTER, uniqueImage } from "../world/images.ts";
import { PROGRAM, PROGRAM_ARGS } from "../world/program.ts";

const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"));
Deno.test.afterAll(() => world.cleanUp());

const node = `${world.dir}/node`;
const config = `${world.dir}/config.toml`;
const bundle = `${world.dir}/node.tar`;

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const options = { args: [...PROGRAM_ARGS, "bundle", ...args, "--config", config] };
  const { code, stdout, stderr } = await new Deno.Command(PROGRAM, options).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

const load = (file: string) => run("load", file, "--prefix", `${node}/usr`);

async function writeProgram(path: string, text: string): Promise<void> {
  await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeTextFile(path, text, { mode: 0o755 });
}

await Deno.writeTextFile(
  config,
  `[cni]\nbin_dirs = ["${node}/cni"]\n[images]\nimport_dir = "${node}/images"\n`,
);
const registry = new FakeRegistry();
Deno.test.afterAll(() => registry[Symbol.asyncDispose]());
const image = uniqueImage({ layers: [[{ path: "a", content: crypto.randomUUID() }]] });
const foreign = uniqueImage({ architecture: "s390x" });
registry.add(...image.layers, image.config, image.manifest, ...foreign.layers, foreign.config);
registry.tag(
  "app:1",
  testIndex([{ architecture: "s390x", image: foreign }, { architecture: "amd64", image }]),
);
const name = `${registry.host}/app:1`;
await writeProgram(`${world.dir}/release/containerd`, "#!/bin/sh\n");
await writeProgram(`${world.dir}/release/runc`, "#!/bin/sh\necho runc\n");
await Deno.writeTextFile(`${world.dir}/release/LICENSE`, "no program");
await writeProgram(`${world.dir}/plugins/bridge`, "#!/bin/sh\necho bridge\n");
await Deno.writeTextFile(`${world.dir}/images.txt`, `# what the node needs\n${name}  # ours\n\n`);

Deno.test({
  name: "bundle create packs programs and images, and bundle load puts them into their places",
  ignore: Deno.build.arch !== "x86_64",
  async fn() {
    const created = await run(
      "create",
      ...["--out", bundle, "--images-from", `${world.dir}/images.txt`],
      ...["--binaries", `${world.dir}/release`, "--cni-plugins", `${world.dir}/plugins`],
    );
    assert.equal(created.code, 0, created.stderr);
    assert.match(created.stdout, /3 programs, 1 images/);
    assert.equal(registry.count(foreign.config.digest), 0);

    const loaded = await load(bundle);
    assert.equal(loaded.code, 0, loaded.stderr);
    for (const path of ["usr/bin/containerd", "usr/bin/runc", "cni/bridge"]) {
      const { mode } = await Deno.stat(`${node}/${path}`);
      assert.equal((mode ?? 0) & 0o777, 0o755, path);
    }
    assert.match(await Deno.readTextFile(`${node}/usr/bin/runc`), /echo runc/);
    const request = { path: `${node}/images/node.tar`, snapshotter: SNAPSHOTTER };
    const [stored] = await world.service.importArchive(request, calling());
    assert.equal(stored?.imageId, image.config.digest);
    await world.store.load(inTime());
    assert.equal(world.store.find(name)?.id, image.config.digest);
    await world.remove(name);
  },
});

Deno.test({
  name:
    "bundle load touches nothing when a single byte of the file is wrong, or its end is missing",
  ignore: Deno.build.arch !== "x86_64",
  async fn() {
    await Deno.remove(node, { recursive: true });
    const bytes = await Deno.readFile(bundle);
    const find = (text: string) => {
      const index = new TextDecoder("latin1").decode(bytes).indexOf(text);
      assert(index > 0, text);
      return index;
    };
    const places = [find("echo runc"), find('"rootfs"')];
    for (const at of places) {
      const damaged = new Uint8Array(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      await Deno.writeFile(`${world.dir}/damaged.tar`, damaged);
      const { code, stderr } = await load(`${world.dir}/damaged.tar`);
      assert.equal(code, 1);
      assert.match(stderr, /not a good bundle: .* is damaged/);
    }
    await Deno.writeFile(`${world.dir}/short.tar`, bytes.subarray(0, places[0]));
    const short = await load(`${world.dir}/short.tar`);
    assert.equal(short.code, 1);
    assert.match(short.stderr, /not a good (?:bundle|tar archive)/);
    await assert.rejects(Deno.stat(node), Deno.errors.NotFound);
  },
});

Deno.test("bundle create says which image it can't get, and leaves no file", async () => {
  await Deno.writeTextFile(`${world.dir}/wrong.txt`, `${registry.host}/none:1\n`);
  const out = `${world.dir}/wrong.tar`;
  const { code, stderr } = await run(
    "create",
    "--out",
    out,
    "--images-from",
    `${world.dir}/wrong.txt`,
  );
  assert.equal(code, 1);
  assert.match(stderr, /Cannot get image .*none:1: .*does not have/);
  await assert.rejects(Deno.stat(out), Deno.errors.NotFound);
});
