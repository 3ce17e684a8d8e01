/** One run of the suite, and what it leaves on the machine by its own doing. */
import { eventually } from "../world/delay.ts";
import { processesNaming, unmountUnder } from "../world/processes.ts";
import { sh } from "../world/sh.ts";
import type { Options } from "./options.ts";
import type { Suite } from "./suite.ts";

/** The suite gives up after so long and still writes its report. */
const TIMEOUT = "30m";

/** How long it may take to clean up after the test that a signal interrupts. */
const INTERRUPT_MS = 60_000;

export interface Run {
  /** Path of the socket of the server under test. */
  readonly socket: string;
  /** Folder of the suite's volumes and log directories; what is in it is removed afterwards. */
  readonly tempDir: string;
  /** Folder of the reports. */
  readonly out: string;
  /** Aborted when the run is to come to its end early; it still writes its report then. */
  readonly signal: AbortSignal;
}

/** Runs the suite to its end. */
export async function runCritest(suite: Suite, run: Run, options: Options): Promise<void> {
  run.signal.throwIfAborted();
  const before = await sharedMemory();
  const child = spawn(suite, run, argumentsOf(run, options));
  // It leads a group of processes: with several tests at a time there are several.
  const interrupt = () => Deno.kill(-child.pid, "SIGINT");
  run.signal.addEventListener("abort", interrupt, { once: true });
  try {
    await child.status;
    await eventually(
      "the end of the suite",
      async () => (await processesNaming(endpoint(run))).length === 0,
      INTERRUPT_MS,
    );
  } finally {
    run.signal.removeEventListener("abort", interrupt);
    await cleanUp(run.tempDir, before);
  }
}

function endpoint({ socket }: Run): string {
  return `-runtime-endpoint=unix://${socket}`;
}

function argumentsOf(run: Run, options: Options): string[] {
  const { socket, out } = run;
  const flags: Record<string, string> = {
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
  return [endpoint(run), ...Object.entries(flags).map(([name, value]) => `-${name}=${value}`)];
}

function spawn(suite: Suite, { tempDir, out }: Run, args: string[]): Deno.ChildProcess {
  const path = Deno.env.get("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin";
  return new Deno.Command("setsid", {
    args: [
      "/bin/sh",
      "-c",
      'log=$0; exec "$@" >"$log" 2>&1',
      `${out}/critest.log`,
      suite.critest,
      ...args,
    ],
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
  // One of them may be of the machine's /etc.
  await unmountUnder(tempDir);
}

/** Segments of the size that the suite makes, with nobody on them. */
async function sharedMemory(): Promise<string[]> {
  const rows = (await sh("ipcs", "-m")).split("\n").map((line) => line.trim().split(/\s+/));
  return rows.filter(([_key, _id, _owner, _perms, bytes, attached]) =>
    bytes === "1048576" && attached === "0"
  ).map(([_key, id = ""]) => id);
}
