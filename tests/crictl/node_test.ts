/** crictl version, info, images: what a node tells of itself, on a containerd of its own. */
import assert from "node:assert/strict";
import { crictlOf } from "../world/crictl.ts";
import { startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { busyboxRegistry } from "../world/requests.ts";

const daemon = await startDaemon();
const busybox = await busyboxRegistry();
const crictl = crictlOf(daemon);
Deno.test.afterAll(async () => {
  await busybox[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

Deno.test("crictl version tells the runtime's and the CRI's version", async () => {
  const text = await crictl("version");
  assert.match(text, /^RuntimeName: +containerd$/m);
  assert.match(text, /^RuntimeVersion: +\S*\d+\.\d+\.\d+\S*$/m);
  assert.match(text, /^RuntimeApiVersion: +v1$/m);
});

Deno.test("crictl info tells conditions, the config and the network", async () => {
  const info = await crictl.json("info");
  const conditions: { type: string; status: boolean }[] = info.status.conditions;
  assert.deepEqual(
    conditions.map(({ type, status }) => [type, status]),
    [["RuntimeReady", true], ["NetworkReady", true]],
  );
  assert.equal(info.config.stateDir, `${daemon.dir}/state`);
  assert.equal(info.config.cni.confDir, daemon.network.confDir);
  assert.match(info.config.sandboxImage, /pause/);
  assert.equal(info.cniconfig.Networks[0].Config.Name, daemon.network.name);
  assert.equal(info.runtimeHandlers[0].name ?? "", "");
});

Deno.test("crictl runtime-config tells the cgroup driver", async () => {
  assert.match(await crictl("runtime-config"), /cgroup driver: +CGROUPFS/);
});

Deno.test("NetworkReady tells what is wrong with the network's folder, and follows it", async () => {
  const { confDir } = daemon.network;
  const condition = async () => (await crictl.json("info")).status.conditions[1];
  await Deno.rename(`${confDir}/10-pods.conflist`, `${daemon.dir}/away`);
  const empty = await eventually("NotReady", async () => {
    const found = await condition();
    return found.status === false && found;
  });
  assert.ok(empty.message.includes(confDir), empty.message);
  await Deno.writeTextFile(`${confDir}/05-broken.conflist`, '{"name": ');
  const broken = await eventually("the broken file to be named", async () => {
    const found = await condition();
    return found.message.includes("05-broken.conflist") && found;
  });
  assert.equal(broken.status, false);
  await Deno.remove(`${confDir}/05-broken.conflist`);
  await Deno.rename(`${daemon.dir}/away`, `${confDir}/10-pods.conflist`);
  await eventually("the network to be back", async () => (await condition()).status === true);
});

Deno.test("crictl pull, images, inspecti, rmi and imagefsinfo work by tag, id and digest", async () => {
  const { image } = busybox;
  const pulled = await crictl("pull", image);
  const id = /sha256:[0-9a-f]{64}/.exec(pulled)?.[0];
  assert.ok(id !== undefined, pulled);
  assert.match(await crictl("images"), /busybox +1 +[0-9a-f]{13} +[\d.]+[kM]B/);
  assert.deepEqual((await crictl("images", "-q")).includes(id), true);
  const { images } = await crictl.json("images", image);
  assert.deepEqual(images.map((it: { repoTags: string[] }) => it.repoTags), [[image]]);
  const { status, info } = await crictl.json("inspecti", image);
  assert.equal(status.id, id);
  assert.equal(info.imageSpec.config.Cmd[0], "sh");
  const byDigest = await crictl.json("inspecti", status.repoDigests[0]);
  assert.equal(byDigest.status.id, id);
  await eventually("the image to be measured", async () => {
    const { imageFilesystems: [fs] } = (await crictl.json("imagefsinfo")).status;
    return Number(fs.usedBytes.value) > 1_000_000 && fs.fsId.mountpoint.startsWith(daemon.dir);
  }, 15_000);
  await crictl("rmi", id);
  assert.equal((await crictl.attempt("inspecti", image)).code, 1);
  assert.match((await crictl.attempt("rmi", image)).stderr, /no such image/);
});

Deno.test("crictl pull of what isn't there tells the registry's answer", async () => {
  const { registry } = busybox;
  const missing = await crictl.attempt("pull", `${registry.host}/none:1`);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /code = NotFound/);
  assert.ok(missing.stderr.includes(`${registry.host}/none:1`), missing.stderr);
  const bad = await crictl.attempt("pull", "UPPER case");
  assert.match(bad.stderr, /code = InvalidArgument/);
});
