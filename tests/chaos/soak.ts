/** Pods come and go while programs are killed; when all is quiet again nothing of them is left. */
import { ROOT } from "../check/source.ts";
import { CriClient } from "../world/cri_client.ts";
import type { Daemon } from "../world/daemon.ts";
import { delay, eventually } from "../world/delay.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { rssMibOf } from "../bench/usage.ts";
import { busyboxRegistry } from "../world/requests.ts";
import { anyOf } from "./disturbances.ts";
import { Random } from "./random.ts";
import { startVictim } from "./victim.ts";

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Nothing befalls the node: one life of the daemon, whose memory may not grow. */
  readonly isCalm?: boolean;
  /** Told of each disturbance. */
  report(line: string): void;
}

export interface SoakReport {
  readonly pods: number;
  /** Pods whose way was cut off somewhere. */
  readonly disturbed: number;
  readonly disturbances: number;
  /** Of the daemon at half time, and when all pods are gone. */
  readonly rssMib: readonly [number, number];
}

const WORKERS = 6;
const CLEAN_UP_MS = 180_000;
/** Connections of the client, and files on their way. */
const FEW_FILES = 8;
/** What the garbage collector may leave lying about. */
const GROWTH = 1.15;

/** @throws Error with what is left, when something is */
export async function soak(o: SoakOptions): Promise<SoakReport> {
  await using busybox = await busyboxRegistry();
  await using victim = await startVictim();
  const { daemon } = victim;
  const openAtFirst = await openFiles(daemon);
  using cri = new CriClient(daemon.listen);
  await cri.call("pullImage", { image: { image: busybox.image } });
  const until = Date.now() + o.seconds * 1_000;
  const random = new Random(o.seed);
  const counts = { pods: 0, disturbed: 0, disturbances: 0 };
  const worker = async (number: number) => {
    for (let turn = 0; Date.now() < until; turn++) {
      counts.pods++;
      const name = `soak-${number}-${turn}`;
      try {
        await lifeOf(cri, { daemon, name, image: busybox.image }, random);
      } catch {
        // The kubelet would try again later; so does the cleaning up at the end.
        counts.disturbed++;
        await delay(200);
      }
    }
  };
  const disturber = async () => {
    while (Date.now() < until) {
      await delay(300 + random.below(2_500));
      const { name, strike } = anyOf(random);
      o.report(name);
      await strike(victim, random);
      counts.disturbances++;
    }
  };
  // It may be away at that moment, unless it is calm.
  const halfTime = delay(o.seconds * 500).then(() => rssMibOf(daemon.pid)).catch(() => NaN);
  const workers = Array.from({ length: WORKERS }, (_, at) => worker(at));
  await Promise.all([...workers, o.isCalm === true ? undefined : disturber()]);
  await cleanUp(cri);
  // Its disk is a mount of its own.
  await assertNothingLeft(daemon, { besides: /\/root$/ });
  await assertAuditFindsNothing(daemon);
  await eventually(
    "no more open files than at first",
    async () => await openFiles(daemon) <= openAtFirst + FEW_FILES,
    CLEAN_UP_MS,
  );
  const rssMib = [await halfTime, await rssMibOf(daemon.pid)] as const;
  if (o.isCalm === true && rssMib[1] > rssMib[0] * GROWTH) {
    throw new Error(`the daemon's memory grew from ${rssMib[0]} to ${rssMib[1]} MiB`);
  }
  return { ...counts, rssMib };
}

async function openFiles({ pid }: Daemon): Promise<number> {
  return (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
}

/** A pod with a container, most of the way or all of it. */
async function lifeOf(
  cri: CriClient,
  { daemon, name, image }: { daemon: Daemon; name: string; image: string },
  random: Random,
): Promise<void> {
  const config = {
    metadata: { name, namespace: "soak", uid: name, attempt: 0 },
    logDirectory: `${daemon.logDir}/${name}`,
    linux: { cgroupParent: daemon.cgroupParent },
  };
  const { podSandboxId } = await cri.call("runPodSandbox", { config });
  const { containerId } = await cri.call("createContainer", {
    podSandboxId,
    config: { metadata: { name: "main" }, image: { image }, command: ["sleep", "1000"] },
    sandboxConfig: config,
  });
  await cri.call("startContainer", { containerId });
  if (random.below(3) === 0) {
    await cri.call("execSync", { containerId, cmd: ["sh", "-c", "exit 0"], timeout: 5n });
  }
  if (random.below(2) === 0) await cri.call("stopContainer", { containerId, timeout: 0n });
  await cri.call("stopPodSandbox", { podSandboxId });
  await cri.call("removePodSandbox", { podSandboxId });
}

/** As the kubelet does with pods that it doesn't know: again and again until they are gone. */
async function cleanUp(cri: CriClient): Promise<void> {
  let last: unknown;
  try {
    await eventually("all pods to be gone", async () => {
      try {
        const { items } = await cri.call("listPodSandbox", {});
        for (const { id } of items) {
          await cri.call("stopPodSandbox", { podSandboxId: id });
          await cri.call("removePodSandbox", { podSandboxId: id });
        }
        const { containers } = await cri.call("listContainers", {});
        for (const { id } of containers) await cri.call("removeContainer", { containerId: id });
        return items.length + containers.length === 0;
      } catch (error) {
        last = error;
        return false;
      }
    }, CLEAN_UP_MS);
  } catch (cause) {
    throw new Error(`pods can't be removed: ${last}`, { cause });
  }
}

async function assertAuditFindsNothing({ configFile, cgroupParent }: Daemon): Promise<void> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P", `${ROOT}main.ts`, "audit", "--json", "--config", configFile],
    stderr: "inherit",
  }).output();
  const found: { kind: string; name: string }[] = JSON.parse(new TextDecoder().decode(stdout));
  // Other containerds of this machine have cgroups in the places that pods usually have.
  const own = found.filter((one) => one.kind !== "cgroup" || one.name.startsWith(cgroupParent));
  if (own.length > 0) throw new Error(`the audit finds ${JSON.stringify(own)}`);
}
