/** Where the images of a registry are fetched from: the one place that knows about mirrors. */

/** A server that speaks the distribution protocol. */
export interface Endpoint {
  /** Scheme, host and port: `https://registry-1.docker.io`. */
  readonly origin: string;
}

/** Docker Hub's images are named docker.io, its server isn't. */
const SERVER_NAMES = new Map([["docker.io", "registry-1.docker.io"]]);

/**
 * The servers to ask for the images of a registry, in order; the next one is asked when one can't
 * be reached. HTTPS, and plain HTTP for this machine itself.
 *
 * @param domain as in an image's name
 */
export function endpointsFor(domain: string): Endpoint[] {
  const server = SERVER_NAMES.get(domain) ?? domain;
  const { hostname } = new URL(`https://${server}`);
  const isPlain = isLoopback(hostname) && !server.endsWith(":443");
  return [{ origin: `${isPlain ? "http" : "https"}://${server}` }];
}

/** Whether a host is this machine: 127.0.0.0/8, ::1 or localhost. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase();
  if (host === "localhost" || host === "[::1]" || host === "::1") return true;
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
