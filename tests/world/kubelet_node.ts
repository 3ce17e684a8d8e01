/** A daemon with a real kubelet on it, for the tests of a file, and the pods that they ask for. */
import { type Crictl, crictlOf } from "./crictl.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { type Kubelet, type Pod, startKubelet } from "./kubelet.ts";
import { assertNothingLeft } from "./leftovers.ts";
import { busyboxRegistry } from "./requests.ts";

/** The kubelet collects what ended each minute. */
const COLLECTED_TIMEOUT_MS = 150_000;

export interface KubeletNode {
  readonly daemon: Daemon;
  readonly kubelet: Kubelet;
  readonly crictl: Crictl;
  readonly image: string;
  /** A container of a pod's spec that runs a line of shell; `more` adds members. */
  container(name: string, script: string, more?: object): object;
  /** Runs the pod while a test looks at it. */
  withPod(name: string, spec: object, check: () => Promise<void>): Promise<void>;
  /** What a container has written. */
  log(name: string, container?: string): Promise<string>;
}

/** Whether all containers of the pod run and are ready. */
export function isReady({ status }: Pod): boolean {
  return status.phase === "Running" && status.containerStatuses?.every((it: Pod) => it.ready);
}

/** Starts the node; at the end of the file's tests nothing of their pods may be left on it. */
export async function startKubeletNode(): Promise<KubeletNode> {
  const stack = new AsyncDisposableStack();
  const daemon = stack.use(await startDaemon());
  const { image } = stack.use(await busyboxRegistry());
  const kubelet = stack.use(await startKubelet(daemon));
  Deno.test.afterAll(async () => {
    await using _all = stack;
    await assertNothingLeft(daemon, {
      besides: /kubepods|\/kubelet(\/|$)/,
      timeoutMs: COLLECTED_TIMEOUT_MS,
    });
  });
  return {
    daemon,
    kubelet,
    image,
    crictl: crictlOf(daemon),
    container: (name, script, more = {}) => ({
      name,
      image,
      command: ["sh", "-c", script],
      ...more,
    }),
    withPod: async (name, spec, check) => {
      await kubelet.run(name, spec);
      try {
        await check();
      } finally {
        await kubelet.remove(name);
      }
    },
    log: (name, container = "main") =>
      kubelet.call("GET", `/containerLogs/default/${kubelet.fullName(name)}/${container}`),
  };
}
