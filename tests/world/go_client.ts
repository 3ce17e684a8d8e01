/** Clients on the libraries that kubectl is built on, in Go; built when a test wants them. */
import { CRICTL } from "./crictl.ts";
import { skipUnless } from "./skip.ts";

const SOURCE = new URL("../fixtures/streaming_client/", import.meta.url).pathname;
const PROGRAM = new URL("../../.tools/bin/streaming-client", import.meta.url).pathname;

const go = await findGo();

/** crictl is built by Go too. */
export const canRunGoClient = go !== undefined &&
  await Deno.stat(CRICTL).then(() => true, () => false);

export const whereGoIs = skipUnless(canRunGoClient, "no Go here, or no crictl");

async function findGo(): Promise<string | undefined> {
  for (const path of ["/usr/local/go/bin/go", "/usr/bin/go", "/usr/local/bin/go"]) {
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  return undefined;
}

/** Builds the client, which takes a minute the first time. */
export async function buildGoClient(): Promise<void> {
  const { success, stderr } = await new Deno.Command(go ?? "go", {
    args: ["build", "-buildvcs=false", "-o", PROGRAM, "."],
    cwd: SOURCE,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Starts the client with what it takes on its command line. */
export function goClient(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(PROGRAM, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}
