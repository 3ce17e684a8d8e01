/** Debian's docker-registry on loopback, with or without a password and TLS. */
import { delay } from "./delay.ts";

export interface RunningRegistry {
  /** Host and port, as in an image's name. */
  host: string;
  origin: string;
  cleanUp(): Promise<void>;
}

const READY_TIMEOUT_MS = 15_000;

/** Whether it is installed. */
export async function hasDockerRegistry(): Promise<boolean> {
  try {
    await Deno.stat("/usr/bin/docker-registry");
    return true;
  } catch {
    return false;
  }
}

export interface DockerRegistryOptions {
  /** A line of an htpasswd file with a bcrypt hash. */
  htpasswd?: string;
  /** Paths; with `clientCa` clients must show a certificate of that authority. */
  tls?: { cert: string; key: string; clientCa?: string };
}

export async function startDockerRegistry(
  { htpasswd, tls }: DockerRegistryOptions = {},
): Promise<RunningRegistry> {
  const dir = await Deno.makeTempDir({ prefix: "registry-" });
  const port = freePort();
  const auth = htpasswd === undefined
    ? ""
    : `auth:\n  htpasswd:\n    realm: test\n    path: ${dir}/htpasswd\n`;
  await Deno.writeTextFile(`${dir}/htpasswd`, htpasswd ?? "");
  await Deno.writeTextFile(
    `${dir}/config.yml`,
    `version: 0.1
log: {level: error}
storage:
  filesystem: {rootdirectory: ${dir}/data}
  delete: {enabled: true}
http:
  addr: "127.0.0.1:${port}"
${tlsLines(tls)}${auth}`,
  );
  const child = new Deno.Command("/usr/bin/docker-registry", {
    args: ["serve", `${dir}/config.yml`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const origin = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const cleanUp = async () => {
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(dir, { recursive: true });
  };
  for (const until = Date.now() + READY_TIMEOUT_MS; !await answers(port); await delay(50)) {
    if (Date.now() < until) continue;
    await cleanUp();
    throw new Error("docker-registry didn't come up");
  }
  return { host: `127.0.0.1:${port}`, origin, cleanUp };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function tlsLines(tls: DockerRegistryOptions["tls"]): string {
  if (tls === undefined) return "";
  const clients = tls.clientCa === undefined ? "" : `    clientcas: [${tls.clientCa}]\n`;
  return `  tls:\n    certificate: ${tls.cert}\n    key: ${tls.key}\n${clients}`;
}

async function answers(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
