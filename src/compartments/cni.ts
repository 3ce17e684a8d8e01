/**
 * The cni compartment: runs network plugins for the server. It may run those files and nothing
 * else: no files, no network, no library. What a plugin is told is worked out by the server.
 */
import { runPlugin } from "../cni/exec.ts";
import type { PluginService } from "../cni/types.ts";
import type { Config } from "../config/table.ts";
import { allOf, serveChannel } from "./channel.ts";
import { compartmentMain } from "./start.ts";
import { usageService } from "./usage.ts";

compartmentMain<Config>("cni", ({ peers, stopping }) => {
  const service: PluginService = {
    // A plugin that outlives the daemon would work against the one that comes after it.
    runPlugin: (call, { signal }) => runPlugin(call, AbortSignal.any([signal, stopping])),
  };
  serveChannel(peers.server, allOf([service, usageService()]));
  return Promise.resolve();
});
