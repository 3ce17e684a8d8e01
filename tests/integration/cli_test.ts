/** The commands as people run them, on a containerd and a registry of our own. */
import assert from "node:assert/strict";
import { packTar } from "../../src/images/archive.ts";
import { FakeRegistry } from "../fakes/registry.ts";
import { busyboxFiles, describe, testImage } from "../fakes/test_image.ts";
import { startContainerd } from "../world/containerd.ts";
import { PROGRAM, PROGRAM_ARGS } from "../world/program.ts";

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(args: string[], stdin = ""): Promise<Outcome> {
  const child = new Deno.Command(PROGRAM, {
    args: [...PROGRAM_ARGS, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function withDir(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "cri-cli-" });
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (
  const { args, code } of [
    { args: [], code: 2 },
    { args: ["nonsense"], code: 2 },
    { args: ["serve", "--bogus"], code: 2 },
    { args: ["images", "pull"], code: 2 },
    { args: ["--help"], code: 0 },
    { args: ["serve", "--help"], code: 0 },
    { args: ["version"], code: 0 },
    { args: ["serve", "--config", "/nonexistent.toml"], code: 1 },
    { args: ["serve", "--log-level", "loud"], code: 1 },
  ]
) {
  Deno.test(`cri-containerd ${args.join(" ")} exits with ${code}`, async () => {
    const outcome = await run(args);
    assert.equal(outcome.code, code, outcome.stderr);
    assert.ok(outcome.stdout.trimEnd().split("\n").length < 25, "help fits a screen");
    assert.equal(outcome.stdout === "", code !== 0);
  });
}

Deno.test("config check lists all problems with file and line, and accepts config default", async () => {
  await withDir(async (dir) => {
    const file = `${dir}/config.toml`;
    await Deno.writeTextFile(file, (await run(["config", "default"])).stdout);
    assert.equal((await run(["config", "check", file])).code, 0);
    await Deno.writeTextFile(file, "a = 1\n[log]\nlevel = 1\n");
    const { code, stderr, stdout } = await run(["config", "check", file]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.ok(stderr.includes(`error: ${file}:1: a: unknown key`));
    assert.ok(stderr.includes(`error: ${file}:3: log.level: must be one of`));
  });
});

Deno.test("permissions prints JSON for programs", async () => {
  const { code, stdout } = await run(["permissions", "--json"]);
  assert.equal(code, 0);
  const names = Object.keys(JSON.parse(stdout));
  assert.deepEqual(names, ["server", "io", "cni", "registry"]);
});

Deno.test("images pulls, lists, imports and removes on a real containerd", async () => {
  await withDir(async (dir) => {
    const containerd = await startContainerd(`${dir}/containerd`);
    await using registry = new FakeRegistry({ basic: { username: "user", password: "pass" } });
    try {
      const config = `${dir}/config.toml`;
      await Deno.writeTextFile(config, `[containerd]\naddress = "${containerd.address}"\n`);
      const images = (args: string[], stdin?: string) =>
        run(["images", ...args, "--config", config], stdin);
      const image = testImage({ layers: [await busyboxFiles(), [{ path: "a", content: "1" }]] });
      registry.addImage("web:1", image);
      const name = `${registry.host}/web:1`;

      const denied = await images(["pull", name]);
      assert.equal(denied.code, 1);
      const login = ["--username", "user", "--password-stdin"];
      const pulled = await images(["pull", name, ...login], "pass\n");
      assert.equal(pulled.code, 0, pulled.stderr);
      assert.ok(pulled.stdout.includes("layer 2/2"), pulled.stdout);
      assert.ok(pulled.stdout.endsWith(`${image.config.digest}\n`));
      assert.ok(!pulled.stdout.includes("\x1b"), "no bars without a terminal");
      assert.match((await images(["ls"])).stdout, new RegExp(`\n${name} +[0-9a-f]{13} +`));

      const explained = await images(["explain", name]);
      assert.equal(explained.code, 1, "the user's password is needed");
      assert.match(explained.stdout, /1\. http:.*without credentials\)\n +Registry .* refuses/);
      const auths = { [registry.host]: { auth: btoa("user:pass") } };
      await Deno.writeTextFile(`${dir}/auth.json`, JSON.stringify({ auths }));
      await Deno.writeTextFile(
        config,
        `[containerd]\naddress = "${containerd.address}"\n` +
          `[images]\ncredentials_file = "${dir}/auth.json"\n`,
      );
      const found = await images(["explain", name]);
      assert.equal(found.code, 0, found.stdout);
      assert.match(found.stdout, /with credentials of the node\)\n +has it: sha256:/);

      const exported = `${dir}/exported.tar`;
      assert.equal((await images(["export", name, "--output", exported])).code, 0);
      assert.equal((await images(["rm", name])).code, 0);
      const back = await images(["import", exported]);
      assert.equal(back.code, 0, back.stderr);
      assert.deepEqual(
        back.stdout.trim().split("\n").toSorted(),
        [
          name,
          `${registry.host}/web@${image.manifest.digest}`,
          image.config.digest,
        ].toSorted(),
      );
      const none = await images(["export", "none:1", "--output", `${dir}/none.tar`]);
      assert.match(none.stderr, /no image "none:1"/);

      const archive = `${dir}/other.tar`;
      await Deno.writeFile(archive, await archiveOf("docker.io/library/other:2"));
      const imported = await images(["import", archive]);
      assert.equal(imported.code, 0, imported.stderr);
      assert.ok(imported.stdout.includes("docker.io/library/other:2\n"));

      const removed = await images(["rm", "other:2", name, "none:1"]);
      assert.equal(removed.code, 1, "one of them wasn't there");
      assert.ok(removed.stderr.includes('no image "none:1"'));
      assert.equal((await images(["ls", "--json"])).stdout, "[]\n");
    } finally {
      await containerd.cleanUp();
    }
  });
});

/** An OCI layout with one image. */
async function archiveOf(name: string): Promise<Uint8Array> {
  const image = testImage({ layers: [[{ path: "b", content: "2" }]] });
  const blobs = [...image.layers, image.config, image.manifest];
  const target = {
    ...describe(image.manifest),
    annotations: { "io.containerd.image.name": name },
  };
  return await packTar([
    { path: "oci-layout", body: '{"imageLayoutVersion":"1.0.0"}' },
    { path: "index.json", body: JSON.stringify({ schemaVersion: 2, manifests: [target] }) },
    ...blobs.map(({ digest, bytes }) => ({
      path: `blobs/${digest.replace(":", "/")}`,
      body: bytes,
    })),
  ]);
}
