/** Where the images of a registry are fetched from: what a registry's name stands for by itself. */
import type { Fetch } from "./http.ts";

/** A server that speaks the distribution protocol. */
export interface Endpoint {
  /** Root of its API: `https://registry-1.docker.io/v2`. */
  readonly root: URL;
  /** Host and port, for messages. */
  readonly host: string;
  /** Whether it stands in for the registry and is not the registry itself. */
  readonly isMirror: boolean;
  /** Whether it may say what a tag stands for. */
  readonly resolves: boolean;
  /** Whether it may hand out content. */
  readonly pulls: boolean;
  /** Sent to this server alone; values may be secrets. */
  readonly headers: readonly (readonly [string, string])[];
  /** How long its address may take to answer before the next one is asked. */
  readonly dialTimeoutMs?: number;
  /** Whether a proxy of its own stands before it. */
  readonly isProxied?: boolean;
  /** How it is reached, when not as all others are. */
  readonly fetch?: Fetch;
}

/** Finds the servers to ask for the images of a registry, in order. */
export type Hosts = (domain: string) => Promise<readonly Endpoint[]>;

/** Docker Hub's images are named docker.io, its server isn't. */
const SERVER_NAMES = new Map([["docker.io", "registry-1.docker.io"]]);

/** Registries without any configuration: each is its own server. */
export const noMirrors: Hosts = (domain) => Promise.resolve([ownEndpoint(domain)]);

/**
 * The registry's own server: HTTPS, and plain HTTP for this machine itself.
 *
 * @param domain as in an image's name
 */
export function ownEndpoint(domain: string): Endpoint {
  const server = SERVER_NAMES.get(domain) ?? domain;
  const { hostname } = new URL(`https://${server}`);
  const isPlain = isLoopback(hostname) && !server.endsWith(":443");
  const root = new URL(`${isPlain ? "http" : "https"}://${server}/v2`);
  return { root, host: domain, isMirror: false, resolves: true, pulls: true, headers: [] };
}

/** Whether a host is this machine: 127.0.0.0/8, ::1 or localhost. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase();
  if (host === "localhost" || host === "[::1]" || host === "::1") return true;
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
