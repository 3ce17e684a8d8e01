/** The metrics of the daemon, gathered from its compartments and served if the configuration says so. */
import { logger } from "../base/log.ts";
import { metrics } from "../base/metrics.ts";
import type { LogService } from "../logs/service.ts";
import { callChannel } from "./channel.ts";
import { serveMetrics } from "./metrics_endpoint.ts";
import { nodeMetrics, type NodeMetricsDeps } from "./node_metrics.ts";
import type { Start } from "./start.ts";
import type { UsageService } from "./usage.ts";

const log = logger("metrics");

/** The others, which are asked what they take. */
const OTHERS = ["io", "cni", "registry"] as const;

/** A daemon without metrics is better than none: what can't be listened on is logged. */
export async function openMetrics(
  { config, peers }: Pick<Start, "config" | "peers">,
  deps: Omit<NodeMetricsDeps, "counters" | "usage">,
): Promise<{ stop(): Promise<void> }> {
  const { address } = config.metrics;
  if (address === "") return { stop: () => Promise.resolve() };
  const logs = callChannel<LogService>(peers.io, "io");
  const refresh = nodeMetrics({
    ...deps,
    counters: (o) => logs.counters(undefined, o),
    usage: new Map(OTHERS.map((name) => {
      const service = callChannel<UsageService>(peers[name], name);
      return [name, (o) => service.compartmentUsage(undefined, o)] as const;
    })),
  });
  try {
    return { stop: await serveMetrics({ address, metrics, refresh }) };
  } catch (error) {
    log.error("Cannot serve metrics on {address} ([metrics] address): {error}", { address, error });
    return { stop: () => Promise.resolve() };
  }
}
