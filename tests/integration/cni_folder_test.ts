/** The configuration folder in all its states, and what `Status` tells of each. */
import assert from "node:assert/strict";
import { openCniNetworks } from "../../src/cni/networks.ts";
import type { CniStatus, PluginCall } from "../../src/cni/types.ts";
import { type CniWorld, cniWorld } from "../world/cni.ts";
import { eventually } from "../world/delay.ts";

/** What status() says once the folder's change has been seen. */
async function statusLike(world: CniWorld, pattern: RegExp): Promise<CniStatus> {
  let last = "";
  try {
    return await eventually(`a status like ${pattern}`, async () => {
      const status = await world.networks.status();
      last = status.ready ? `ready ${status.networkName} ${status.file}` : status.reason;
      return pattern.test(last) && status;
    });
  } catch (error) {
    throw new Error(`the last status was: ${last}`, { cause: error });
  }
}

Deno.test("status() follows the folder through everything that is done to it", async () => {
  await using world = await cniWorld();
  const { confDir, networkName } = world;
  const ready = new RegExp(`^ready ${networkName} ${confDir}/10-pods.conflist$`);
  await statusLike(world, ready);

  await Deno.remove(confDir, { recursive: true });
  await statusLike(world, new RegExp(`folder ${confDir} does not exist; install`));
  await Deno.mkdir(confDir);
  await statusLike(world, new RegExp(`no CNI configuration .* in ${confDir}; install`));
  await world.configure("10-pods.conflist", world.bridgeConf());
  await statusLike(world, ready);

  // Made beside it and renamed into its place.
  await Deno.mkdir(`${world.dir}/fresh`);
  await Deno.writeTextFile(
    `${world.dir}/fresh/05-new.conf`,
    JSON.stringify({ cniVersion: "0.4.0", name: "fresh", type: "bridge" }),
  );
  await Deno.rename(confDir, `${world.dir}/old`);
  await Deno.rename(`${world.dir}/fresh`, confDir);
  await statusLike(world, /^ready fresh /);

  await world.configure("05-new.conf", `{\n  "name": "fresh",\n  "type": bridge\n}`);
  await statusLike(
    world,
    /no usable CNI configuration .*\/05-new\.conf: line 3, column 11: "b" stands where a value/,
  );
  await world.configure("05-new.conf", { cniVersion: "1.0.0", name: "fresh", type: "../../sh" });
  await statusLike(world, /05-new\.conf: type: "\.\.\/\.\.\/sh" is not the bare name/);
  await world.configure("05-new.conf", { cniVersion: "1.0.0", name: "fresh", type: "absent" });
  await statusLike(
    world,
    /plugin "absent" of .*05-new\.conf is in none of .*\/bin, \/usr\/lib\/cni, \/opt\/cni\/bin/,
  );
  await world.script("absent", "exit 0");
  await statusLike(world, /^ready fresh /);
});

Deno.test("status() passes a broken file over when a later one can be used", async () => {
  await using world = await cniWorld();
  await world.configure("01-broken.conflist", "{");
  await world.configure("02-empty.conflist", { cniVersion: "1.0.0", name: "x", plugins: [] });
  await world.configure(".00-half-written.conflist", "{");
  await world.configure("00-notes.txt", "not a configuration");
  await statusLike(world, /^ready podnet-\S+ .*10-pods\.conflist$/);
});

Deno.test("status() takes the plugins of the network's own folder", async () => {
  await using world = await cniWorld();
  await world.configure("10-pods.conflist", { cniVersion: "1.1.0", name: "split" });
  await statusLike(world, /10-pods\.conflist: plugins: the list is missing or empty/);
  await Deno.mkdir(`${world.confDir}/split`);
  await world.configure("split/10.conf", { type: "first" });
  await statusLike(world, /plugin "first" of/);
  await world.script("first", "exit 0");
  await statusLike(world, /^ready split /);
  assert.match(JSON.stringify(world.networks.describe()), /loadOnlyInlinedPlugins/);
});

Deno.test("status() asks plugins of 1.1.0, and tells what they say", async () => {
  await using world = await cniWorld();
  await world.configure("10-pods.conflist", {
    cniVersion: "1.1.0",
    name: "modern",
    plugins: [{ type: "agent" }],
  });
  const answer = JSON.stringify({ cniVersion: "1.1.0", code: 50, msg: "the agent is not up" });
  await world.script("agent", `cat >/dev/null; echo '${answer}'; exit 1`);
  await statusLike(world, /"agent" of network modern \(STATUS\) failed with code 50: the agent is/);
  await world.script("agent", "exit 0");
  await statusLike(world, /^ready modern /);
});

Deno.test("status() is cheap: no plugin is run and the folder is read once a second", async () => {
  const calls: PluginCall[] = [];
  await using world = await cniWorld({
    runPlugin: (call) => {
      calls.push(call);
      return Promise.reject(new Error("not to be run"));
    },
  });
  const started = performance.now();
  for (let i = 0; i < 200; i++) assert.equal((await world.networks.status()).ready, true);
  assert.equal(calls.length, 0);
  assert.ok(performance.now() - started < 1_000);
});

Deno.test("describe() has go-cni's shape", async () => {
  await using world = await cniWorld();
  const networks = openCniNetworks(world.options);
  await networks.status();
  const described = JSON.parse(JSON.stringify(networks.describe()));
  networks.close();
  assert.equal(described.PluginConfDir, world.confDir);
  assert.equal(described.PluginMaxConfNum, 1);
  assert.equal(described.Prefix, "eth");
  const [{ Config, IFName }] = described.Networks;
  assert.equal(IFName, "eth0");
  assert.equal(Config.Name, world.networkName);
  assert.deepEqual(Config.Plugins[0].Network, {
    type: "bridge",
    ipam: { type: "host-local" },
    dns: {},
  });
  assert.deepEqual(Config.Plugins[1].Network.capabilities, { portMappings: true });
  assert.deepEqual(JSON.parse(Config.Source), world.bridgeConf());
});

Deno.test("status() reads again what could not be read, though the folder is as it was", async () => {
  await using world = await cniWorld();
  const { confDir } = world;
  await Deno.remove(confDir, { recursive: true });
  assert.match(JSON.stringify(await world.networks.status()), /does not exist/);
  await Deno.mkdir(confDir);
  await world.configure("10-pods.conflist", world.bridgeConf());
  const status = await world.networks.status();
  assert.ok(status.ready, JSON.stringify(status));
});
