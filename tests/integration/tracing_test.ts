/** Traces of a running daemon, as a collector receives them. */
import assert from "node:assert/strict";
import { PodSandboxConfig } from "../../src/gen/cri/v1/api.ts";
import { CriClient } from "../world/cri_client.ts";
import { startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { assertNothingLeft } from "../world/leftovers.ts";

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
}

/** Receives OTLP over HTTP, in JSON. */
function collector() {
  const spans: Span[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.json();
    if (new URL(request.url).pathname === "/v1/traces") {
      for (const { scopeSpans } of body.resourceSpans) {
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
    }
    return new Response("{}", { headers: { "content-type": "application/json" } });
  });
  return { spans, url: `http://127.0.0.1:${server.addr.port}`, stop: () => server.shutdown() };
}

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";

/** RunPodSandbox with the span of a kubelet around it. */
async function runPod(listen: string, config: PodSandboxConfig): Promise<string> {
  using client = new CriClient(listen, [["traceparent", `00-${TRACE_ID}-${PARENT_ID}-01`]]);
  const { podSandboxId } = await client.call("runPodSandbox", { config });
  return podSandboxId;
}

Deno.test("a call of the CRI is a span below the kubelet's, with containerd and plugins below it", async () => {
  const collected = collector();
  const env = {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: collected.url,
    OTEL_BSP_SCHEDULE_DELAY: "100",
    OTEL_DENO_CONSOLE: "ignore",
  };
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  const daemon = await startDaemon();
  for (const name of Object.keys(env)) Deno.env.delete(name);
  try {
    const id = await runPod(
      daemon.listen,
      PodSandboxConfig.fromPartial({
        metadata: { name: "traced", namespace: "default", uid: "u", attempt: 0 },
        hostname: "traced",
        logDirectory: `${daemon.logDir}/traced`,
        linux: { cgroupParent: daemon.cgroupParent },
      }),
    );
    const named = (name: string) => collected.spans.filter((span) => span.name === name);
    const [rpc] = await eventually("the call's span", () => {
      const found = named("CRI RunPodSandbox");
      return found.length > 0 && found;
    }, 10_000);
    assert.deepEqual([rpc?.traceId, rpc?.parentSpanId], [TRACE_ID, PARENT_ID]);
    for (const name of ["containerd Tasks/Create", "CNI bridge ADD"]) {
      const [span] = await eventually(name, () => {
        const found = named(name);
        return found.length > 0 && found;
      });
      assert.deepEqual([span?.traceId, span?.parentSpanId], [TRACE_ID, rpc?.spanId], name);
    }
    // Another compartment went on with the same trace.
    const [plugin] = named("CNI bridge ADD");
    const runs = await eventually("the plugin's run", () => {
      const found = named("runPlugin").filter((one) => one.parentSpanId === plugin?.spanId);
      return found.length > 0 && found;
    });
    assert.equal(runs[0]?.traceId, TRACE_ID);
    using client = new CriClient(daemon.listen);
    await client.call("removePodSandbox", { podSandboxId: id });
    await assertNothingLeft(daemon);
  } finally {
    await daemon[Symbol.asyncDispose]();
    await collected.stop();
  }
});
