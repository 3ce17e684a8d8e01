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

/**
 * Plugins that run when the daemon is ended get so long to finish: of a DEL that is killed half way
 * the next one can't take back the rest, for the interface with the addresses is gone.
 */
const GRACE_MS = 800;

compartmentMain<Config>("cni", ({ peers, stopping }) => {
  const running = new Set<Promise<unknown>>();
  const impatience = new AbortController();
  const service: PluginService = {
    runPlugin: async (call, { signal }) => {
      stopping.throwIfAborted();
      const run = runPlugin(call, AbortSignal.any([signal, impatience.signal]));
      running.add(run);
      try {
        return await run;
      } finally {
        running.delete(run);
      }
    },
  };
  serveChannel(peers.server, allOf([service, usageService()]));
  return Promise.resolve({
    stop: async () => {
      // A plugin that outlives the daemon would work against the one that comes after it.
      const timer = setTimeout(() => impatience.abort(stopping.reason), GRACE_MS);
      await Promise.allSettled(running);
      clearTimeout(timer);
    },
  });
});
