/** A real containerd of its own for a test: own root, state and socket, CRI plugin off. */
import { delay } from "./delay.ts";
import { killShims, unmountUnder } from "./processes.ts";

export interface ContainerdOptions {
  /** Path of the executable, `containerd` on PATH if left out; its shim is looked for beside it. */
  binary?: string;
  /** Lines of TOML to add to the config. */
  config?: string;
  /** Whether its own CRI is on. */
  cri?: boolean;
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
  await Deno.writeTextFile(`${dir}/config.toml`, configFor(dir, options));
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

/** The CRI as 1.x and 2.x name its plugins. */
const CRI_PLUGINS = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.cri.v1.images",
  "io.containerd.cri.v1.runtime",
  "io.containerd.podsandbox.controller.v1.podsandbox",
];

function configFor(dir: string, { config = "", cri = false }: ContainerdOptions): string {
  const disabled = ["io.containerd.nri.v1.nri", ...(cri ? [] : CRI_PLUGINS)];
  return `version = 2
root = "${dir}/root"
state = "${dir}/state"
disabled_plugins = ${JSON.stringify(disabled)}
[grpc]
  address = "${dir}/containerd.sock"
[ttrpc]
  address = "${dir}/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "${dir}/opt"
${config}`;
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
