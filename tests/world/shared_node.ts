/** One daemon for all tests of a file, on which nothing of pods may be left after each of them. */
import { type Crictl, crictlOf } from "./crictl.ts";
import { type Daemon, type DaemonOptions, startDaemon } from "./daemon.ts";
import { assertNothingLeft } from "./leftovers.ts";
import { type BusyboxRegistry, busyboxRegistry, Pods } from "./requests.ts";

export interface SharedNode extends Pick<BusyboxRegistry, "image" | "registry"> {
  readonly daemon: Daemon;
  readonly crictl: Crictl;
  readonly pods: Pods;
}

/** What a file has to end beside it is told to `Deno.test.afterAll` later, and so ended before. */
export async function sharedNode(options: DaemonOptions = {}): Promise<SharedNode> {
  const daemon = await startDaemon(options);
  const busybox = await busyboxRegistry();
  const crictl = crictlOf(daemon);
  const pods = new Pods(crictl, daemon);
  Deno.test.afterEach(async () => {
    await pods.removeAll();
    await assertNothingLeft(daemon);
  });
  Deno.test.afterAll(async () => {
    await busybox[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });
  const { image, registry } = busybox;
  return { daemon, crictl, pods, image, registry };
}
