/** Pods and containers through crictl: made, seen, stopped, removed, and nothing left of them. */
import assert from "node:assert/strict";
import { CriClient } from "../world/cri_client.ts";
import { eventually } from "../world/delay.ts";
import { containerConfig, podConfig } from "../world/requests.ts";
import { sharedNode } from "../world/shared_node.ts";

const { daemon, crictl, pods, image } = await sharedNode();
await crictl("pull", image);

/** Runs a pod with one container that runs a command line, and gives both ids. */
async function runPod(name: string, more: { pod?: object; container?: object } = {}) {
  const request = {
    pod: podConfig(daemon, name, more.pod),
    container: containerConfig("main", image, more.container),
  };
  const pod = await pods.run(name, more.pod);
  const container = await pods.create(pod, request);
  await crictl("start", container);
  return { pod, container };
}

/** The IP address of a pod. */
async function ipOf(pod: string): Promise<string> {
  return (await crictl.json("inspectp", pod)).status.network.ip;
}

/** Waits until a container has exited, and gives its status. */
async function exited(container: string) {
  return await eventually("the container's end", async () => {
    const { status } = await crictl.json("inspect", container);
    return status.state === "CONTAINER_EXITED" && status;
  });
}

const SERVE = ["sh", "-c", "mkdir /www; echo hello > /www/index.html; exec httpd -f -h /www -p 80"];

Deno.test("runp, pods and inspectp show a pod as it was asked for", async () => {
  const labels = { app: "web", tier: "front" };
  const annotations = { note: "a text" };
  const id = await pods.run("shown", { labels, annotations });
  const [listed, ...others] = (await crictl.json("pods", "--id", id.slice(0, 8))).items;
  assert.deepEqual(others, []);
  assert.deepEqual([listed.id, listed.state], [id, "SANDBOX_READY"]);
  assert.deepEqual([listed.labels, listed.annotations], [labels, annotations]);
  const { status, info } = await crictl.json("inspectp", id);
  assert.deepEqual(status.metadata, {
    name: "shown",
    namespace: "default",
    uid: "uid-shown",
    attempt: 0,
  });
  assert.ok(status.network.ip.startsWith(`${daemon.network.subnet}.`));
  assert.equal(status.linux.namespaces.options.network, "POD");
  assert.ok(info.pid > 1);
  assert.equal(info.runtimeSpec.hostname, "shown");
  assert.equal(info.config.hostname, "shown");
});

Deno.test("crictl pods filters by name, namespace, label, state and how many", async () => {
  const names = async (...flags: string[]) => {
    const { items } = await crictl.json("pods", ...flags);
    return items.map((it: { metadata: { name: string } }) => it.metadata.name).sort();
  };
  const other = { metadata: { name: "c", namespace: "system", uid: "u", attempt: 0 } };
  const [first] = [
    await pods.run("a", { labels: { app: "one" } }),
    await pods.run("b", { labels: { app: "two", x: "y" } }),
    await pods.run("c", other),
  ];
  await crictl("stopp", first);
  assert.deepEqual(await names(), ["a", "b", "c"]);
  assert.deepEqual(await names("--state", "ready"), ["b", "c"]);
  assert.deepEqual(await names("--state", "notready"), ["a"]);
  assert.deepEqual(await names("--label", "app=two"), ["b"]);
  assert.deepEqual(await names("--label", "app=two", "--label", "x=z"), []);
  assert.deepEqual(await names("--namespace", "system"), ["c"]);
  assert.deepEqual(await names("--name", "b"), ["b"]);
  assert.deepEqual(await names("--latest"), ["c"]);
});

Deno.test("create, start, ps and inspect show a container as it was asked for", async () => {
  const { pod, container } = await runPod("made", {
    container: {
      labels: { "io.kubernetes.pod.name": "made", part: "one" },
      annotations: { a: "b" },
      command: ["sh", "-c", "echo $WORD in $PWD; sleep 1000"],
      envs: [{ key: "WORD", value: "works" }],
      working_dir: "/bin",
    },
  });
  const [listed] = (await crictl.json("ps", "--pod", pod)).containers;
  assert.deepEqual([listed.id, listed.state], [container, "CONTAINER_RUNNING"]);
  assert.deepEqual([listed.labels, listed.annotations], [
    { "io.kubernetes.pod.name": "made", part: "one" },
    { a: "b" },
  ]);
  assert.equal(listed.imageId, (await crictl.json("inspecti", image)).status.id);
  const { status, info } = await crictl.json("inspect", container);
  assert.equal(status.image.image, image);
  assert.equal(status.logPath, `${daemon.logDir}/made/main.log`);
  assert.ok(BigInt(Date.parse(status.startedAt)) >= BigInt(Date.parse(status.createdAt)));
  assert.ok(info.pid > 1 && info.runtimeSpec.process.cwd === "/bin");
  await eventually("the log", async () => (await crictl("logs", container)) === "works in /bin\n");
  assert.match(await crictl("ps"), /main +0 +[0-9a-f]{13} +made/);
});

Deno.test("a container's exit code, reason and whole log are there when it shows as exited", async () => {
  const { container } = await runPod("exits", {
    container: { command: ["sh", "-c", "seq 1 20000; echo err >&2; exit 3"] },
  });
  const status = await exited(container);
  assert.deepEqual([status.exitCode, status.reason], [3, "Error"]);
  assert.ok(Date.parse(status.finishedAt) >= Date.parse(status.startedAt));
  const log = await Deno.readTextFile(`${daemon.logDir}/exits/main.log`);
  const lines = log.trimEnd().split("\n");
  assert.equal(lines.length, 20_001);
  assert.match(lines[0] ?? "", /^\d{4}-\d\d-\d\dT[\d:]+\.\d{9}\S+ stdout F 1$/);
  assert.equal(lines.filter((line) => / stderr F err$/.test(line)).length, 1);
  const tail = await crictl.attempt("logs", "--tail", "2", container);
  assert.equal(`${tail.stdout}${tail.stderr}`.split("\n").length, 3);
});

Deno.test("crictl stop ends by the stop signal, and kills after the grace period", async () => {
  const gentle = await runPod("gentle", {
    container: {
      command: ["sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done"],
    },
  });
  await eventually("the trap", async () => (await crictl("logs", gentle.container)) === "up\n");
  await crictl("stop", "--timeout", "20", gentle.container);
  assert.equal((await exited(gentle.container)).exitCode, 7);
  const deaf = await runPod("deaf", {
    container: { command: ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"] },
  });
  await eventually("the trap", async () => (await crictl("logs", deaf.container)) === "up\n");
  await crictl("stop", "--timeout", "1", deaf.container);
  assert.equal((await exited(deaf.container)).exitCode, 137);
});

Deno.test("rm takes stopped containers, and running ones by force", async () => {
  const { pod, container } = await runPod("removing");
  assert.equal((await crictl.attempt("rm", container)).code, 1, "crictl asks for --force");
  await crictl("rm", "--force", container);
  assert.deepEqual((await crictl.json("ps", "--all", "--pod", pod)).containers ?? [], []);
  assert.match((await crictl.attempt("inspect", container)).stderr, /code = NotFound/);
});

Deno.test("stopp ends the pod's containers and gives its address back, rmp removes all", async () => {
  const { pod, container } = await runPod("ending");
  assert.equal((await daemon.network.leases()).length, 1);
  await crictl("stopp", pod);
  assert.deepEqual(await daemon.network.leases(), []);
  assert.equal((await exited(container)).exitCode, 137);
  await crictl("stopp", pod);
  await crictl("rmp", pod);
  assert.match((await crictl.attempt("inspectp", pod)).stderr, /code = NotFound/);
});

Deno.test("two pods reach each other by their addresses", async () => {
  const server = await runPod("server", { container: { command: SERVE } });
  const url = `http://${await ipOf(server.pod)}/`;
  const ask = `for i in 1 2 3 4 5; do wget -qO- ${url} && exit; sleep 0.2; done; exit 1`;
  const client = await runPod("client", { container: { command: ["sh", "-c", ask] } });
  assert.equal((await exited(client.container)).exitCode, 0);
  assert.equal(await crictl("logs", client.container), "hello\n");
});

Deno.test("a host port answers on the node and on loopback", async () => {
  using free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const hostPort = free.addr.port;
  free.close();
  await runPod("published", {
    pod: { port_mappings: [{ protocol: 0, container_port: 80, host_port: hostPort }] },
    container: { command: SERVE },
  });
  for (const host of ["127.0.0.1", `${daemon.network.subnet}.1`]) {
    const text = await eventually(`an answer of ${host}`, async () => {
      const answer = await fetch(`http://${host}:${hostPort}/`).catch(() => undefined);
      return await answer?.text();
    });
    assert.equal(text, "hello\n");
  }
});

async function hostInterfaces(): Promise<Set<string>> {
  return new Set(await Array.fromAsync(Deno.readDir("/sys/class/net"), ({ name }) => name));
}

Deno.test("a pod on the host's network has the host's interfaces and hostname, and no address", async () => {
  const security = { namespace_options: { network: 2, pid: 1, ipc: 0 } };
  await pods.run("neighbour");
  const before = await hostInterfaces();
  const { pod, container } = await runPod("hostnet", {
    pod: {
      hostname: "",
      linux: { cgroup_parent: daemon.cgroupParent, security_context: security },
    },
    container: {
      command: ["ls", "/sys/class/net"],
      linux: { security_context: security },
    },
  });
  await exited(container);
  const seen = (await crictl("logs", container)).trim().split("\n");
  // Pods of other tests come and go meanwhile.
  const staying = before.intersection(await hostInterfaces());
  assert.deepEqual([...staying.difference(new Set(seen))], []);
  assert.ok(staying.has(daemon.network.bridge));
  const { status } = await crictl.json("inspectp", pod);
  assert.deepEqual([status.network.ip, status.linux.namespaces.options.network], ["", "NODE"]);
  assert.equal((await daemon.network.leases()).length, 1, "the neighbour's alone");
});

Deno.test("a pod has the DNS, hosts, hostname, sysctls and shared memory that it asked for", async () => {
  const { container } = await runPod("formed", {
    pod: {
      dns_config: { servers: ["10.9.8.7"], searches: ["a.test"], options: ["ndots:3"] },
      linux: {
        cgroup_parent: daemon.cgroupParent,
        sysctls: { "net.ipv4.ip_unprivileged_port_start": "77" },
      },
    },
    container: {
      command: [
        "sh",
        "-c",
        "cat /etc/resolv.conf /etc/hostname /proc/sys/net/ipv4/ip_unprivileged_port_start; " +
        "busybox df -k /dev/shm | busybox tail -n 1 | busybox awk '{print $2}'",
      ],
    },
  });
  await exited(container);
  assert.equal(
    await crictl("logs", container),
    "search a.test\nnameserver 10.9.8.7\noptions ndots:3\nformed\n77\n65536\n",
  );
});

Deno.test("equal requests at the same time make one pod and one container, and both get its id", async () => {
  // On one connection: two programs may well come one after the other.
  using cri = new CriClient(daemon.listen);
  const metadata = { name: "twice", namespace: "default", uid: "uid-twice", attempt: 0 };
  const { cgroupParent } = daemon;
  const config = { metadata, logDirectory: `${daemon.logDir}/twice`, linux: { cgroupParent } };
  const run = () => cri.call("runPodSandbox", { config });
  const [{ podSandboxId }, samePod] = await Promise.all([run(), run()]);
  assert.equal(samePod.podSandboxId, podSandboxId);
  const main = { metadata: { name: "main" }, image: { image }, command: ["sleep", "1000"] };
  const create = () =>
    cri.call("createContainer", { podSandboxId, config: main, sandboxConfig: config });
  const [{ containerId }, sameContainer] = await Promise.all([create(), create()]);
  assert.equal(sameContainer.containerId, containerId);
  assert.equal((await crictl.json("pods")).items.length, 1);
  assert.equal((await crictl.json("ps", "--all")).containers.length, 1);
});

Deno.test("another request for a name in use is refused with what holds it", async () => {
  const pod = await pods.run("taken");
  const other = podConfig(daemon, "taken", { labels: { other: "request" } });
  const outcome = await crictl.attempt("runp", await crictl.file(other));
  assert.match(outcome.stderr, /code = AlreadyExists/);
  assert.ok(outcome.stderr.includes(pod), outcome.stderr);
});
