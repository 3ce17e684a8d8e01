/** What goes wrong on a node: a clear error, and nothing left of the pod or container. */
import assert from "node:assert/strict";
import { eventually } from "../world/delay.ts";
import { leftovers } from "../world/leftovers.ts";
import { CONF_FILE, PLUGIN_DIRS } from "../world/network.ts";
import { containerConfig, podConfig } from "../world/requests.ts";
import { sh } from "../world/sh.ts";
import { sharedNode } from "../world/shared_node.ts";

const { daemon, crictl, pods, image } = await sharedNode();
const { network } = daemon;
await crictl("pull", image);

const METADATA = { name: "hostile", namespace: "default", uid: "u", attempt: 0 };

/** Replaces the network's configuration as installers do, and waits until it is in use. */
async function configure(text: string): Promise<void> {
  await Deno.writeTextFile(`${daemon.dir}/next`, text);
  await Deno.rename(`${daemon.dir}/next`, `${network.confDir}/${CONF_FILE}`);
  await eventually("the configuration to be seen", async () => {
    const { cniconfig } = await crictl.json("info");
    return cniconfig.Networks[0].Config.Source === text;
  });
}

/** Runs a pod that must fail, and gives what crictl says. */
async function failingPod(name: string, more: object = {}): Promise<string> {
  const outcome = await crictl.attempt(
    "runp",
    await crictl.file(podConfig(daemon, name, more)),
  );
  assert.equal(outcome.code, 1, outcome.stdout);
  return outcome.stderr;
}

/** Writes the last plugin of {@link withPlugin}. */
async function plugin(lines: string): Promise<void> {
  await Deno.writeTextFile(`${daemon.dir}/next`, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  await Deno.rename(`${daemon.dir}/next`, `${daemon.ownPluginDir}/failing`);
}

/** Adds a plugin to the network until it is disposed of. */
async function withPlugin(lines: string): Promise<AsyncDisposable> {
  await plugin(lines);
  const conf = JSON.parse(network.conf());
  conf.plugins.push({ type: "failing" });
  await configure(JSON.stringify(conf));
  return { [Symbol.asyncDispose]: () => configure(network.conf()) };
}

Deno.test("a plugin that fails is told with its words, and the address is given back", async () => {
  const fails =
    `test "$CNI_COMMAND" = ADD && echo '{"code": 99, "msg": "no luck today"}' && exit 1`;
  await using _plugin = await withPlugin(`${fails}\nexit 0`);
  const text = await failingPod("unlucky");
  assert.match(text, /Cannot run pod default\/unlucky .*failing.*no luck today/);
  assert.deepEqual(await leftovers(daemon), []);
});

Deno.test("a plugin that is missing is named, with the folders that were searched", async () => {
  const conf = JSON.parse(network.conf());
  conf.plugins.push({ type: "nonexistent" });
  await configure(JSON.stringify(conf));
  try {
    const text = await failingPod("lacking");
    assert.match(text, /nonexistent/);
    assert.ok(PLUGIN_DIRS.every((dir) => text.includes(dir)), text);
  } finally {
    await configure(network.conf());
  }
  assert.deepEqual(await leftovers(daemon), []);
});

Deno.test("a pod whose network can't be given back stays listed until it can", async () => {
  {
    await using _plugin = await withPlugin("echo stuck >&2; exit 1");
    assert.match(await failingPod("stuck"), /stuck/);
    const { items } = await crictl.json("pods", "--name", "stuck");
    assert.deepEqual(
      items.map((it: { state: string }) => it.state),
      ["SANDBOX_NOTREADY"],
    );
    const removal = await crictl.attempt("rmp", items[0].id);
    assert.equal(removal.code, 1);
  }
  await plugin("exit 0");
  await crictl("rmp", (await crictl("pods", "--name", "stuck", "-q")).trim());
  assert.deepEqual(await leftovers(daemon), []);
});

Deno.test("a container of an image that isn't there is refused", async () => {
  const pod = await pods.run("imageless");
  const request = {
    pod: podConfig(daemon, "imageless"),
    container: containerConfig("main", "nowhere.test/none:1"),
  };
  const files = [await crictl.file(request.container), await crictl.file(request.pod)];
  const outcome = await crictl.attempt("create", pod, ...files);
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /nowhere\.test\/none:1/);
  assert.deepEqual((await crictl.json("ps", "--all")).containers ?? [], []);
});

Deno.test("a program that isn't there is exit code 128 and StartError, as the kubelet knows it", async () => {
  const pod = await pods.run("programless");
  const container = await pods.create(pod, {
    pod: podConfig(daemon, "programless"),
    container: containerConfig("main", image, { command: ["/no/such/program"] }),
  });
  const outcome = await crictl.attempt("start", container);
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /no such file/);
  const { status } = await crictl.json("inspect", container);
  assert.deepEqual(
    [status.state, status.exitCode, status.reason],
    ["CONTAINER_EXITED", 128, "StartError"],
  );
  assert.match(status.message, /no such file/);
});

Deno.test("a shim that is killed leaves an exited container and a pod that can be removed", async () => {
  const pod = await pods.run("shimless");
  const container = await pods.create(pod, {
    pod: podConfig(daemon, "shimless"),
    container: containerConfig("main", image),
  });
  await crictl("start", container);
  const { info } = await crictl.json("inspectp", pod);
  const parent = (await sh("ps", "-o", "ppid=", "-p", String(info.pid))).trim();
  assert.match(await sh("ps", "-o", "args=", "-p", parent), /containerd-shim/);
  Deno.kill(Number(parent), "SIGKILL");
  await eventually("the pod to be NotReady", async () => {
    const { status } = await crictl.json("inspectp", pod);
    return status.state === "SANDBOX_NOTREADY";
  });
  await eventually("the container to be exited", async () => {
    const { status } = await crictl.json("inspect", container);
    return status.state === "CONTAINER_EXITED" && status.exitCode !== 0;
  });
  const again = await pods.run("shimless", {
    metadata: { name: "shimless", namespace: "default", uid: "uid-shimless", attempt: 1 },
  });
  assert.notEqual(again, pod);
});

Deno.test("a full disk fails a pod with the reason, and nothing is left of it", async () => {
  const small = `${daemon.dir}/root/sandboxes`;
  await Deno.mkdir(small, { recursive: true });
  // Not a page of room: the pod's own files can't be written.
  await sh("mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=3", "tmpfs", small);
  try {
    const text = await failingPod("full");
    assert.match(text, /Cannot run pod default\/full/);
    assert.match(text, /No space left on device/i);
  } finally {
    await sh("umount", small);
  }
  assert.deepEqual(await leftovers(daemon), []);
});

for (
  const { name, more, field } of [
    {
      name: "an id with slashes",
      more: { metadata: { ...METADATA, name: "../x" } },
      field: "metadata",
    },
    { name: "a log directory elsewhere", more: { log_directory: "/etc" }, field: "log_directory" },
    {
      name: "a log directory that climbs out",
      more: { log_directory: `${daemon.logDir}/../../etc` },
      field: "log_directory",
    },
    {
      name: "a sysctl with another in it",
      more: { linux: { sysctls: { "kernel.shm_rmid_forced": "1+kernel.core_pattern=|/x" } } },
      field: "sysctls",
    },
    { name: "a label of 10 MB", more: { labels: { x: "y".repeat(10_000_000) } }, field: "labels" },
    {
      name: "a host port beyond all ports",
      more: { port_mappings: [{ container_port: 80, host_port: 70_000 }] },
      field: "port_mappings",
    },
  ]
) {
  Deno.test(`a pod with ${name} is refused by the name of the field, and nothing is made`, async () => {
    const text = await failingPod("hostile", more);
    assert.match(text, /code = InvalidArgument/);
    assert.ok(text.includes(field), text);
    assert.deepEqual(await leftovers(daemon), []);
    assert.deepEqual((await crictl.json("pods")).items ?? [], []);
  });
}

Deno.test("a container whose log path climbs out of the pod's folder is refused", async () => {
  const pod = await pods.run("climbing");
  const container = containerConfig("main", image, { log_path: "../../../etc/x.log" });
  const outcome = await crictl.attempt(
    "create",
    pod,
    await crictl.file(container),
    await crictl.file(podConfig(daemon, "climbing")),
  );
  assert.match(outcome.stderr, /code = InvalidArgument.*log_path/);
});
