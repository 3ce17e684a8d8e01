/** A daemon with one pod and one container of busybox in it, for tests of what runs inside. */
import { connectContainerd } from "../../src/containerd/client.ts";
import { CriClient } from "./cri_client.ts";
import { type Crictl, crictlOf } from "./crictl.ts";
import { type Daemon, type DaemonOptions, startDaemon } from "./daemon.ts";
import { assertNothingLeft } from "./leftovers.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "./requests.ts";

export interface RunningContainer extends AsyncDisposable {
  readonly daemon: Daemon;
  readonly crictl: Crictl;
  readonly cri: CriClient;
  readonly pods: Pods;
  readonly image: string;
  /** The pod. */
  readonly pod: string;
  /** The container, which sleeps. */
  readonly id: string;
  /** Runs another container in the pod and gives its id. */
  add(name: string, more: object): Promise<string>;
  /** FIFOs of execs in a container, and its processes beside its own. */
  traces(id?: string): Promise<string[]>;
  /** Removes the pods. @throws when they leave anything on the node */
  finish(): Promise<void>;
}

/** `more` are members of the container's config. */
export async function startRunningContainer(
  more: object = {},
  options: DaemonOptions = {},
): Promise<RunningContainer> {
  const stack = new AsyncDisposableStack();
  try {
    const busybox = stack.use(await busyboxRegistry());
    const daemon = stack.use(await startDaemon(options));
    const cri = stack.use(new CriClient(daemon.listen));
    const crictl = crictlOf(daemon);
    await crictl("pull", busybox.image);
    const pods = new Pods(crictl, daemon);
    const pod = await pods.run("busy");
    const add = async (name: string, config: object) => {
      const container = containerConfig(name, busybox.image, config);
      const id = await pods.create(pod, { pod: podConfig(daemon, "busy"), container });
      await crictl("start", id);
      return id;
    };
    const id = await add("main", more);
    const { image } = busybox;
    return {
      daemon,
      crictl,
      cri,
      pods,
      image,
      pod,
      id,
      add,
      traces: (of = id) => tracesOf(daemon, of),
      finish: async () => {
        await pods.removeAll();
        await assertNothingLeft(daemon);
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function tracesOf(daemon: Daemon, id: string): Promise<string[]> {
  const names = (await Array.fromAsync(Deno.readDir(`${daemon.dir}/state/io/${id}`)))
    .map(({ name }) => name).filter((name) => name.startsWith("exec-"));
  const containerd = connectContainerd({ address: daemon.containerdAddress, namespace: "k8s.io" });
  const pids = await containerd.tasks.pids(id);
  containerd.close();
  return [...names, ...pids.slice(1).map((pid) => `process ${pid}`)];
}
