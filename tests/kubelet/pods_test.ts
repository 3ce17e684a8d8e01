/** The life of pods that a real kubelet runs through this daemon. */
import assert from "node:assert/strict";
import { eventually } from "../world/delay.ts";
import type { Pod } from "../world/kubelet.ts";
import { isReady, startKubeletNode } from "../world/kubelet_node.ts";

const { daemon, kubelet, image, container, withPod, log } = await startKubeletNode();

Deno.test("a pod of init container, sidecar and probes becomes ready", async () => {
  const www = [{ name: "www", mountPath: "/www" }];
  const spec = {
    volumes: [{ name: "www", emptyDir: { medium: "Memory" } }],
    initContainers: [
      container("first", "echo made by the first >/www/index.html", { volumeMounts: www }),
      container("beside", "busybox touch /www/beside; exec sleep 1000", {
        restartPolicy: "Always",
        volumeMounts: www,
        startupProbe: { exec: { command: ["sh", "-c", "test -e /www/beside"] }, periodSeconds: 1 },
      }),
    ],
    containers: [container("main", "echo $POD_IP >/www/ip; exec busybox httpd -f -p 8080 -h /www", {
      volumeMounts: www,
      env: [{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
      readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
      livenessProbe: { exec: { command: ["busybox", "true"] }, periodSeconds: 1 },
      resources: { requests: { cpu: "50m", memory: "16Mi" }, limits: { memory: "64Mi" } },
    })],
  };
  await withPod("web", spec, async () => {
    const { status } = await kubelet.pod("web", isReady);
    assert.equal(status.qosClass, "Burstable");
    assert.ok(status.podIP.startsWith(`${daemon.network.subnet}.`));
    assert.equal(status.initContainerStatuses[0].state.terminated.reason, "Completed");
    assert.equal(status.initContainerStatuses[1].started, true);
    const page = await fetch(`http://${status.podIP}:8080/`);
    assert.equal(await page.text(), "made by the first\n");
    const pod = `default/${kubelet.fullName("web")}`;
    const run = `/run/${pod}/main?cmd=cat+/www/ip`;
    assert.equal(await kubelet.call("POST", run), `${status.podIP}\n`);
  });
});

Deno.test("a container that fails its liveness probe is started again", async () => {
  const spec = {
    terminationGracePeriodSeconds: 1,
    containers: [container("main", "echo once more; exec sleep 1000", {
      livenessProbe: {
        exec: { command: ["busybox", "false"] },
        periodSeconds: 1,
        failureThreshold: 1,
      },
    })],
  };
  await withPod("ill", spec, async () => {
    const { status } = await kubelet.pod(
      "ill",
      ({ status }) => status.containerStatuses?.[0].restartCount >= 1,
    );
    const [{ lastState, containerID }] = status.containerStatuses;
    assert.equal(lastState.terminated.exitCode, 137);
    assert.notEqual(lastState.terminated.containerID, containerID);
    const logs = `/containerLogs/default/${kubelet.fullName("ill")}/main?previous=true`;
    assert.equal(await kubelet.call("GET", logs), "once more\n");
  });
});

Deno.test("how a container ended is told: code, reason, message", async () => {
  const filled = "exec busybox dd if=/dev/zero of=/dev/shm/all bs=1M count=200";
  const spec = {
    restartPolicy: "Never",
    containers: [
      container("three", "echo it broke >/dev/termination-log; exit 3"),
      container("fine", "echo well"),
      container("greedy", filled, { resources: { limits: { memory: "32Mi" } } }),
      { name: "none", image: image, command: ["/no/such/program"] },
    ],
  };
  await withPod("ended", spec, async () => {
    const { status } = await kubelet.pod("ended", ({ status }) => status.phase === "Failed");
    const ends = Object.fromEntries(
      status.containerStatuses.map(({ name, state }: Pod) => [name, state.terminated]),
    );
    assert.deepEqual(
      [ends.three.exitCode, ends.three.reason, ends.three.message],
      [3, "Error", "it broke\n"],
    );
    assert.deepEqual([ends.fine.exitCode, ends.fine.reason], [0, "Completed"]);
    assert.deepEqual([ends.greedy.exitCode, ends.greedy.reason], [137, "OOMKilled"]);
    assert.deepEqual([ends.none.exitCode, ends.none.reason], [128, "StartError"]);
    assert.match(ends.none.message, /no such file/);
  });
});

Deno.test("a pod has time to end, and its hook before that", async () => {
  const told = `${daemon.dir}/told`;
  await Deno.mkdir(told);
  const spec = {
    terminationGracePeriodSeconds: 20,
    volumes: [{ name: "told", hostPath: { path: told } }],
    containers: [
      container("main", "trap 'echo term >>/told/all; exit 0' TERM; while :; do sleep 0.1; done", {
        volumeMounts: [{ name: "told", mountPath: "/told" }],
        lifecycle: {
          postStart: { exec: { command: ["sh", "-c", "echo begun >>/told/all"] } },
          preStop: { exec: { command: ["sh", "-c", "echo hook >>/told/all"] } },
        },
      }),
    ],
  };
  await withPod("polite", spec, async () => {
    await kubelet.pod("polite", isReady);
    await kubelet.remove("polite");
    const all = () => Deno.readTextFile(`${told}/all`);
    await eventually(
      "the end of the container",
      async () => (await all()).endsWith("term\n"),
      20_000,
    );
    assert.equal(await all(), "begun\nhook\nterm\n");
  });
});

Deno.test("pods go on when daemon and kubelet are killed", async () => {
  const spec = { containers: [container("main", "echo begun; exec sleep 1000")] };
  await withPod("steady", spec, async () => {
    const before = (await kubelet.pod("steady", isReady)).status;
    await daemon.stop("SIGKILL");
    await daemon.start();
    await kubelet.restart();
    const after = (await kubelet.pod("steady", isReady)).status;
    const facts = (
      { podIP, containerStatuses: [it] }: Pod,
    ) => [podIP, it.containerID, it.restartCount];
    assert.deepEqual(facts(after), facts(before));
    const logs = `/containerLogs/default/${kubelet.fullName("steady")}/main`;
    assert.equal(await kubelet.call("GET", logs), "begun\n");
  });
});

Deno.test("a pod is reached by a port of the node", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = listener.addr.port;
  listener.close();
  const spec = {
    containers: [container("main", "mkdir -p /www; exec busybox httpd -f -p 80 -h /www", {
      ports: [{ containerPort: 80, hostPort: port }],
    })],
  };
  await withPod("outside", spec, async () => {
    await kubelet.pod("outside", isReady);
    const answer = await eventually("the port of the node", async () => {
      try {
        return await fetch(`http://127.0.0.1:${port}/`);
      } catch {
        return undefined;
      }
    });
    assert.equal(answer.status, 404);
    await answer.body?.cancel();
  });
});

Deno.test("a pod on the node's network sees its interfaces", async () => {
  const spec = {
    hostNetwork: true,
    containers: [container("main", "exec busybox cat /proc/self/net/dev")],
    restartPolicy: "Never",
  };
  await withPod("inside", spec, async () => {
    await kubelet.pod("inside", ({ status }) => status.phase === "Succeeded");
    const text = await log("inside");
    assert.match(text, new RegExp(daemon.network.bridge));
  });
});
