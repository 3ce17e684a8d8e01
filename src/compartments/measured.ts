/** Calls out of the server compartment with a clock beside them. */
import { toCriError } from "../base/errors.ts";
import { metrics } from "../base/metrics.ts";
import { traced } from "../base/tracing.ts";
import type { PluginService } from "../cni/types.ts";
import type { PullProgress } from "../images/progress.ts";
import type { ImagePuller } from "../images/puller.ts";

const pluginSeconds = metrics.histogram({
  name: "cri_containerd_cni_call_duration_seconds",
  help: "How long network plugins took.",
  labels: ["plugin", "verb"],
});
const pluginErrors = metrics.counter({
  name: "cri_containerd_cni_call_errors_total",
  help: "Calls of network plugins that failed.",
  labels: ["plugin", "verb"],
});
const pulls = metrics.histogram({
  name: "cri_containerd_image_pull_duration_seconds",
  help: "How long pulls of images took; result is ok, or the kind of the error.",
  labels: ["result"],
});
const pulledBytes = metrics.counter({
  name: "cri_containerd_image_pull_received_bytes_total",
  help: "Bytes of layers received from registries.",
});

type RunPlugin = (
  call: Parameters<PluginService["runPlugin"]>[0],
  signal: AbortSignal,
) => ReturnType<PluginService["runPlugin"]>;

export function measuredPlugins(runPlugin: RunPlugin): RunPlugin {
  return async (call, signal) => {
    const labels = {
      plugin: call.path.slice(call.path.lastIndexOf("/") + 1),
      verb: call.env.CNI_COMMAND ?? "",
    };
    const done = pluginSeconds.start();
    try {
      const result = await traced(
        `CNI ${labels.plugin} ${labels.verb}`,
        { kind: "client" },
        () => runPlugin(call, signal),
      );
      if (result.code !== 0) pluginErrors.add(labels);
      return result;
    } catch (error) {
      pluginErrors.add(labels);
      throw error;
    } finally {
      done(labels);
    }
  };
}

export function measuredPuller(puller: ImagePuller): ImagePuller {
  return {
    pull: async (request, signal, onProgress) => {
      const done = pulls.start();
      let fetched = 0;
      const count = (progress: PullProgress) => {
        const now = progress.layers.reduce((sum, layer) => sum + layer.fetchedBytes, 0);
        if (now > fetched) pulledBytes.add({}, now - fetched);
        fetched = Math.max(fetched, now);
        onProgress?.(progress);
      };
      try {
        const pulled = await traced(
          `pull ${request.reference}`,
          { kind: "internal" },
          () => puller.pull(request, signal, count),
        );
        done({ result: "ok" });
        return pulled;
      } catch (error) {
        done({ result: toCriError(error).kind });
        throw error;
      }
    },
  };
}
