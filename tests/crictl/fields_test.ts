/** Fields that few pods have: CDI devices, base specs, processes of another container, limits. */
import assert from "node:assert/strict";
import { Signal } from "../../src/gen/cri/v1/api.ts";
import { busyboxFiles, testImage } from "../fakes/test_image.ts";
import { eventually } from "../world/delay.ts";
import { limitOf } from "../world/limits.ts";
import { containerConfig, podConfig } from "../world/requests.ts";
import { sharedNode } from "../world/shared_node.ts";

const files = await Deno.makeTempDir({ prefix: "cri-fields-" });
await Deno.mkdir(`${files}/cdi`);
await Deno.writeTextFile(
  `${files}/base.json`,
  JSON.stringify({
    process: { rlimits: [{ type: "RLIMIT_NOFILE", soft: 77, hard: 99 }] },
    hooks: { createRuntime: [{ path: "/bin/touch", args: ["touch", `${files}/hooked`] }] },
  }),
);

const { daemon, crictl, pods, image, registry } = await sharedNode({
  config: `[containerd.runtimes.based]
base_spec = "${files}/base.json"
[cdi]
spec_dirs = ["${files}/cdi", "${files}/none"]
`,
});
await crictl("pull", image);

Deno.test.afterAll(async () => {
  await Deno.remove(files, { recursive: true });
});

/** Creates a container in a pod, which is made when none is given. */
async function create(name: string, more: object, pod?: string): Promise<string> {
  const container = containerConfig(name, image, more);
  return await pods.create(pod ?? await pods.run(name), {
    pod: podConfig(daemon, name),
    container,
  });
}

async function output(container: string, ...command: string[]): Promise<string> {
  return (await crictl("exec", "--sync", container, ...command)).trimEnd();
}

Deno.test("a CDI device from a YAML file brings its node, variables and mounts along", async () => {
  await Deno.writeTextFile(
    `${files}/cdi/vendor.yaml`,
    `cdiVersion: "0.6.0"
kind: vendor.com/zero
devices:
  - name: "0"
    containerEdits:
      deviceNodes:
        - path: /dev/vendor0
          hostPath: /dev/zero
          permissions: r
      env: ["VISIBLE=0"]
containerEdits:
  mounts:
    - hostPath: ${files}/base.json
      containerPath: /vendor/base.json
      options: [ro, nosuid, bind]
`,
  );
  await Deno.writeTextFile(`${files}/cdi/broken.json`, "{");
  const container = await create("cdi", { CDI_devices: [{ name: "vendor.com/zero=0" }] });
  await crictl("start", container);
  assert.match(await output(container, "ls", "-l", "/dev/vendor0"), /^c.* 1, +5 /);
  assert.equal(await output(container, "sh", "-c", "echo $VISIBLE"), "0");
  assert.match(await output(container, "cat", "/vendor/base.json"), /RLIMIT_NOFILE/);
  assert.match(await daemon.log(), /CDI file .*broken\.json is not used/);
});

Deno.test("a CDI device that no file has is refused with the key to look at", async () => {
  const refused = create("unknown", { CDI_devices: [{ name: "vendor.com/zero=7" }] });
  await assert.rejects(refused, /No CDI file describes .*vendor\.com\/zero=7.*cdi\.spec_dirs/);
});

Deno.test("a runtime's base spec gives its containers limits and hooks", async () => {
  const request = await crictl.file(podConfig(daemon, "based"));
  const pod = (await crictl("runp", "--runtime", "based", request)).trim();
  assert.equal((await crictl.json("inspectp", pod)).status.runtimeHandler, "based");
  const container = await create("based", {}, pod);
  await crictl("start", container);
  assert.equal(await output(container, "sh", "-c", "ulimit -n; ulimit -Hn"), "77\n99");
  await Deno.lstat(`${files}/hooked`);
});

Deno.test("a runtime handler that isn't configured is refused with those that are", async () => {
  const request = await crictl.file(podConfig(daemon, "handler"));
  const { stderr } = await crictl.attempt("runp", "--runtime", "none", request);
  assert.match(stderr, /InvalidArgument.*no runtime \\?"none\\?".*use one of: .*runc.*based/);
});

Deno.test("a container sees the processes of the one that it targets", async () => {
  const pod = await pods.run("target", {
    linux: {
      cgroup_parent: daemon.cgroupParent,
      security_context: { namespace_options: { pid: 1 } },
    },
  });
  const target = await create("target", { command: ["sleep", "4711"] }, pod);
  const namespace_options = { pid: 3, target_id: target };
  const more = { linux: { security_context: { namespace_options } } };
  const early = create("early", more, pod);
  await assert.rejects(early, /target_id: .* is not a running container of this pod/);
  await crictl("start", target);
  const debugging = await create("debugging", more, pod);
  await crictl("start", debugging);
  assert.match(await output(debugging, "busybox", "ps"), /sleep 4711/);
});

Deno.test("a stop signal of the request counts before the image's, and the status tells it", async () => {
  registry.addImage(
    "signal:1",
    testImage({
      layers: [await busyboxFiles()],
      config: { Env: ["PATH=/bin"], StopSignal: "SIGUSR2" },
    }),
  );
  const reference = `${registry.host}/signal:1`;
  await crictl("pull", reference);
  const waits = "trap 'exit 10' USR1; trap 'exit 12' USR2; while :; do sleep 0.1; done";
  const pod = await pods.run("signals");
  const cases: [name: string, more: object, signal: string, code: number][] = [
    ["image", {}, "SIGUSR2", 12],
    ["request", { stop_signal: Signal.SIGUSR1 }, "SIGUSR1", 10],
  ];
  for (const [name, more, signal, code] of cases) {
    const command = ["sh", "-c", waits];
    const container = await create(name, { image: { image: reference }, command, ...more }, pod);
    await crictl("start", container);
    const { status } = await crictl.json("inspect", container);
    assert.equal(status.stopSignal, signal);
    await eventually("the trap to be set", async () => {
      const text = await Deno.readTextFile(`/proc/${await pidOf(container)}/status`);
      const caught = BigInt(`0x${/SigCgt:\s*(\w+)/.exec(text)?.[1]}`);
      return (caught & (1n << 9n)) !== 0n && (caught & (1n << 11n)) !== 0n;
    });
    await crictl("stop", "--timeout", "20", container);
    assert.equal((await crictl.json("inspect", container)).status.exitCode, code);
  }
});

async function pidOf(container: string): Promise<number> {
  return (await crictl.json("inspect", container)).info.pid;
}

Deno.test("limits of processes, CPUs and memory nodes are the cgroup's", async () => {
  const container = await create("limits", {
    linux: {
      resources: { cpuset_cpus: "1", cpuset_mems: "0", unified: { "pids.max": "33" } },
    },
  });
  await crictl("start", container);
  const pid = await pidOf(container);
  assert.deepEqual([await limitOf(pid, "pids"), await limitOf(pid, "cpus")], ["33", "1"]);
});

Deno.test("a container that the kernel kills for memory is told of as OOMKilled", async () => {
  const container = await create("oom", {
    command: ["sh", "-c", "busybox dd if=/dev/zero of=/dev/null bs=300M count=1"],
    linux: { resources: { memory_limit_in_bytes: 20_000_000 } },
  });
  await crictl("start", container);
  const status = await eventually("its end", async () => {
    const { status } = await crictl.json("inspect", container);
    return status.state === "CONTAINER_EXITED" && status;
  });
  assert.deepEqual([status.reason, status.exitCode], ["OOMKilled", 137]);
});
