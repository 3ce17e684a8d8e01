/** Serves the metrics to Prometheus: one page, on an address or a unix socket. */
import { logger } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";

const log = logger("metrics");

const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Whoever may read the socket may read the metrics; they name no pod. */
const SOCKET_MODE = 0o666;

export interface MetricsEndpoint {
  /** HOST:PORT, or the path of a unix socket. */
  readonly address: string;
  readonly metrics: Metrics;
  /** Called before each page is written. */
  refresh(): Promise<void>;
}

/** @returns stops it */
export async function serveMetrics(endpoint: MetricsEndpoint): Promise<() => Promise<void>> {
  const { address } = endpoint;
  const handler = (request: Request) => answer(endpoint, request);
  const isPath = address.startsWith("/");
  // A socket left by a daemon that is gone.
  if (isPath) await removeStale(address);
  const quiet = { onListen: () => {} };
  const server = isPath
    ? Deno.serve({ path: address, ...quiet }, handler)
    : Deno.serve({ ...hostAndPort(address), ...quiet }, handler);
  if (isPath) await Deno.chmod(address, SOCKET_MODE);
  log.info("Metrics are served on {address}", { address: shown(server.addr) });
  return async () => {
    await server.shutdown();
    if (isPath) await removeStale(address);
  };
}

async function answer(endpoint: MetricsEndpoint, request: Request): Promise<Response> {
  if (new URL(request.url).pathname !== "/metrics") {
    return new Response("The metrics are at /metrics\n", { status: 404 });
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("Only GET is answered\n", { status: 405 });
  }
  await endpoint.refresh();
  return new Response(endpoint.metrics.text(), { headers: { "content-type": CONTENT_TYPE } });
}

function hostAndPort(address: string): { hostname: string; port: number } {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { hostname: host === "" ? "0.0.0.0" : host, port: Number(address.slice(colon + 1)) };
}

function shown(addr: Deno.Addr): string {
  if ("hostname" in addr) return `${addr.hostname}:${addr.port}`;
  return "path" in addr ? addr.path : "";
}

async function removeStale(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
