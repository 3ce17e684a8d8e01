/** One run of the suite, and what it leaves on the machine by its own doing. */
import { mountsUnder, unmountUnder } from "../world/processes.ts";
import { sh } from "../world/sh.ts";
import type { Options } from "./options.ts";
import type { Suite } from "./suite.ts";

/** The suite gives up after so long and still writes its report. */
const TIMEOUT = "30m";

export interface Run {
  /** Path of the socket of the server under test. */
  readonly socket: string;
  /** Folder of the suite's volumes and log directories; what is in it is removed afterwards. */
  readonly tempDir: string;
  /** Folder of the reports. */
  readonly out: string;
}

/** Runs the suite to its end or until a signal; gives its exit code. */
export async function runCritest(suite: Suite, run: Run, options: Options): Promise<number> {
  const before = await sharedMemory();
  const child = spawn(suite, run, argumentsOf(run, options));
  const end = () => child.kill("SIGTERM");
  Deno.addSignalListener("SIGINT", end);
  Deno.addSignalListener("SIGTERM", end);
  try {
    return (await child.status).code;
  } finally {
    Deno.removeSignalListener("SIGINT", end);
    Deno.removeSignalListener("SIGTERM", end);
    await cleanUp(run.tempDir, before);
  }
}

function argumentsOf({ socket, out }: Run, options: Options): string[] {
  const flags: Record<string, string> = {
    "runtime-endpoint": `unix://${socket}`,
    "image-endpoint": `unix://${socket}`,
    // Without this it would take settings of the machine's crictl.
    "config": "/dev/null",
    "ginkgo.no-color": "true",
    "ginkgo.seed": options.seed,
    "ginkgo.timeout": TIMEOUT,
    "ginkgo.junit-report": `${out}/junit.xml`,
    "ginkgo.json-report": `${out}/report.json`,
  };
  if (options.focus !== "") flags["ginkgo.focus"] = options.focus;
  if (options.skip !== "") flags["ginkgo.skip"] = options.skip;
  if (options.parallel > 1) flags["parallel"] = String(options.parallel);
  if (options.websocket) {
    for (const stream of ["exec", "attach", "portforward"]) flags[`websocket-${stream}`] = "true";
  }
  return Object.entries(flags).map(([name, value]) => `-${name}=${value}`);
}

function spawn(suite: Suite, { tempDir, out }: Run, args: string[]): Deno.ChildProcess {
  const path = Deno.env.get("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin";
  return new Deno.Command("/bin/sh", {
    args: ["-c", 'log=$0; exec "$@" >"$log" 2>&1', `${out}/critest.log`, suite.critest, ...args],
    env: { PATH: `${suite.binDir}:${path}`, TMPDIR: tempDir },
    cwd: out,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** The tests of host IPC leave their segment behind, failed tests of mounts may leave mounts. */
async function cleanUp(tempDir: string, segmentsBefore: readonly string[]): Promise<void> {
  const segments = await sharedMemory();
  for (const id of segments.filter((id) => !segmentsBefore.includes(id))) {
    await sh("ipcrm", "-m", id);
  }
  await unmountUnder(tempDir);
  const mounts = await mountsUnder(tempDir);
  // One of them may be the machine's /etc: nothing below is removed while it is mounted.
  if (mounts.length > 0) throw new Error(`still mounted, left alone: ${mounts.join(" ")}`);
}

/** Segments of the size that the suite makes, with nobody on them. */
async function sharedMemory(): Promise<string[]> {
  const rows = (await sh("ipcs", "-m")).split("\n").map((line) => line.trim().split(/\s+/));
  return rows.filter(([_key, _id, _owner, _perms, bytes, attached]) =>
    bytes === "1048576" && attached === "0"
  ).map(([_key, id = ""]) => id);
}
