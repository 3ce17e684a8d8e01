/** The daemon's own metrics, as Prometheus scrapes them. */
import assert from "node:assert/strict";
import { eventually } from "../world/delay.ts";
import { sh } from "../world/sh.ts";
import { containerConfig, podConfig } from "../world/requests.ts";
import { sharedNode } from "../world/shared_node.ts";

const { daemon, crictl, pods, image, registry } = await sharedNode({
  config: '[metrics]\naddress = "127.0.0.1:0"\n',
});
const address = await eventually(
  "the metrics' address",
  async () => (await daemon.log()).match(/Metrics are served on (\S+)/)?.[1],
);

async function scrape(): Promise<string> {
  const response = await fetch(`http://${address}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  return await response.text();
}

/** The value of a series, by its whole name with labels. */
function value(text: string, series: string): number | undefined {
  const line = text.split("\n").find((line) => line.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

Deno.test("metrics tell of calls, pulls, plugins, pods and logs", async () => {
  await crictl("pull", image);
  assert.equal((await crictl.attempt("pull", `${registry.host}/nothing:1`)).code, 1);
  const pod = await pods.run("measured");
  const container = await pods.create(pod, {
    pod: podConfig(daemon, "measured"),
    container: containerConfig("main", image, {
      command: ["sh", "-c", "echo 0123456789; sleep 1000"],
    }),
  });
  await crictl("start", container);
  await eventually("the log", async () => (await crictl("logs", container)) !== "");
  const text = await scrape();
  const at = (series: string) => value(text, `cri_containerd_${series}`);
  assert.equal(at('cri_requests_total{method="RunPodSandbox",code="OK"}'), 1);
  assert.equal(at('cri_request_duration_seconds_count{method="RunPodSandbox"}'), 1);
  assert.equal(at('cri_requests_total{method="PullImage",code="NOT_FOUND"}'), 1);
  assert.equal(at('image_pull_duration_seconds_count{result="ok"}'), 1);
  assert.equal(at('image_pull_duration_seconds_count{result="notFound"}'), 1);
  assert.ok((at("image_pull_received_bytes_total") ?? 0) > 1000);
  assert.equal(at('pods{state="ready"}'), 1);
  assert.equal(at('containers{state="running"}'), 1);
  assert.equal(at('cni_call_duration_seconds_count{plugin="bridge",verb="ADD"}'), 1);
  assert.ok((at('containerd_call_duration_seconds_count{method="Tasks/Start"}') ?? 0) >= 2);
  assert.ok((at("log_written_bytes_total") ?? 0) > 10);
  assert.equal(at("log_lost_bytes_total"), 0);
  for (const compartment of ["server", "io", "cni", "registry"]) {
    const heap = at(`compartment_heap_used_bytes{compartment="${compartment}"}`);
    assert.ok((heap ?? 0) > 100_000, compartment);
    assert.ok((at(`compartment_cpu_seconds_total{compartment="${compartment}"}`) ?? 0) > 0);
  }
  assert.ok((value(text, "process_cpu_seconds_total") ?? 0) > 0);
  const started = value(text, "process_start_time_seconds") ?? 0;
  assert.ok(Math.abs(Date.now() / 1000 - started) < 600, String(started));
});

Deno.test("output that a full disk loses is counted and said, and logging goes on by itself", async () => {
  const disk = `${daemon.logDir}/full`;
  await Deno.mkdir(disk, { recursive: true });
  await sh("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk);
  try {
    const pod = await pods.run("full");
    const script = "yes 0123456789 | head -n 50000; while :; do echo again; sleep 0.1; done";
    const container = await pods.create(pod, {
      pod: podConfig(daemon, "full"),
      container: containerConfig("main", image, { command: ["sh", "-c", script] }),
    });
    await crictl("start", container);
    const lost = await eventually("lost output", async () => {
      return value(await scrape(), "cri_containerd_log_lost_bytes_total") || undefined;
    });
    assert.ok(lost > 1000);
    assert.match(await daemon.log(), /Cannot write to \S+full\/main\.log: ENOSPC/);
    // Somebody makes room in the file that the log goes on in, until the flood is over.
    await eventually("the log to go on", async () => {
      const log = await Deno.readTextFile(`${disk}/main.log`);
      if (log.endsWith(" stdout F again\n")) return true;
      await Deno.truncate(`${disk}/main.log`, 0);
      return false;
    });
  } finally {
    await pods.removeAll();
    await sh("umount", "-l", disk);
  }
});

Deno.test("nothing but the metrics is answered", async () => {
  const other = await fetch(`http://${address}/debug`);
  assert.equal(other.status, 404);
  await other.body?.cancel();
  const post = await fetch(`http://${address}/metrics`, { method: "POST" });
  assert.equal(post.status, 405);
  await post.body?.cancel();
});
