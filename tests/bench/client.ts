/** The benchmark's client: built once from its Go source, run for each measurement. */
import * as v from "valibot";

const HERE = new URL(".", import.meta.url).pathname;
const PROGRAM = new URL("../../.tools/bin/bench-client", import.meta.url).pathname;

const resultSchema = v.object({
  samples: v.record(v.string(), v.array(v.number())),
  values: v.record(v.string(), v.number()),
});

/** Samples in milliseconds, and single values, by name. */
export type Measured = v.InferOutput<typeof resultSchema>;

/** Builds what has changed. @throws with what is missing */
export async function buildClient(): Promise<void> {
  const { code } = await new Deno.Command("bash", {
    args: [`${HERE}/build_client.sh`, PROGRAM],
    stdin: "null",
  }).spawn().status;
  if (code !== 0) throw new Error("the client could not be built");
}

/** Clients at work. */
const running = new Set<Deno.ChildProcess>();
let isInterrupted = false;

/** Ends what is being measured and lets nothing more begin, so that both sides are taken down. */
export function interruptClients(): void {
  isInterrupted = true;
  for (const child of running) child.kill();
}

/** Flags by name, without the dashes. */
export type Flags = Readonly<Record<string, string | number>>;

/** Runs one of the client's commands. @throws with what it says when it fails */
export async function runClient(command: string, flags: Flags): Promise<Measured> {
  const { code, stdout, stderr } = await spawn(command, flags).output();
  const decoder = new TextDecoder();
  if (isInterrupted) throw new Error("interrupted");
  if (code !== 0) throw new Error(`${command}: ${decoder.decode(stderr).trim()}`);
  return v.parse(resultSchema, JSON.parse(decoder.decode(stdout)));
}

/**
 * Waits for a server that `start` starts: the milliseconds from there until it answers and lists
 * its pods.
 */
export async function timeUntilReady(flags: Flags, start: () => void): Promise<number> {
  const child = spawn("wait", flags);
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    // The first line says that it looks.
    await lines.read();
    const began = performance.timeOrigin + performance.now();
    start();
    let text = "";
    for (let chunk = await lines.read(); !chunk.done; chunk = await lines.read()) {
      text += chunk.value;
    }
    const { code } = await child.status;
    if (code !== 0) throw new Error("the server did not come up");
    const { values } = v.parse(resultSchema, JSON.parse(text));
    return (values.at ?? NaN) - began;
  } finally {
    await child.stderr.cancel();
  }
}

function spawn(command: string, flags: Flags): Deno.ChildProcess {
  if (isInterrupted) throw new Error("interrupted");
  const child = new Deno.Command(PROGRAM, {
    args: [command, ...Object.entries(flags).map(([name, value]) => `-${name}=${value}`)],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  running.add(child);
  void child.status.then(() => running.delete(child));
  return child;
}
