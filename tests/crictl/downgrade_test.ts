/**
 * An older daemon of this very repository and the present one take turns on a node: each goes on with
 * the other's pods, their logs and their ends.
 */
import assert from "node:assert/strict";
import { ROOT } from "../check/source.ts";
import { counted, COUNTER } from "../world/counter.ts";
import { type Crictl, crictlOf } from "../world/crictl.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { PROGRAM, PROGRAM_ARGS } from "../world/program.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";
import { sh } from "../world/sh.ts";
import { skipUnless } from "../world/skip.ts";

/** The first version that had an installer: the oldest that a node can come from. */
const OLDER = "4da36b4";

const git = (...args: string[]) => sh("git", "-C", ROOT, ...args);
const hasOlder = await git("cat-file", "-e", `${OLDER}^{commit}`).then(() => true, () => false);

const NEWER = [PROGRAM, ...PROGRAM_ARGS];

/** A node whose daemon can be another program at each start. */
class Node implements AsyncDisposable {
  readonly crictl: Crictl;
  readonly pods: Pods;

  constructor(
    readonly daemon: Daemon,
    private readonly program: string,
    private readonly image: string,
  ) {
    this.crictl = crictlOf(daemon);
    this.pods = new Pods(this.crictl, daemon);
  }

  static async start(program: string, image: string, command: readonly string[]) {
    await writeProgram(program, command);
    return new Node(await startDaemon({ command: [program] }), program, image);
  }

  async startAs(command: readonly string[]): Promise<void> {
    await writeProgram(this.program, command);
    await this.daemon.start();
  }

  /** A pod whose container counts, by the container's id. */
  async runPod(name: string): Promise<string> {
    const id = await this.pods.create(await this.pods.run(name), {
      pod: podConfig(this.daemon, name),
      container: containerConfig("main", this.image, { command: COUNTER }),
    });
    await this.crictl("start", id);
    return id;
  }

  /** It runs, can be entered, and its log goes on, without a gap unless the daemon was killed. */
  async assertGoesOn(name: string, id: string, kills = 0): Promise<void> {
    assert.equal((await this.crictl.json("inspect", id)).status.state, "CONTAINER_RUNNING");
    assert.equal((await this.crictl("exec", id, "echo", "hello")).trim(), "hello");
    const lines = () => counted(this.daemon, name, { kills });
    const before = await lines();
    await eventually("more lines", async () => await lines() > before);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
  }
}

async function writeProgram(path: string, command: readonly string[]): Promise<void> {
  await Deno.writeTextFile(path, `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`, { mode: 0o755 });
}

/** The older sources, and the command that runs them. */
async function checkOut(dir: string): Promise<readonly string[]> {
  await Deno.mkdir(dir);
  await sh("sh", "-c", `git -C '${ROOT}' archive ${OLDER} | tar -x -C '${dir}'`);
  return [Deno.execPath(), "run", "-q", "-P", "--config", `${dir}/deno.json`, `${dir}/main.ts`];
}

Deno.test({
  ...skipUnless(hasOlder, `no commit ${OLDER} in this clone`)(
    "an older daemon and this one take each other's pods over, forth and back",
  ),
  fn: async () => {
    const dir = await Deno.makeTempDir({ prefix: "downgrade-" });
    try {
      const older = await checkOut(`${dir}/older`);
      await using busybox = await busyboxRegistry();
      await using node = await Node.start(`${dir}/program`, busybox.image, older);
      const { daemon, crictl } = node;
      await crictl("pull", busybox.image);
      const first = await node.runPod("older");

      await daemon.stop();
      await node.startAs(NEWER);
      await node.assertGoesOn("older", first);
      const second = await node.runPod("newer");

      await daemon.stop("SIGKILL");
      await node.startAs(older);
      await node.assertGoesOn("older", first, 1);
      await node.assertGoesOn("newer", second, 1);
      await crictl("stop", "--timeout", "0", first);

      await daemon.stop();
      await node.startAs(NEWER);
      const { status } = await crictl.json("inspect", first);
      assert.deepEqual([status.state, status.exitCode], ["CONTAINER_EXITED", 137]);
      await crictl("stop", "--timeout", "0", second);

      await daemon.stop();
      await node.startAs(older);
      assert.equal((await crictl.json("inspect", second)).status.exitCode, 137);
      await node.pods.removeAll();
      await assertNothingLeft(daemon);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
