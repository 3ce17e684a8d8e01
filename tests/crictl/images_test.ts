/** Images as a node's people meet them: mirrors, short names, archives, other tools, a killed daemon. */
import assert from "node:assert/strict";
import { FakeRegistry } from "../fakes/registry.ts";
import { archiveOf, testImage } from "../fakes/test_image.ts";
import { crictlOf } from "../world/crictl.ts";
import { startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { uniqueImage } from "../world/images.ts";

const dir = await Deno.makeTempDir({ prefix: "cri-images-" });
const mirror = new FakeRegistry();
await Deno.mkdir(`${dir}/certs.d/registry.example`, { recursive: true });
await Deno.writeTextFile(
  `${dir}/certs.d/registry.example/hosts.toml`,
  `server = "https://registry.invalid"\n[host."${mirror.origin}"]\n`,
);
await Deno.mkdir(`${dir}/archives`);
await Deno.writeFile(
  `${dir}/archives/base.tar`,
  archiveOf({ "registry.example/base/os:1": uniqueImage() }),
);
const daemon = await startDaemon({
  config: `[images]
registry_config = "${dir}/certs.d"
import_dir = "${dir}/archives"
short_names = "registry.example/team"
pinned_images = ["registry.example/team/keep*"]
`,
});
const crictl = crictlOf(daemon);
Deno.test.afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await mirror[Symbol.asyncDispose]();
  await Deno.remove(dir, { recursive: true });
});

async function ctr(...args: string[]): Promise<void> {
  const all = ["-a", daemon.containerdAddress, "-n", "k8s.io", ...args];
  const { success, stderr } = await new Deno.Command("ctr", { args: all }).output();
  assert(success, new TextDecoder().decode(stderr));
}

const isThere = async (name: string) => (await crictl.attempt("inspecti", name)).code === 0;

Deno.test("crictl pull asks the mirror of hosts.toml, and short names mean the configured registry", async () => {
  mirror.addImage("team/web:1", uniqueImage());
  await crictl("pull", "registry.example/team/web:1");
  assert(mirror.seen.every(({ path }) => path.endsWith("?ns=registry.example")));
  const { status } = await crictl.json("inspecti", "web:1");
  assert.deepEqual(status.repoTags, ["registry.example/team/web:1"]);
  assert.notEqual(status.pinned, true);
  const missing = await crictl.attempt("pull", "web:2");
  assert.match(missing.stderr, /registry\.invalid|registry\.example/);
  assert.match(missing.stderr, new RegExp(`tried before: ${mirror.host}: HTTP 404`));
  await crictl("rmi", "web:1");
});

Deno.test("images that the configuration pins, and those of archives, are pinned", async () => {
  mirror.addImage("team/keeper:1", uniqueImage());
  await crictl("pull", "keeper:1");
  assert.equal((await crictl.json("inspecti", "keeper:1")).status.pinned, true);
  await eventually("the archive's image", () => isThere("registry.example/base/os:1"), 20_000);
  assert.equal((await crictl.json("inspecti", "registry.example/base/os:1")).status.pinned, true);
});

Deno.test("an image that ctr imports or removes is there, or gone, at once", async () => {
  const name = "docker.io/library/by-ctr:1";
  await Deno.writeFile(`${dir}/ctr.tar`, archiveOf({ [name]: uniqueImage() }));
  await ctr("images", "import", `${dir}/ctr.tar`);
  await eventually("the image of ctr", () => isThere(name));
  const { images } = await crictl.json("images");
  assert(images.some((it: { repoTags: string[] }) => it.repoTags.includes(name)));
  await ctr("images", "rm", name);
  await eventually("its end", async () => {
    return !(await crictl("images")).includes("by-ctr") && true;
  });
});

Deno.test("a daemon that is killed in the middle of a pull pulls on when it is there again", async () => {
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  const layers = [[{ path: "a", content: crypto.randomUUID() }], [{ path: "b", content }]];
  const image = testImage({ layers, compression: "none" });
  mirror.addImage("team/killed:1", image);
  const [first, last] = image.layers;
  assert(first !== undefined && last !== undefined);
  const stuck = Promise.withResolvers<void>();
  mirror.misbehave = (_, url) => {
    if (!url.pathname.endsWith(last.digest)) return undefined;
    stuck.resolve();
    const start = (c: ReadableStreamDefaultController) => c.enqueue(last.bytes.slice(0, 30_000));
    return new Response(new ReadableStream({ start }));
  };
  const pull = crictl.attempt("pull", "killed:1");
  await stuck.promise;
  await daemon.stop("SIGKILL");
  assert.notEqual((await pull).code, 0);
  mirror.misbehave = undefined;
  await daemon.start();
  assert.equal(await isThere("killed:1"), false);
  await crictl("pull", "killed:1");
  const { status } = await crictl.json("inspecti", "killed:1");
  assert.equal(status.id, image.config.digest);
  await crictl("rmi", "killed:1");
});

Deno.test("crictl imagefsinfo names the snapshotter's folder and counts", async () => {
  // Measured in the background, every ten seconds.
  const fs = await eventually("the first round that found something", async () => {
    const [found] = (await crictl.json("imagefsinfo")).status.imageFilesystems;
    return BigInt(found.usedBytes.value) > 0n && found;
  }, 20_000);
  assert.match(fs.fsId.mountpoint, /snapshotter\.v1\.overlayfs$/);
  assert(BigInt(fs.inodesUsed.value) > 0n);
});

Deno.test("a registry's password is neither in the daemon's log nor in its folders", async () => {
  const password = `pw-${crypto.randomUUID()}`;
  await using registry = new FakeRegistry({ bearer: { username: "me", password } });
  registry.addImage("private:1", uniqueImage());
  const name = `${registry.host}/private:1`;
  const refused = await crictl.attempt("pull", "--creds", `me:${password}-wrong`, name);
  assert.equal(refused.code, 1);
  assert(!refused.stderr.replace(/--creds \S+/g, "").includes(password));
  await crictl("pull", "--creds", `me:${password}`, name);
  await crictl("rmi", name);
  assert((await daemon.log()).includes(name), "the pull itself is in the log");
  const header = btoa(`me:${password}`);
  for (const secret of [password, header]) {
    const { code, stdout } = await new Deno.Command("grep", {
      args: ["-rlF", "-D", "skip", secret, daemon.dir, dir],
    }).output();
    assert.equal(code, 1, new TextDecoder().decode(stdout));
  }
});
