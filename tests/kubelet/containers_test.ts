/** What a real kubelet's containers are given, and what it is told of them. */
import assert from "node:assert/strict";
import { eventually } from "../world/delay.ts";
import type { Pod } from "../world/kubelet.ts";
import { isReady, startKubeletNode } from "../world/kubelet_node.ts";
import { skipUnless } from "../world/skip.ts";
import { buildGoClient, goClient } from "../world/go_client.ts";

const { daemon, kubelet, image, crictl, container, withPod, log } = await startKubeletNode();
const { runtimeHandlers } = await crictl.json("info");
const whereUsersAreMapped = skipUnless(
  runtimeHandlers.some((it: Pod) => it.features?.user_namespaces === true),
  "the runtime has no user namespaces",
);

Deno.test("the security context of a pod is that of its processes", async () => {
  const spec = {
    hostname: "named",
    dnsPolicy: "None",
    dnsConfig: {
      nameservers: ["10.1.2.3"],
      searches: ["some.test"],
      options: [{ name: "rotate" }],
    },
    hostAliases: [{ ip: "10.7.7.7", hostnames: ["seven"] }],
    shareProcessNamespace: true,
    securityContext: {
      runAsUser: 1000,
      runAsGroup: 3000,
      fsGroup: 2000,
      supplementalGroups: [4000],
      seccompProfile: { type: "RuntimeDefault" },
      sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: "0" }],
    },
    volumes: [{ name: "data", emptyDir: {} }],
    containers: [
      container(
        "main",
        "busybox id; busybox hostname; busybox cat /etc/resolv.conf /etc/hosts; " +
          "busybox grep -E 'Seccomp:|CapEff' /proc/self/status; busybox stat -c %g /data; " +
          "busybox cat /proc/sys/net/ipv4/ip_unprivileged_port_start; echo all; exec sleep 1000",
        {
          volumeMounts: [{ name: "data", mountPath: "/data" }],
          securityContext: {
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
          },
        },
      ),
    ],
  };
  await withPod("safe", spec, async () => {
    await kubelet.pod("safe", isReady);
    const text = await eventually("all of its log", async () => {
      const lines = await log("safe");
      return lines.endsWith("all\n") ? lines : undefined;
    });
    for (
      const wanted of [
        /uid=1000 gid=3000 groups=(2000|3000|4000),/,
        /^named$/m,
        /^nameserver 10\.1\.2\.3$/m,
        /^search some\.test$/m,
        /^options rotate$/m,
        /^10\.7\.7\.7\tseven$/m,
        /Seccomp:\t2/,
        /CapEff:\t0000000000000000/,
        /^2000$/m,
        /^0$/m,
      ]
    ) assert.match(text, wanted);
  });
});

Deno.test("an image is a volume of a pod", async () => {
  const spec = {
    restartPolicy: "Never",
    volumes: [{ name: "image", image: { reference: image } }],
    containers: [
      container(
        "main",
        "/image/bin/busybox echo from the volume; (echo no >/image/file) 2>/dev/null || echo refused",
        {
          volumeMounts: [{ name: "image", mountPath: "/image" }],
        },
      ),
    ],
  };
  await withPod("shown", spec, async () => {
    await kubelet.pod("shown", ({ status }) => status.phase === "Succeeded");
    const text = await log("shown");
    assert.equal(text, "from the volume\nrefused\n");
  });
});

Deno.test({
  ...whereUsersAreMapped("a pod without the node's users has its volumes as its own"),
  fn: async () => {
    const spec = {
      hostUsers: false,
      securityContext: { fsGroup: 2000 },
      volumes: [{ name: "data", emptyDir: {} }],
      containers: [
        container(
          "main",
          "echo mine >/data/file; busybox stat -c %u:%g /data/file; " +
            "busybox cat /proc/self/uid_map; echo all; exec sleep 1000",
          { volumeMounts: [{ name: "data", mountPath: "/data" }] },
        ),
      ],
    };
    await withPod("own", spec, async () => {
      await kubelet.pod("own", isReady);
      const text = await eventually("all of its log", async () => {
        const lines = await log("own");
        return lines.endsWith("all\n") ? lines : undefined;
      });
      assert.match(text, /^0:2000\n +0 +[1-9]\d* +65536\nall\n$/);
    });
  },
});

/** Numbers in a log, the rotated files' first. The kubelet names them by their time. */
async function numbersIn(folder: string, current: string): Promise<number[]> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  const rotated = names.filter((name) => name !== current).sort();
  if (rotated.length < 2) return [];
  const texts = await Promise.all([...rotated, current].map(async (name) => {
    const { readable } = await Deno.open(`${folder}/${name}`);
    const unzip = new DecompressionStream("gzip");
    return await new Response(name.endsWith(".gz") ? readable.pipeThrough(unzip) : readable).text();
  }));
  return texts.join("").split("\n").slice(0, -1).map((line) => Number(line.split(" ").at(-1)));
}

Deno.test("the kubelet rotates a log and no line of it is lost", async () => {
  const script = "i=0; while [ $i -lt 8000 ]; do i=$((i+1)); echo $i; busybox usleep 500; done; " +
    "exec sleep 1000";
  await withPod("talker", { containers: [container("main", script)] }, async () => {
    const { metadata } = await kubelet.pod("talker", isReady);
    const folder = `${daemon.logDir}/default_${metadata.name}_${metadata.uid}/main`;
    // A file may be rotated or compressed while it is read; in the end all of them lie still.
    await eventually("a log without a gap", async () => {
      const numbers = await numbersIn(folder, "0.log").catch((): number[] => []);
      const [first = 0] = numbers;
      return numbers.at(-1) === 8000 &&
        numbers.every((number, at) => number === first + at);
    }, 60_000);
  });
});

Deno.test("statistics and metrics of a pod come out of the kubelet", async () => {
  const spec = {
    containers: [
      container("main", "while :; do :; done", { resources: { limits: { cpu: "100m" } } }),
    ],
  };
  await withPod("busy", spec, async () => {
    await kubelet.pod("busy", isReady);
    const name = kubelet.fullName("busy");
    const stats = await eventually("statistics", async () => {
      const { pods } = JSON.parse(await kubelet.read("/stats/summary"));
      const pod = pods?.find(({ podRef }: Pod) => podRef.name === name);
      const [main] = pod?.containers ?? [];
      return main?.cpu?.usageNanoCores > 0 && main?.rootfs?.usedBytes > 0 ? pod : undefined;
    }, 60_000);
    assert.ok(stats.containers[0].memory.workingSetBytes > 0);
    assert.equal(stats.network.name, "eth0");
    assert.ok(stats.network.rxBytes >= 0);
    for (const path of ["/metrics/cadvisor", "/metrics/resource"]) {
      const metric = new RegExp(
        `^container_cpu_usage_seconds_total{.*container="main".*pod="${name}"`,
        "m",
      );
      await eventually(
        `${path} to name the container`,
        async () => metric.test(await kubelet.read(path)),
        60_000,
      );
    }
  });
});

Deno.test("exec and port-forward pass through the kubelet by both transports", async () => {
  await buildGoClient();
  const script = "mkdir -p /www; echo here >/www/index.html; exec busybox httpd -f -p 80 -h /www";
  await withPod("reached", { containers: [container("main", script)] }, async () => {
    await kubelet.pod("reached", isReady);
    for (const transport of ["spdy", "websocket"]) {
      await checkExec(transport);
      await checkPortForward(transport);
    }
  });
});

const target = `default/${kubelet.fullName("reached")}`;
const api = `https://127.0.0.1:${kubelet.port}`;

async function checkExec(transport: string): Promise<void> {
  const command = ["sh", "-c", "read line; echo got $line; exit 5"];
  const query = command.map((word) => `command=${encodeURIComponent(word)}`).join("&");
  const url = `${api}/exec/${target}/main?input=1&output=1&error=1&${query}`;
  const exec = goClient("-transport", transport, "-stdin", url);
  const output = exec.output();
  const writer = exec.stdin.getWriter();
  await writer.write(new TextEncoder().encode("this\n"));
  await writer.close();
  const { code, stdout, stderr } = await output;
  assert.deepEqual([code, text(stdout), text(stderr)], [5, "got this\n", ""]);
}

async function checkPortForward(transport: string): Promise<void> {
  const url = `${api}/portForward/${target}`;
  const forward = goClient("-transport", transport, "-port", "80", url);
  const reader = forward.stdout.getReader();
  const port = Number(text((await reader.read()).value));
  const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
  assert.equal(await page.text(), "here\n");
  await forward.stdin.close();
  reader.releaseLock();
  await forward.output();
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}
