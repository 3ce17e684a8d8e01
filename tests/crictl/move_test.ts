/**
 * A node moves between containerd's own CRI and this daemon, with its pods running: both have the
 * same folders, so that each finds what the other knew.
 */
import assert from "node:assert/strict";
import { PAUSE_IMAGE_NAME } from "../../src/images/pause_name.ts";
import { type RunningContainerd, startContainerd } from "../world/containerd.ts";
import { counted, COUNTER } from "../world/counter.ts";
import { type Crictl, crictlOf } from "../world/crictl.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { filesOf, PLUGIN_DIRS } from "../world/network.ts";
import { mountsUnder, processesNaming } from "../world/processes.ts";
import { skipUnless } from "../world/skip.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";

const PLUGIN = "io.containerd.grpc.v1.cri";
/** Where containerd's CRI keeps what it can't be told another place for. */
const NETNS_DIR = "/var/run/netns";
const CACHE_DIR = "/var/lib/cni";

const busybox = await busyboxRegistry();
const { image } = busybox;
Deno.test.afterAll(async () => await busybox[Symbol.asyncDispose]());

const BUILT = new URL("../../.tools/containerd-2.3/containerd", import.meta.url).pathname;
const isBuilt = await Deno.stat(BUILT).then(() => true, () => false);

/** A line of containerd, whose CRI it is. */
interface Line {
  readonly name: string;
  readonly containerd: { readonly binary?: string };
  readonly skippable: ReturnType<typeof skipUnless>;
}

const LINES: Line[] = [
  {
    name: "the containerd on PATH",
    containerd: {},
    skippable: skipUnless(true, ""),
  },
  {
    name: "containerd 2.3",
    containerd: { binary: BUILT },
    skippable: skipUnless(isBuilt, "it is not built: ./dev tools containerd"),
  },
];

/** A containerd whose pods are either CRI's at a time, and crictl on each of the two. */
class MovingNode implements AsyncDisposable {
  readonly ours: Crictl;
  readonly theirs: Crictl;

  private constructor(
    readonly dir: string,
    readonly daemon: Daemon,
    private containerd: RunningContainerd,
    private readonly line: Line,
  ) {
    this.ours = crictlOf(daemon);
    this.theirs = crictlOf({ listen: containerd.address, dir: daemon.dir });
  }

  /** Starts with this daemon, which brings images that both use. */
  static async start(line: Line): Promise<MovingNode> {
    const dir = await Deno.makeTempDir({ prefix: "cri-moving-" });
    const containerd = await startContainerd(dir, line.containerd);
    const daemon = await startDaemon({
      containerd: containerd.address,
      folders: { root: `${dir}/root/${PLUGIN}`, state: `${dir}/state/${PLUGIN}` },
      netnsDir: NETNS_DIR,
      cacheDir: CACHE_DIR,
    });
    const node = new MovingNode(dir, daemon, containerd, line);
    await node.ours("pull", image);
    return node;
  }

  /** Ends this daemon, and starts containerd again with its CRI on. */
  async toTheirs(): Promise<void> {
    await this.daemon.stop();
    await this.containerd.stop();
    this.containerd = await startContainerd(this.dir, {
      ...this.line.containerd,
      cri: true,
      config: `[plugins."${PLUGIN}"]
  sandbox_image = "${PAUSE_IMAGE_NAME}"
  restrict_oom_score_adj = true
  [plugins."${PLUGIN}".cni]
    bin_dir = "${PLUGIN_DIRS[0]}"
    conf_dir = "${this.daemon.network.confDir}"
`,
    });
    await eventually("its CRI", async () => (await this.theirs.attempt("pods")).code === 0);
  }

  /** Starts containerd again with its CRI off, and this daemon on it. */
  async toOurs(): Promise<void> {
    await this.containerd.stop();
    this.containerd = await startContainerd(this.dir, this.line.containerd);
    await this.daemon.start();
  }

  /** What pods have left anywhere, once they are all removed. */
  async left(): Promise<string[]> {
    const { dir, daemon } = this;
    const folders = [
      `root/${PLUGIN}/sandboxes`,
      `root/${PLUGIN}/containers`,
      `state/${PLUGIN}/sandboxes`,
      `state/${PLUGIN}/containers`,
    ];
    const files = await Promise.all(folders.map(async (folder) => {
      return (await filesOf(`${dir}/${folder}`)).map((name) => `${folder}/${name}`);
    }));
    const cached = await filesOf(`${CACHE_DIR}/results`);
    return [
      ...files.flat(),
      ...await mountsUnder(dir),
      ...await daemon.network.leases(),
      ...await daemon.network.traces(),
      ...cached.filter((name) => name.startsWith(`${daemon.network.name}-`)),
      ...await processesNaming(`-address ${daemon.containerdAddress}`),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.containerd.cleanUp();
    const named = `-address ${this.containerd.address}`;
    await eventually("the shims' end", async () => (await processesNaming(named)).length === 0);
    await this.daemon[Symbol.asyncDispose]();
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** A pod with a container in each state that there is, made by one of the two. */
async function makePods(node: MovingNode, crictl: Crictl) {
  const { daemon } = node;
  const pods = new Pods(crictl, daemon);
  const make = async (name: string, command: string[]) => {
    const pod = await pods.run(name, {
      labels: { app: name },
      annotations: { note: "kept" },
    });
    const container = containerConfig("main", image, { command, labels: { part: "main" } });
    return { pod, container: await pods.create(pod, { pod: podConfig(daemon, name), container }) };
  };
  const counting = await make("counting", COUNTER);
  const exited = await make("exited", ["sh", "-c", "exit 7"]);
  const created = await make("created", ["sleep", "1000"]);
  for (const { container } of [counting, exited]) await crictl("start", container);
  const stateOf = async (id: string) => (await crictl.json("inspect", id)).status.state;
  await eventually(
    "the exit",
    async () => await stateOf(exited.container) === "CONTAINER_EXITED",
  );
  return { counting, exited, created };
}

/** What both CRIs have to tell alike. */
async function seenBy(crictl: Crictl) {
  const { items } = await crictl.json("pods");
  const pods = await Promise.all(items.map(async ({ id }: { id: string }) => {
    const { status } = await crictl.json("inspectp", id);
    const { metadata, state, createdAt, labels, annotations, network } = status;
    return { id, metadata, state, createdAt, labels, annotations, ip: network.ip };
  }));
  const { containers } = await crictl.json("ps", "--all");
  const statuses = await Promise.all(containers.map(async ({ id }: { id: string }) => {
    const { status } = await crictl.json("inspect", id);
    const { metadata, state, createdAt, startedAt, finishedAt, exitCode, reason } = status;
    const { labels, logPath } = status;
    const times = { createdAt, startedAt, finishedAt };
    return { id, metadata, state, ...times, exitCode, reason, labels, logPath };
  }));
  return { pods, statuses };
}

/** Takes over what the other has made: uses all of it, then removes it without a trace. */
async function takeOver(
  node: MovingNode,
  crictl: Crictl,
  { counting, created, exited }: Awaited<ReturnType<typeof makePods>>,
): Promise<void> {
  const lines = () => counted(node.daemon, "counting");
  const atStart = await lines();
  await eventually("the log to go on", async () => await lines() > atStart + 20);
  await crictl("exec", "--sync", counting.container, "echo", "works");
  await crictl("start", created.container);
  await crictl("stop", "--timeout", "0", counting.container);
  await lines();
  const { status } = await crictl.json("inspect", counting.container);
  assert.deepEqual([status.state, status.exitCode], ["CONTAINER_EXITED", 137]);
  await crictl("rm", exited.container);
  for (const { pod } of [counting, created, exited]) {
    await crictl("stopp", pod);
    await crictl("rmp", pod);
  }
  await eventually("nothing to be left", async () => (await node.left()).length === 0)
    .catch(async () => assert.deepEqual(await node.left(), []));
}

for (const line of LINES) {
  Deno.test({
    ...line.skippable(`pods that the CRI of ${line.name} made go on under this daemon`),
    fn: async () => {
      await using node = await MovingNode.start(line);
      // The pause image comes with a first pod.
      const first = new Pods(node.ours, node.daemon);
      await first.run("first");
      await first.removeAll();
      await node.toTheirs();
      const made = await makePods(node, node.theirs);
      const before = await seenBy(node.theirs);
      await node.toOurs();
      assert.deepEqual(await seenBy(node.ours), before);
      assert.doesNotMatch(await node.daemon.log(), /may have no network/);
      await takeOver(node, node.ours, made);
    },
  });

  Deno.test({
    ...line.skippable(`pods that this daemon made go on under the CRI of ${line.name}`),
    fn: async () => {
      await using node = await MovingNode.start(line);
      const made = await makePods(node, node.ours);
      const before = await seenBy(node.ours);
      await node.toTheirs();
      assert.deepEqual(await seenBy(node.theirs), before);
      await takeOver(node, node.theirs, made);
    },
  });
}
