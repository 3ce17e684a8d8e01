/** What the suite needs before it can run: its images, a registry that serves them, its program. */
import { eventually } from "../world/delay.ts";

const HERE = new URL(".", import.meta.url).pathname;
const TOOLS = new URL("../../.tools", import.meta.url).pathname;
const CACHE = `${TOOLS}/conformance`;

/**
 * Ports that the registry may have. The suite has the port compiled in, so the first free one is
 * taken and the program built for it is kept. They lie below those that the kernel gives out.
 */
const FIRST_PORT = 28_640;
const LAST_PORT = 28_649;

const REGISTRY_TIMEOUT_MS = 20_000;

/** The suite, ready to run; disposing of it ends the registry. */
export interface Suite extends AsyncDisposable {
  /** Path of the program. */
  readonly critest: string;
  /** Folder of the program that runs its tests in parallel. */
  readonly binDir: string;
  /** Host and port of the registry. */
  readonly registry: string;
}

/** Builds what isn't built yet and starts the registry. @throws with what is missing */
export async function prepareSuite(): Promise<Suite> {
  await runScript(`${HERE}/make_images.sh`, CACHE);
  const port = freePort();
  await runScript(`${HERE}/build_critest.sh`, CACHE, String(port));
  const registry = await startRegistry(port);
  return {
    critest: `${CACHE}/critest-${port}`,
    binDir: `${CACHE}/bin`,
    registry: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: registry,
  };
}

/** The folders of a node with containerd 2.3, built if they aren't there. */
export async function buildNode(): Promise<{ binaries: string; pluginDirs: string[] }> {
  await runScript(`${HERE}/../tools/build.sh`, "containerd", "runc", "cni");
  return { binaries: `${TOOLS}/containerd-2.3`, pluginDirs: [`${TOOLS}/cni`] };
}

/** Builds the tool by which pods are removed that a failed test left. */
export async function buildCrictl(): Promise<void> {
  await runScript(`${HERE}/../tools/build.sh`, "crictl");
}

function freePort(): number {
  for (let port = FIRST_PORT; port <= LAST_PORT; port++) {
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error(`no port from ${FIRST_PORT} to ${LAST_PORT} is free for a registry`);
}

async function startRegistry(port: number): Promise<() => Promise<void>> {
  const child = new Deno.Command(`${HERE}/registry.sh`, {
    args: [`${CACHE}/registry`, String(port)],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const end = async () => {
    try {
      child.kill();
    } catch {
      // It has ended by itself.
    }
    await child.status;
  };
  let isOver = false;
  void child.status.then(() => isOver = true);
  try {
    await eventually("the registry", async () => {
      if (isOver) throw new Error(`the registry on port ${port} ended`);
      return await answers(`http://127.0.0.1:${port}/v2/`);
    }, REGISTRY_TIMEOUT_MS);
  } catch (error) {
    await end();
    throw error;
  }
  return end;
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Runs a script that says itself what goes wrong. */
async function runScript(script: string, ...args: string[]): Promise<void> {
  const { code } = await new Deno.Command("bash", { args: [script, ...args], stdin: "null" })
    .spawn().status;
  if (code !== 0) {
    throw new Error(`${script.slice(script.lastIndexOf("/") + 1)} ended with ${code}`);
  }
}
