/** The network on plugins of the newest release, which know every verb and capability. */
import assert from "node:assert/strict";
import type { Attachment } from "../../src/cni/types.ts";
import { type CniWorld, cniWorld } from "../world/cni.ts";
import { sh } from "../world/sh.ts";
import { skipUnless } from "../world/skip.ts";

const PLUGINS = new URL("../../.tools/cni", import.meta.url).pathname;
const hasPlugins = await Deno.stat(`${PLUGINS}/bridge`).then(() => true, () => false);
const withPlugins = skipUnless(hasPlugins, "the plugins are not built: ./dev tools cni");

const never = new AbortController().signal;

/** A bridge with everything that a request can ask of the network. */
async function newestWorld(): Promise<CniWorld> {
  const world = await cniWorld({ binDirs: [PLUGINS] });
  const { plugins: [bridge, portmap] } = world.bridgeConf();
  const { ipam } = bridge as { ipam: object };
  await world.configure("10-pods.conflist", {
    cniVersion: "1.1.0",
    name: world.networkName,
    plugins: [
      {
        ...bridge,
        capabilities: { ipRanges: true, mac: true },
        ipam: { ...ipam, ranges: undefined },
      },
      portmap,
      { type: "bandwidth", capabilities: { bandwidth: true } },
    ],
  });
  return world;
}

const MAC = "02:11:22:33:44:55";

/** An attachment with a range, a MAC address and a limited bandwidth of its own. */
async function attachmentIn(world: CniWorld, name: string): Promise<Attachment> {
  return {
    ...await world.attachment(name),
    ipRanges: [[{
      subnet: `${world.subnet}.0/24`,
      rangeStart: `${world.subnet}.100`,
      rangeEnd: `${world.subnet}.110`,
    }]],
    mac: MAC,
    bandwidth: {
      ingressRate: 8_000_000n,
      ingressBurst: 8_000_000n,
      egressRate: 8_000_000n,
      egressBurst: 8_000_000n,
    },
  };
}

Deno.test({
  ...withPlugins("attach() hands ranges, MAC address and bandwidth to the plugins that take them"),
  fn: async () => {
    await using world = await newestWorld();
    const pod = await attachmentIn(world, "pod1");
    const { ips, interfaces } = await world.networks.attach(pod, never);
    assert.match(ips[0] ?? "", new RegExp(`^${world.subnet.replaceAll(".", "\\.")}\\.1[01]\\d$`));
    assert.equal(interfaces.get("eth0")?.mac, MAC);
    const host = [...interfaces].find(([name]) => name.startsWith("veth"))?.[0] ?? "";
    assert.match(await sh("tc", "qdisc", "show", "dev", host), /tbf .*rate 8Mbit/);
    await world.networks.check(pod, never);
    await world.networks.detach(pod, never);
    assert.deepEqual(await world.leases(), []);
  },
});

Deno.test({
  ...withPlugins("gc() gives back what gone pods hold, and lets all plugins do the same"),
  fn: async () => {
    await using world = await newestWorld();
    const [kept, gone] = [await attachmentIn(world, "kept"), await attachmentIn(world, "gone")];
    const { ips: [address] } = await world.networks.attach(kept, never);
    await world.networks.attach(gone, never);
    await world.removeNetns("gone");
    assert.equal((await world.leases()).length, 2);
    await world.networks.gc([kept], never);
    assert.deepEqual(await world.leases(), [address]);
    await world.networks.check(kept, never);
    await world.networks.detach(kept, never);
  },
});

Deno.test({
  ...withPlugins("status() is ready when the plugins say so"),
  fn: async () => {
    await using world = await newestWorld();
    assert.equal((await world.networks.status()).ready, true);
  },
});
