/** libcni's cache: what is in it when something goes wrong, and who else's it is. */
import assert from "node:assert/strict";
import { openCniNetworks } from "../../src/cni/networks.ts";
import { rejects } from "../suites/cni_suite.ts";
import { type CniWorld, cniWorld } from "../world/cni.ts";

const never = new AbortController().signal;

/** A network of one script that keeps the input of each verb in `<dir>/<verb>.json`. */
async function scripted(world: CniWorld, add = `cat ${world.dir}/result.json`): Promise<void> {
  await Deno.writeTextFile(
    `${world.dir}/result.json`,
    JSON.stringify({
      cniVersion: "1.1.0",
      ips: [{ address: "10.1.2.3/24" }],
      "vendor/own": { kept: [1, 2] },
    }),
  );
  await world.script(
    "scripted",
    `cat >${world.dir}/$CNI_COMMAND.json; env >${world.dir}/$CNI_COMMAND.env
[ "$CNI_COMMAND" = ADD ] || exit 0
ls ${world.options.cacheDir}/results >${world.dir}/seen
${add}`,
  );
  const plugins = [{ type: "scripted" }];
  await world.configure("10-pods.conflist", { cniVersion: "1.1.0", name: "n", plugins });
}

async function stdin(world: CniWorld, verb: string) {
  return JSON.parse(await Deno.readTextFile(`${world.dir}/${verb}.json`));
}

Deno.test("attach() puts its record down before the first plugin runs, and detach() goes by it", async () => {
  await using world = await cniWorld();
  await scripted(world, "exit 1");
  const pod = await world.attachment("pod1");
  await rejects(world.networks.attach(pod, never), "internal");
  assert.equal(await Deno.readTextFile(`${world.dir}/seen`), "n-pod1-eth0\n");
  await world.networks.detach(pod, never);
  assert.equal("prevResult" in await stdin(world, "DEL"), false);
  assert.deepEqual(await world.cached(), []);
});

Deno.test("detach() hands the result on as it came, with a plugin's own keys in it", async () => {
  await using world = await cniWorld();
  await scripted(world);
  const pod = await world.attachment("pod1");
  await world.networks.attach(pod, never);
  await world.networks.check(pod, never);
  await world.networks.detach(pod, never);
  for (const verb of ["CHECK", "DEL"]) {
    const { prevResult } = await stdin(world, verb);
    assert.deepEqual(prevResult["vendor/own"], { kept: [1, 2] });
  }
  const env = await Deno.readTextFile(`${world.dir}/DEL.env`);
  const names = env.split("\n").map((line) => line.split("=", 1)[0] ?? "").filter(Boolean);
  // PWD and _ are the shell's own.
  const other = names.filter((name) => !/^(CNI_\w+|PATH|PWD|OLDPWD|SHLVL|_)$/.test(name));
  assert.deepEqual(other, []);
});

for (const isGone of [false, true]) {
  const what = isGone ? "can't be read and the namespace is gone" : "can't be read";
  Deno.test(`detach() goes by the folder's configuration when the record ${what}`, async () => {
    await using world = await cniWorld();
    const pod = await world.attachment("pod1");
    await world.networks.attach(pod, never);
    const [name] = await world.cached();
    await Deno.writeTextFile(`${world.options.cacheDir}/results/${name}`, `{"kind":"cniCa`);
    if (isGone) await world.removeNetns("pod1");
    await world.networks.detach(pod, never);
    assert.deepEqual([await world.leases(), await world.cached()], [[], []]);
  });
}

Deno.test("detach() needs no plugin that isn't there when nothing was recorded: it has added nothing", async () => {
  await using world = await cniWorld();
  await world.configure("10-pods.conflist", {
    cniVersion: "1.0.0",
    name: "n",
    plugins: [{ type: "absent" }],
  });
  const pod = await world.attachment("pod1");
  await world.networks.detach(pod, never);
  await world.removeNetns("pod1");
  await world.networks.detach(pod, never);
});

Deno.test("gc() leaves alone what other tools attached and what is alive, and tells the plugins of it", async () => {
  await using world = await cniWorld();
  await scripted(world);
  const kept = await world.attachment("kept");
  const stale = await world.attachment("stale");
  const living = await world.attachment("living");
  const foreign = { ...(await world.attachment("foreign")), args: new Map<string, string>() };
  for (const pod of [kept, stale, living, foreign]) await world.networks.attach(pod, never);
  for (const gone of ["stale", "foreign"]) await world.removeNetns(gone);
  await world.networks.gc([kept], never);
  assert.deepEqual(await world.cached(), ["n-foreign-eth0", "n-kept-eth0", "n-living-eth0"]);
  assert.match(await Deno.readTextFile(`${world.dir}/DEL.env`), /CNI_CONTAINERID=stale/);
  const valid = (await stdin(world, "GC"))["cni.dev/valid-attachments"];
  assert.deepEqual(valid, [
    { containerID: "kept", ifname: "eth0" },
    { containerID: "foreign", ifname: "eth0" },
    { containerID: "living", ifname: "eth0" },
  ]);
});

Deno.test("attach() and detach() of one pod never overlap, fifty pods do", async () => {
  await using world = await cniWorld();
  const pods = await Promise.all(
    Array.from({ length: 50 }, (_, i) => world.attachment(`pod${i}`)),
  );
  const results = await Promise.all(pods.map((pod) => world.networks.attach(pod, never)));
  assert.equal(new Set(results.map(({ ips }) => ips[0])).size, 50);
  const second = openCniNetworks(world.options);
  await Promise.all(pods.flatMap((pod) => [
    second.detach(pod, never),
    second.detach(pod, never),
  ]));
  second.close();
  assert.deepEqual([await world.leases(), await world.cached()], [[], []]);
});
