/** A server whose address doesn't answer costs its own patience and not that of a request. */
import { toCriError } from "../base/errors.ts";
import { type Asked, unreachable } from "./errors.ts";
import type { Endpoint } from "./hosts.ts";

/** @throws RegistryError unavailable without a connection within the endpoint's dial timeout */
export async function reach(
  { root, dialTimeoutMs = 0 }: Endpoint,
  asked: Asked,
  signal: AbortSignal,
): Promise<void> {
  const hostname = root.hostname.replace(/^\[|\]$/g, "");
  const port = Number(root.port || (root.protocol === "https:" ? 443 : 80));
  const limit = AbortSignal.timeout(dialTimeoutMs);
  try {
    const both = AbortSignal.any([signal, limit]);
    (await Deno.connect({ hostname, port, signal: both })).close();
  } catch (error) {
    if (signal.aborted) throw toCriError(signal.reason);
    const late = new Error(`no connection within ${dialTimeoutMs} ms`);
    throw unreachable(asked, limit.aborted ? late : error);
  }
}
