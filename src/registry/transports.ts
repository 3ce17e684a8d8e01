/** Connections that are not like all others: own authorities, own certificates, a proxy, no checks. */
import { CriError } from "../base/errors.ts";
import { isCertificateRefused } from "./errors.ts";
import { readRequired } from "./files.ts";
import type { HostEntry } from "./hosts_file.ts";
import type { Fetch } from "./http.ts";
import { digestAs } from "./answers.ts";
import { type Tls, unverifiedFetch } from "./unverified.ts";

/**
 * One transport for all pulls that need the same: its connections are used again. Files are read
 * each time, and changed ones give another transport.
 */
export class Transports {
  readonly #known = new Map<string, Fetch>();

  /** Undefined when the server is reached as all others are. */
  async for(entry: HostEntry): Promise<Fetch | undefined> {
    const { caFiles, clientFiles, skipsVerify, proxy } = entry;
    const isUsual = caFiles.length === 0 && clientFiles.length === 0 && !skipsVerify &&
      proxy === undefined;
    if (isUsual) return undefined;
    const authorities = await Promise.all(caFiles.map(readRequired));
    const pairs = await Promise.all(clientFiles.map(readClient));
    const tls = pairs.length === 0
      ? [{ authorities }]
      : pairs.map((pair) => ({ authorities, ...pair }));
    const wanted = JSON.stringify([tls, skipsVerify, proxy]);
    // The key of the map outlives the pull, and what it is made of is secret.
    const key = digestAs(undefined, new TextEncoder().encode(wanted));
    const known = this.#known.get(key) ?? oneAfterAnother(tls.map((it) => transport(it, entry)));
    this.#known.set(key, known);
    return known;
  }
}

/**
 * The transports of several client certificates: Deno's show one each, and the server says only by
 * refusing it which it wants. The one that it took is shown first from then on.
 */
export function oneAfterAnother(transports: readonly Fetch[]): Fetch {
  let first = 0;
  return async (url, init) => {
    const order = [...transports.keys()].map((step) => (first + step) % transports.length);
    let refusal: unknown;
    for (const at of order) {
      try {
        const answer = await transports[at]?.(url, init);
        if (answer === undefined) continue;
        first = at;
        return answer;
      } catch (error) {
        if (!isCertificateRefused(error)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  };
}

function transport(tls: Tls, entry: HostEntry): Fetch {
  if (entry.skipsVerify) return unverifiedFetch(tls);
  const client = createClient(tls, entry);
  return (url, init) => fetch(url, { ...init, client });
}

function createClient(
  { authorities, cert, key }: Tls,
  { proxy, caFiles, clientFiles }: HostEntry,
): Deno.HttpClient {
  try {
    return Deno.createHttpClient({
      caCerts: [...authorities],
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(proxy === undefined ? {} : { proxy: { url: proxy } }),
    });
  } catch (error) {
    const files = [...caFiles, ...clientFiles.flat()].filter((file) => file !== "").join(", ");
    const reason = error instanceof Error ? error.message : "";
    throw new CriError("failedPrecondition", `No certificates and keys are in ${files}: ${reason}`);
  }
}

async function readClient(
  [certFile, keyFile]: HostEntry["clientFiles"][number],
): Promise<{ cert: string; key: string }> {
  const cert = await readRequired(certFile);
  return { cert, key: keyFile === "" ? cert : await readRequired(keyFile) };
}
