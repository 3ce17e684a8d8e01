import assert from "node:assert/strict";
import { containerRecord, sandboxRecord } from "../../tests/fakes/records.ts";
import { CriError } from "../base/errors.ts";
import { Metrics, metrics } from "../base/metrics.ts";
import "../containerd/channel.ts";
import "../cri/handle.ts";
import { ContainerStore } from "../state/containers.ts";
import { SandboxStore } from "../state/sandboxes.ts";
import "./measured.ts";
import { nodeMetrics, type NodeMetricsDeps } from "./node_metrics.ts";

const FILES = new Map([
  ["/proc/self/stat", `7 (a) b) S ${"0 ".repeat(10)}150 50 ${"0 ".repeat(6)}1000 0`],
  ["/proc/stat", "cpu 1 2\nbtime 1700000000\n"],
  ["/proc/self/status", "Name:\ta\nVmRSS:\t    2048 kB\nThreads:\t9\n"],
]);

function depsOf(more: Partial<NodeMetricsDeps> = {}): NodeMetricsDeps {
  const sandboxes = new SandboxStore();
  const containers = new ContainerStore();
  const pod = sandboxRecord("web");
  sandboxes.add(pod);
  containers.add(containerRecord(pod, "main"));
  return {
    sandboxes,
    containers,
    events: { load: { subscribers: 2, waiting: 3 } },
    readFile: (path) => FILES.get(path),
    counters: () => Promise.resolve({ writtenBytes: 10, lostBytes: 4, journalLostLines: 1 }),
    usage: new Map([["io", () => Promise.resolve({ heapUsedBytes: 5, cpuSeconds: 0.5 })]]),
    ...more,
  };
}

Deno.test("nodeMetrics() tells what the stores and the other compartments hold", async () => {
  const own = new Metrics();
  const refresh = nodeMetrics(depsOf(), own);
  await refresh();
  const lines = own.text().split("\n");
  for (
    const line of [
      'cri_containerd_pods{state="ready"} 1',
      'cri_containerd_pods{state="not_ready"} 0',
      'cri_containerd_containers{state="running"} 1',
      "cri_containerd_event_subscribers 2",
      "cri_containerd_event_backlog 3",
      "cri_containerd_log_written_bytes_total 10",
      "cri_containerd_log_lost_bytes_total 4",
      'cri_containerd_compartment_heap_used_bytes{compartment="io"} 5',
      'cri_containerd_compartment_cpu_seconds_total{compartment="io"} 0.5',
      "process_cpu_seconds_total 2",
      "process_start_time_seconds 1700000010",
      "process_resident_memory_bytes 2097152",
      "process_threads 9",
    ]
  ) assert.ok(lines.includes(line), line);
});

Deno.test("a compartment that doesn't answer leaves a gap and the rest as it is", async () => {
  const own = new Metrics();
  const away = () => Promise.reject(new CriError("unavailable", "it is being started"));
  const refresh = nodeMetrics(depsOf({ counters: away, usage: new Map([["io", away]]) }), own);
  await refresh();
  const text = own.text();
  assert.doesNotMatch(text, /^cri_containerd_log_written_bytes_total/m);
  assert.doesNotMatch(text, /compartment="io"/);
  assert.match(text, /^cri_containerd_pods\{state="ready"\} 1$/m);
});

/** Every metric of the server compartment, by name, with its type. */
function allMetrics(): Map<string, string> {
  const own = new Metrics();
  nodeMetrics(depsOf(), own);
  const text = `${metrics.text()}${own.text()}`;
  return new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => [
    name,
    type,
  ]));
}

Deno.test("names and units of all metrics are as Prometheus wants them", () => {
  const all = allMetrics();
  assert.ok(all.size > 15);
  for (const [name, type] of all) {
    assert.match(name, /^(cri_containerd|process)_[a-z][a-z_]*[a-z]$/);
    assert.equal(name.endsWith("_total"), type === "counter", `${name} is a ${type}`);
    assert.doesNotMatch(name, /_(ms|milliseconds|kib|mib|percent)(_|$)/);
    assert.doesNotMatch(name, /_(count|sum|bucket)$/, "these are a histogram's");
    if (type === "histogram") assert.match(name, /_seconds$/);
  }
});

for (const file of ["grafana/cri-containerd.json", "prometheus/alerts.yaml"]) {
  Deno.test(`packaging/${file} names only metrics that there are`, async () => {
    const text = await Deno.readTextFile(new URL(`../../packaging/${file}`, import.meta.url));
    const all = allMetrics();
    const named = new Set(text.match(/\b(cri_containerd|process)_[a-z_]+\b/g));
    assert.ok(named.size > 3);
    for (const name of named) {
      const family = name.replace(/_(bucket|count|sum)$/, "");
      assert.ok(all.has(name) || all.get(family) === "histogram", name);
    }
  });
}

Deno.test("docs/observability.md has every metric of the daemon and no other", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/observability.md", import.meta.url));
  const documented = [...text.matchAll(/^\| `((?:cri_containerd|process)_[a-z_]+)`/gm)];
  assert.deepEqual(documented.map(([, name]) => name).sort(), [...allMetrics().keys()].sort());
});
