/** The cni compartment as a Worker that may run the plugin files and do nothing else. */
import assert from "node:assert/strict";
import { callChannel } from "../../src/compartments/channel.ts";
import type { CompartmentMessage } from "../../src/compartments/start.ts";
import type { PluginCall, PluginService } from "../../src/cni/types.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { computePermissions, workerPermissions } from "../../src/supervisor/permissions.ts";
import { pluginFiles } from "../../src/supervisor/plugins.ts";
import { rejects } from "../suites/cni_suite.ts";
import { cniWorld } from "../world/cni.ts";
import { eventually } from "../world/delay.ts";
import { sh } from "../world/sh.ts";

const never = new AbortController().signal;

async function startCompartment(plugins: readonly string[]) {
  const config = defaultConfig();
  const worker = new Worker(new URL("../../src/compartments/cni.ts", import.meta.url), {
    type: "module",
    deno: { permissions: workerPermissions(computePermissions(config, plugins).cni) },
  });
  const { port1, port2 } = new MessageChannel();
  const { promise, resolve } = Promise.withResolvers<CompartmentMessage>();
  worker.onmessage = ({ data }) => resolve(data);
  const log = { level: "error" as const, format: "text" as const };
  worker.postMessage({ kind: "start", config, ports: { server: port2 }, log }, [port2]);
  assert.deepEqual(await promise, { kind: "ready" });
  const plugin = callChannel<PluginService>(port1, "cni");
  return {
    run: (call: PluginCall, signal: AbortSignal) => plugin.runPlugin(call, { signal }),
    /** Tells it to stop, and waits until it has. */
    stop: async () => {
      const { promise, resolve } = Promise.withResolvers<CompartmentMessage>();
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage({ kind: "stop" });
      assert.deepEqual(await promise, { kind: "stopped" });
    },
    [Symbol.dispose]: () => {
      port1.close();
      worker.terminate();
    },
  };
}

function callOf(path: string, env: Record<string, string> = {}): PluginCall {
  return {
    path,
    env: { CNI_COMMAND: "VERSION", ...env },
    stdin: new TextEncoder().encode(`{"cniVersion":"1.0.0"}`),
    timeoutMs: 5_000,
  };
}

Deno.test("cni compartment: attaches and detaches with the permissions it is given", async () => {
  using compartment = await startCompartment(await pluginFiles(["/usr/lib/cni", "/opt/cni/bin"]));
  await using world = await cniWorld({ runPlugin: compartment.run });
  const pod = await world.attachment("pod1");
  const { ips } = await world.networks.attach(pod, never);
  assert.deepEqual(await world.leases(), ips);
  await world.networks.check(pod, never);
  await world.networks.detach(pod, never);
  assert.deepEqual(await world.leases(), []);
});

Deno.test("cni compartment: runs no other program, however it is called", async () => {
  const [plugin = ""] = await pluginFiles(["/usr/lib/cni"]);
  using compartment = await startCompartment([plugin]);
  const { code, stdout } = await compartment.run(callOf(plugin), never);
  assert.equal(code, 0);
  assert.match(new TextDecoder().decode(stdout), /supportedVersions/);
  const folder = plugin.slice(0, plugin.lastIndexOf("/"));
  for (const path of ["/bin/sh", `${folder}/host-local`, `${folder}/../../bin/sh`, "sh"]) {
    await rejects(compartment.run(callOf(path), never), "permissionDenied");
  }
  const hostile = callOf(plugin, { LD_PRELOAD: "/tmp/evil.so" });
  await rejects(compartment.run(hostile, never), "permissionDenied");
});

Deno.test("cni compartment: kills a hanging plugin at its timeout, and when the caller gives up", async () => {
  await using world = await cniWorld();
  await world.script("hang", "exec sleep 4217");
  const path = `${world.ownBinDir}/hang`;
  using compartment = await startCompartment([path]);
  await rejects(compartment.run({ ...callOf(path), timeoutMs: 200 }, never), "deadlineExceeded");
  const abort = new AbortController();
  setTimeout(() => abort.abort(new DOMException("given up", "AbortError")), 100);
  await rejects(compartment.run(callOf(path), abort.signal), "cancelled");
  assert.doesNotMatch(await sh("ps", "-eo", "args"), /^sleep 4217$/m);
});

Deno.test("cni compartment: lets a plugin finish when it is told to stop, and kills one that hangs", async () => {
  await using world = await cniWorld();
  const done = `${world.ownBinDir}/done`;
  const begun = `${world.ownBinDir}/begun`;
  await world.script("slow", `touch ${begun}; sleep 0.2; touch ${done}`);
  await world.script("hang", "exec sleep 4218");
  const [slow, hang] = [`${world.ownBinDir}/slow`, `${world.ownBinDir}/hang`];
  using compartment = await startCompartment([slow, hang]);
  const finishing = compartment.run(callOf(slow), never);
  const hanging = rejects(compartment.run(callOf(hang), never), "unavailable");
  await eventually("the plugin", () => Deno.lstat(begun).catch(() => undefined));
  await compartment.stop();
  assert.ok((await Deno.lstat(done)).isFile);
  assert.equal((await finishing).code, 0);
  await hanging;
  assert.doesNotMatch(await sh("ps", "-eo", "args"), /^sleep 4218$/m);
});

Deno.test("attach() waits a moment for a plugin that the compartment may not run yet", async () => {
  await using world = await cniWorld();
  using before = await startCompartment([]);
  let current = before;
  const networks = await cniWorld({
    ...world.options,
    runPlugin: (call, signal) => current.run(call, signal),
  });
  await using _ = networks;
  using after = await startCompartment(await pluginFiles(["/usr/lib/cni", "/opt/cni/bin"]));
  setTimeout(() => current = after, 300);
  const pod = await networks.attachment("pod1");
  await networks.networks.attach(pod, never);
  await networks.networks.detach(pod, never);
});
