/** The registry compartment as a Worker with the permissions that the supervisor gives it. */
import assert from "node:assert/strict";
import { callChannel } from "../../src/compartments/channel.ts";
import type { CompartmentMessage } from "../../src/compartments/start.ts";
import { defaultConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/table.ts";
import type { RegistryService } from "../../src/images/service.ts";
import { computePermissions, workerPermissions } from "../../src/supervisor/permissions.ts";

export interface RegistryCompartment {
  readonly remote: ReturnType<typeof callChannel<RegistryService>>;
  stop(): void;
}

/** Starts one that works on the containerd at `address`. */
export async function startRegistryCompartment(
  address: string,
  images: Partial<Config["images"]>,
): Promise<RegistryCompartment> {
  const base = defaultConfig();
  const config = {
    ...base,
    containerd: { ...base.containerd, address },
    images: { ...base.images, ...images },
  };
  const worker = new Worker(new URL("../../src/compartments/registry.ts", import.meta.url), {
    type: "module",
    deno: { permissions: workerPermissions(computePermissions(config, []).registry) },
  });
  const { port1, port2 } = new MessageChannel();
  const log = { level: "error" as const, format: "text" as const };
  worker.postMessage({ kind: "start", config, ports: { server: port2 }, log }, [port2]);
  const { promise, resolve } = Promise.withResolvers<CompartmentMessage>();
  worker.onmessage = ({ data }) => resolve(data);
  assert.deepEqual(await promise, { kind: "ready" });
  return {
    remote: callChannel<RegistryService>(port1, "registry"),
    stop: () => {
      port1.close();
      worker.terminate();
    },
  };
}
