/** Real plugins on real namespaces: what is attached, cached, detached, and left behind. */
import assert from "node:assert/strict";
import { fromGoCniResult, toGoCniResult } from "../../src/cni/go_cni.ts";
import { openCniNetworks } from "../../src/cni/networks.ts";
import { cniSuite, rejects } from "../suites/cni_suite.ts";
import { cniWorld } from "../world/cni.ts";
import { sh } from "../world/sh.ts";

const never = new AbortController().signal;

cniSuite({ name: "real plugins", open: () => cniWorld() });

Deno.test("attach() runs bridge, host-local and portmap, and detach() leaves nothing", async () => {
  await using world = await cniWorld();
  const { networks, networkName, bridge, subnet } = world;
  const [first, ...rest] = world.bridgeConf().plugins;
  const conf = world.bridgeConf({ plugins: [{ ...first, ipMasq: true }, ...rest] });
  await world.configure("10-pods.conflist", conf);
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const pod = {
    ...(await world.attachment("pod1")),
    portMappings: [{ hostPort: port, containerPort: 80, protocol: "tcp" as const, hostIP: "" }],
  };
  const result = await networks.attach(pod, never);
  assert.match(result.ips.join(), new RegExp(`^${subnet.replaceAll(".", "\\.")}\\.\\d+$`));
  assert.deepEqual(await world.leases(), result.ips);
  const netns = pod.netnsPath.split("/").at(-1) ?? "";
  assert.match(await sh("ip", "netns", "exec", netns, "ip", "-4", "addr", "show", "eth0"), /inet/);
  assert.match(await sh("iptables-save", "-t", "nat"), new RegExp(`--dport ${port} `));

  const stored = toGoCniResult(result);
  assert.deepEqual(fromGoCniResult(JSON.parse(JSON.stringify(stored))), result.ips);
  assert.deepEqual(await world.cached(), [`${networkName}-pod1-eth0`]);
  const path = `${world.options.cacheDir}/results/${networkName}-pod1-eth0`;
  const cached = JSON.parse(await Deno.readTextFile(path));
  assert.equal(cached.kind, "cniCacheV1");
  assert.equal(cached.netns, pod.netnsPath);
  assert.deepEqual(JSON.parse(atob(cached.config)), conf);
  assert.deepEqual(cached.result, result.raw);
  assert.equal(cached.capabilityArgs.portMappings[0].hostPort, port);
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);

  await networks.detach(pod, never);
  assert.deepEqual(await world.leases(), []);
  assert.deepEqual(await world.cached(), []);
  assert.equal(await sh("ip", "-o", "link", "show", "master", bridge), "");
  assert.doesNotMatch(
    await sh("iptables-save", "-t", "nat"),
    new RegExp(`--dport ${port} |${networkName}`),
  );
  await networks.detach(pod, never);
});

Deno.test("detach() gives the address back when the namespace is gone, also after a restart", async () => {
  await using world = await cniWorld();
  const pod = await world.attachment("pod1");
  await world.networks.attach(pod, never);
  await world.removeNetns("pod1");
  await world.configure("10-pods.conflist", world.bridgeConf({ name: "another", plugins: [] }));
  const restarted = openCniNetworks(world.options);
  await restarted.detach(pod, never);
  assert.deepEqual(await world.leases(), []);
  assert.deepEqual(await world.cached(), []);
  await restarted.detach(pod, never);
  restarted.close();
});

Deno.test("detach() takes a plain file in the namespace's place for no namespace", async () => {
  await using world = await cniWorld();
  const pod = await world.attachment("pod1");
  await world.networks.attach(pod, never);
  await world.removeNetns("pod1");
  await Deno.writeTextFile(pod.netnsPath, "");
  try {
    await world.networks.detach(pod, never);
  } finally {
    await Deno.remove(pod.netnsPath);
  }
  assert.deepEqual(await world.leases(), []);
});

Deno.test("detach() undoes an attach() that failed half way, by the record put down before", async () => {
  await using world = await cniWorld();
  const conf = world.bridgeConf();
  await world.configure("10-pods.conflist", {
    ...conf,
    plugins: [...conf.plugins, { type: "broken" }],
  });
  await world.script(
    "broken",
    `cat >/dev/null; [ "$CNI_COMMAND" = ADD ] || exit 0
echo "it went wrong here" >&2
echo '{"cniVersion":"1.0.0","code":11,"msg":"not now","details":"the agent sleeps"}'; exit 1`,
  );
  const pod = await world.attachment("pod1");
  const text = await rejects(world.networks.attach(pod, never), "unavailable");
  assert.match(text, /"broken" of network podnet-\S+ \(ADD\).*code 11: not now: the agent sleeps/);
  assert.match(text, /it went wrong here/);
  assert.equal((await world.leases()).length, 1);
  await Deno.remove(`${world.confDir}/10-pods.conflist`);
  await world.networks.detach(pod, never);
  assert.deepEqual(await world.leases(), []);
  assert.deepEqual(await world.cached(), []);
});

Deno.test("attach() kills a plugin that hangs, at its timeout and when it is aborted", async () => {
  await using world = await cniWorld({ pluginTimeoutMs: 300 });
  await world.configure("10-pods.conflist", {
    cniVersion: "1.0.0",
    name: "hanging",
    plugins: [{ type: "hang" }],
  });
  // The shell's child keeps the pipes open after the shell was killed.
  await world.script("hang", `[ "$CNI_COMMAND" = DEL ] && exit 0; echo stuck >&2; sleep 5; true`);
  const pod = await world.attachment("pod1");
  const started = performance.now();
  const text = await rejects(world.networks.attach(pod, never), "deadlineExceeded");
  assert.ok(performance.now() - started < 3_000);
  assert.match(text, /"hang" of network hanging.*over 300 ms; it wrote: stuck/);
  const abort = new AbortController();
  setTimeout(() => abort.abort(new DOMException("given up", "AbortError")), 50);
  await rejects(world.networks.attach(pod, abort.signal), "cancelled");
  await world.networks.detach(pod, never);
});

for (
  const [what, script, expected] of [
    ["prints no JSON", "echo oops", /not a JSON object \(line 1, column 1.*oops/],
    ["prints nothing", "true", /printed no result/],
    ["prints an array", "echo '[]'", /not an object/],
    ["dies without a word", "exit 3", /exit code 3/],
    ["prints without end", "exec cat /dev/zero", /printed over \d+ bytes/],
    ["gives no address", `echo '{"cniVersion":"1.0.0"}'`, /gave no address to eth0/],
  ] as const
) {
  Deno.test(`attach() fails with a plugin that ${what}`, async () => {
    await using world = await cniWorld();
    await world.configure("10-pods.conflist", {
      cniVersion: "1.0.0",
      name: "odd",
      plugins: [{ type: "odd" }],
    });
    await world.script("odd", script);
    const pod = await world.attachment("pod1");
    assert.match(await rejects(world.networks.attach(pod, never), "internal"), expected);
  });
}

Deno.test("attach() waits for a plugin whose file is still being written", async () => {
  await using world = await cniWorld();
  await Deno.copyFile("/usr/lib/cni/bridge", `${world.ownBinDir}/bridge`);
  const writing = await Deno.open(`${world.ownBinDir}/bridge`, { write: true });
  setTimeout(() => writing.close(), 250);
  const pod = await world.attachment("pod1");
  await world.networks.attach(pod, never);
  await world.networks.detach(pod, never);
});

Deno.test("attach() asks the plugins for a version that all know when the file names none", async () => {
  await using world = await cniWorld();
  const { cniVersion: _, ...conf } = world.bridgeConf();
  await world.configure("10-pods.conflist", conf);
  const pod = await world.attachment("pod1");
  const { raw } = await world.networks.attach(pod, never);
  assert.match(JSON.stringify(raw), /"cniVersion":"1\.[01]\.0"/);
  await world.networks.check(pod, never);
  await world.networks.detach(pod, never);
});

for (const cniVersion of ["0.3.1", "0.4.0"]) {
  Deno.test(`attach() and detach() work with a configuration of ${cniVersion}`, async () => {
    await using world = await cniWorld();
    await world.configure("10-pods.conflist", world.bridgeConf({ cniVersion }));
    const pod = await world.attachment("pod1");
    assert.equal((await world.networks.attach(pod, never)).ips.length, 1);
    await world.networks.check(pod, never);
    await world.networks.detach(pod, never);
    assert.deepEqual(await world.leases(), []);
  });
}

Deno.test("attach() gives two networks eth0 and eth1, and IPv6 beside IPv4", async () => {
  await using world = await cniWorld({ maxConfNum: 2 });
  const ipam = {
    type: "host-local",
    dataDir: `${world.dir}/leases`,
    ranges: [[{ subnet: "fd77:1::/64" }], [{ subnet: `${world.subnet}.0/24` }]],
  };
  await world.configure("10-pods.conflist", {
    cniVersion: "1.0.0",
    name: world.networkName,
    plugins: [{ type: "bridge", bridge: world.bridge, ipam }],
  });
  await world.configure("20-second.conf", {
    cniVersion: "0.4.0",
    name: "second",
    type: "bridge",
    bridge: world.bridge,
    ipam: { ...ipam, ranges: [[{ subnet: "172.31.250.0/24" }]] },
  });
  const pod = await world.attachment("pod1");
  const { ips, interfaces } = await world.networks.attach(pod, never);
  assert.match(ips.join(), /^10\.[\d.]+,fd77:1::[0-9a-f]+$/);
  assert.match(interfaces.get("eth1")?.ipConfigs[0]?.ip ?? "", /^172\.31\.250\./);
  assert.equal((await world.cached()).length, 2);
  await world.networks.detach(pod, never);
  assert.deepEqual(await world.cached(), []);
  assert.deepEqual(await world.leases(), []);
});
