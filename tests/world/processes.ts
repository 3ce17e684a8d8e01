/** Processes and mounts that a test's node may leave, ended and taken away. */
import { eventually } from "./delay.ts";

/** Kills the shims that were started for this socket, and the processes of their containers. */
export async function killShims(address: string): Promise<void> {
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

/**
 * Takes every mount under a folder away.
 *
 * @throws when one stays: whoever removed the folder then would remove what is mounted there too
 */
export async function unmountUnder(dir: string): Promise<void> {
  for (const target of (await mountsUnder(dir)).reverse()) {
    await new Deno.Command("umount", { args: ["-l", target], stderr: "null" }).output();
  }
  const left = await mountsUnder(dir);
  if (left.length > 0) throw new Error(`still mounted: ${left.join(" ")}`);
}

/** Where something is mounted under a folder, in the order of mounting. */
export async function mountsUnder(dir: string): Promise<string[]> {
  const lines = (await textOf("/proc/self/mountinfo")).split("\n");
  const targets = lines.map((line) => line.split(" ")[4] ?? "");
  return targets.filter((target) => target.startsWith(`${dir}/`));
}

/** The command lines of processes that name a path, this one left out. */
export async function processesNaming(path: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    const command = (await textOf(`/proc/${name}/cmdline`)).replaceAll("\0", " ").trim();
    if (command.includes(path)) found.push(`${name} ${command}`);
  }
  return found;
}

/** Kills the process that a pid file names, if its command line names the file's folder. */
export async function endProcess(pidFile: string): Promise<void> {
  const text = await textOf(pidFile);
  if (text === "") return;
  const { pid } = JSON.parse(text);
  const folder = pidFile.slice(0, pidFile.lastIndexOf("/"));
  const runs = async () => (await textOf(`/proc/${pid}/cmdline`)).includes(folder);
  if (!await runs()) return;
  kill(pid);
  await eventually(`the end of process ${pid}`, async () => !await runs());
}

async function textOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    // The process has gone meanwhile.
    return "";
  }
}
