/** A real containerd of its own for a test: own root, state and socket, CRI plugin off. */
import { delay } from "./delay.ts";

export interface ContainerdOptions {
  /** Path of the executable, `containerd` on PATH if left out; its shim is looked for beside it. */
  binary?: string;
  /** Lines of TOML to add to the config. */
  config?: string;
}

export interface RunningContainerd {
  /** Path of its socket. */
  address: string;
  pid: number;
  /** Ends containerd and leaves its shims with their containers, as a restart does. */
  stop(signal?: Deno.Signal): Promise<void>;
  /** Ends containerd and its shims, and takes every mount under its folder away. */
  cleanUp(): Promise<void>;
}

const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;

/**
 * Starts containerd in `dir`, or starts it again on what an earlier one left there.
 *
 * @throws with the end of its log when it doesn't come up
 */
export async function startContainerd(
  dir: string,
  options: ContainerdOptions = {},
): Promise<RunningContainerd> {
  const address = `${dir}/containerd.sock`;
  const logPath = `${dir}/containerd.log`;
  await Deno.mkdir(dir, { recursive: true });
  await Deno.writeTextFile(`${dir}/config.toml`, configFor(dir, options.config ?? ""));
  const child = spawn(dir, logPath, options.binary ?? "containerd");
  let exit: Deno.CommandStatus | undefined;
  const exited = child.status.then((status) => exit = status);
  const stop = async (signal: Deno.Signal = "SIGTERM") => {
    if (exit === undefined) child.kill(signal);
    const inTime = await Promise.race([exited, delay(STOP_TIMEOUT_MS)]);
    if (inTime === undefined) child.kill("SIGKILL");
    await exited;
  };
  for (const until = Date.now() + READY_TIMEOUT_MS; !await answers(address); await delay(20)) {
    if (exit === undefined && Date.now() < until) continue;
    await stop("SIGKILL");
    const log = await Deno.readTextFile(logPath);
    throw new Error(`containerd didn't come up:\n${log.slice(-4000)}`);
  }
  return {
    address,
    pid: child.pid,
    stop,
    cleanUp: async () => {
      await killShims(address);
      await stop();
      await unmountUnder(dir);
    },
  };
}

function configFor(dir: string, more: string): string {
  return `version = 2
root = "${dir}/root"
state = "${dir}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri"]
[grpc]
  address = "${dir}/containerd.sock"
[ttrpc]
  address = "${dir}/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "${dir}/opt"
${more}`;
}

function spawn(dir: string, logPath: string, binary: string): Deno.ChildProcess {
  const slash = binary.lastIndexOf("/");
  const path = Deno.env.get("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin";
  // A shell in between lets containerd write its log itself, so that it outlives this process.
  return new Deno.Command("/bin/sh", {
    args: ["-c", 'exec "$0" -c "$1/config.toml" >>"$2" 2>&1', binary, dir, logPath],
    env: { PATH: slash > 0 ? `${binary.slice(0, slash)}:${path}` : path },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

async function answers(address: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path: address })).close();
    return true;
  } catch {
    return false;
  }
}

/** Kills the shims that were started for this socket, and the processes of their containers. */
async function killShims(address: string): Promise<void> {
  const shims: number[] = [];
  const parents = new Map<number, number>();
  for await (const { name } of Deno.readDir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const args = (await textOf(`/proc/${pid}/cmdline`)).split("\0");
    if (args[0]?.includes("containerd-shim") === true && args.includes(address)) shims.push(pid);
    const stat = await textOf(`/proc/${pid}/stat`);
    parents.set(pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  for (const shim of shims) {
    for (const [pid, parent] of parents) if (parent === shim) kill(pid);
    kill(shim);
  }
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function unmountUnder(dir: string): Promise<void> {
  const lines = (await textOf("/proc/self/mountinfo")).split("\n");
  const targets = lines.map((line) => line.split(" ")[4] ?? "");
  for (const target of targets.filter((t) => t.startsWith(`${dir}/`)).reverse()) {
    await new Deno.Command("umount", { args: ["-l", target], stderr: "null" }).output();
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    // The process has gone meanwhile.
    return "";
  }
}
