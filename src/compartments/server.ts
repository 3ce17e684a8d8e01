/**
 * The server compartment: the CRI, the domain and containerd's client. It runs no program and
 * reaches no network but its two unix sockets.
 */
import { CriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { Operation } from "../base/operation.ts";
import { settled } from "../base/settled.ts";
import { containerExited } from "../containers/exited.ts";
import { sweepExecs } from "../containers/exec_sweep.ts";
import { recoverContainers } from "../containers/recover.ts";
import { resumeLogs } from "../containers/resume_logs.ts";
import { resyncContainers } from "../containers/resync.ts";
import { CallsInProgress } from "../cri/calls.ts";
import { imageService } from "../cri/image_service.ts";
import { serveCri } from "../cri/server.ts";
import { toService } from "../cri/service_definition.ts";
import { runtimeService } from "../cri/services.ts";
import { followEvents } from "../events/events.ts";
import { ImageServiceDefinition, RuntimeServiceDefinition } from "../gen/cri/v1/api.ts";
import { podExited } from "../pods/exited.ts";
import { recoverPods } from "../pods/recover.ts";
import { checkNetworks, releaseStaleNetworks } from "../pods/recover_network.ts";
import { resyncPods } from "../pods/resync.ts";
import { sweepOrphans } from "../pods/sweep.ts";
import { sweepShims } from "../pods/sweep_shims.ts";
import { compose, type Composition } from "./composition.ts";
import { openMetrics } from "./open_metrics.ts";
import { compartmentMain, type Running } from "./start.ts";

const log = logger("server");

const MIB = 1024 * 1024;

/** Between two tries to recover while containerd isn't there. */
const RECOVER_RETRY_MS = 500;

/** Answered before everything is known: who we are, and why we aren't ready. */
const ALWAYS_ANSWERED = new Set(["Version", "Status", "RuntimeConfig"]);

compartmentMain("server", async (start): Promise<Running> => {
  const parts = compose(start);
  start.peers.io.onAgain(() => void resumeLogs(parts.deps, start.stopping));
  const state = { isRecovered: false };
  const gate = (method: string) => {
    if (state.isRecovered || ALWAYS_ANSWERED.has(method)) return;
    throw new CriError("unavailable", "The daemon has just started and is finding its pods again", {
      remedy: "try again in a moment; if it stays so, its log says what it waits for",
    });
  };
  const calls = new CallsInProgress();
  const options = { gate, calls };
  const server = await serveCri({
    listen: start.config.listen,
    gid: start.config.cri.socket_gid,
    services: [
      toService(RuntimeServiceDefinition, runtimeService(parts.deps), options),
      toService(ImageServiceDefinition, imageService(parts.imageDeps), options),
    ],
    calls,
    maxMessageBytes: start.config.cri.max_message_mib * MIB,
    onListening: () => parts.keepSocketsFromPrograms(),
  });
  const metrics = await openMetrics(start, parts.deps);
  const recovered = recover(parts, start.stopping).then(() => {
    state.isRecovered = true;
    return checkNetworks(parts.deps, start.stopping);
  });
  recovered.catch((error) => log.error("Recovery failed: {error}", { error }));
  return {
    stop: async () => {
      await server.stop();
      await metrics.stop();
      // What was cut is undone, as far as the supervisor waits for it.
      const { podFlights, podStarts, containerFlights } = parts.deps;
      await settled([podFlights.landed(), containerFlights.landed()]);
      await settled([...podStarts.values()]);
      parts.close();
    },
  };
});

/** One try; what it waits for for long is logged. */
async function findAll(parts: Composition, stopping: AbortSignal): Promise<void> {
  const { deps, containerd, imageStore } = parts;
  const op = new Operation("find the pods again", stopping);
  await op.step("ask containerd who it is", async () => {
    await containerd.namespaces.ensure(parts.namespace, { signal: stopping });
    await parts.readContainerd(stopping);
  });
  const [setAside] = await Promise.all([
    op.step("read the pods' records", () => recoverPods(deps, stopping)),
    op.step("read the images", () => imageStore.load(stopping)),
  ]);
  const containers = op.step(
    "read the containers' records",
    () => recoverContainers(deps, stopping),
  );
  await settled<unknown>([
    containers,
    op.step("release stale networks", () => releaseStaleNetworks(deps, setAside, stopping)),
  ]);
  await op.step("remove what belongs to nobody", async () => {
    const mayLive = [...setAside, ...await containers];
    await settled([sweepOrphans(deps, mayLive), sweepExecs(deps)]);
  });
}

/** Events first, so that nothing falls between; then what containerd knows, until it is known. */
async function recover(parts: Composition, stopping: AbortSignal): Promise<void> {
  const { deps, containerd, imageStore } = parts;
  const began = performance.now();
  void followEvents({
    containerd,
    containers: deps.containers,
    sandboxes: deps.sandboxes,
    containerExited: (id, exit) => containerExited(deps, id, exit),
    podExited: (id) => podExited(deps, id),
    oomKilled: (id) => void deps.oomKilled.add(id),
    imageChanged: (name) => imageStore.refresh(name, stopping),
    resync: async () => {
      // It may be another one now.
      await parts.readContainerd(stopping);
      await imageStore.load(stopping);
      await resyncContainers(deps, stopping);
      await resyncPods(deps, stopping);
      void sweepShims(deps, stopping);
    },
  }, stopping);
  for (let tries = 0;; tries++) {
    try {
      await findAll(parts, stopping);
      break;
    } catch (error) {
      if (stopping.aborted) return;
      if (tries === 0) log.error("Cannot find the pods yet, trying on: {error}", { error });
      await new Promise((resolve) => setTimeout(resolve, RECOVER_RETRY_MS));
    }
  }
  void sweepShims(deps, stopping);
  log.info("Found {pods} pods, {containers} containers and {images} images in {ms} ms", {
    pods: deps.sandboxes.size,
    containers: deps.containers.size,
    images: imageStore.list().length,
    ms: Math.round(performance.now() - began),
  });
}
