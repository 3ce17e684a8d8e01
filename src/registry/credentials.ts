/** Who we are to a registry: the fields of the CRI's AuthConfig. */
import { invalidArgument } from "../base/errors.ts";

/** As the kubelet sends it; empty fields say nothing. */
export interface RegistryAuth {
  username: string;
  password: string;
  /** `user:password` in base64, as in Docker's config.json. */
  auth: string;
  /** Registry that these are for, with or without scheme and path; "" is whichever is asked. */
  serverAddress: string;
  /** An OAuth2 refresh token. */
  identityToken: string;
  /** A bearer token, sent as it is. */
  registryToken: string;
}

/** What can be shown to a registry. */
export type Credentials =
  | { kind: "none" }
  | { kind: "password"; username: string; password: string }
  | { kind: "refreshToken"; token: string }
  | { kind: "bearer"; token: string };

/** Docker Hub under the names that tools keep its credentials by. */
const DOCKER_HUB = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/**
 * The credentials for one registry, none when they are meant for another.
 *
 * @param domain as in an image's name: `docker.io`, `127.0.0.1:5000`
 * @throws CriError invalidArgument when `auth` can't be read
 */
export function credentialsFor(domain: string, auth: RegistryAuth | undefined): Credentials {
  if (auth === undefined) return { kind: "none" };
  if (auth.serverAddress !== "" && !isSameRegistry(serverOf(auth.serverAddress), domain)) {
    return { kind: "none" };
  }
  if (auth.username !== "") {
    return { kind: "password", username: auth.username, password: auth.password };
  }
  if (auth.identityToken !== "") return { kind: "refreshToken", token: auth.identityToken };
  if (auth.registryToken !== "") return { kind: "bearer", token: auth.registryToken };
  if (auth.auth !== "") return decodeAuth(auth.auth);
  return { kind: "none" };
}

/** Credentials for the servers of one registry. */
export interface Keys {
  /** What came with the request. */
  readonly auth: RegistryAuth | undefined;
  /** Those of the node, by what its file names. */
  readonly node: NodeCredentials;
}

/** Credentials of the node, by registry or by the beginning of an image's name. */
export type NodeCredentials = ReadonlyMap<string, RegistryAuth>;

/**
 * What one server of a registry is shown. The request's credentials are the registry's own: a mirror
 * gets them only when they name it, else what the node's file has for the mirror.
 *
 * @throws CriError invalidArgument when they can't be read
 */
export function credentialsOf(
  image: { domain: string; path: string },
  server: { host: string; isMirror: boolean },
  { auth, node }: Keys,
): Credentials {
  const { host, isMirror } = server;
  const isNamed = auth !== undefined && (!isMirror || auth.serverAddress !== "");
  const given = isNamed ? credentialsFor(isMirror ? host : image.domain, auth) : undefined;
  if (given !== undefined && given.kind !== "none") return given;
  const [longest] = [...node]
    .filter(([name]) => isUnder(`${isMirror ? host : image.domain}/${image.path}`, name))
    .sort(([a], [b]) => b.length - a.length);
  return credentialsFor(isMirror ? host : image.domain, longest?.[1]);
}

function isUnder(image: string, name: string): boolean {
  if (DOCKER_HUB.includes(name)) return DOCKER_HUB.includes(image.split("/")[0] ?? "");
  return image === name || image.startsWith(`${name}/`);
}

/** The header of HTTP Basic authentication. */
export function basicHeader(
  { username, password }: { username: string; password: string },
): string {
  return `Basic ${new TextEncoder().encode(`${username}:${password}`).toBase64()}`;
}

function decodeAuth(auth: string): Credentials {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(auth));
  } catch {
    throw invalidArgument("auth.auth", "is not base64");
  }
  const colon = text.indexOf(":");
  if (colon < 0) throw invalidArgument("auth.auth", "is not user:password in base64");
  // Docker's own tools have written trailing NUL bytes.
  const password = text.slice(colon + 1).replace(/\0+$/, "");
  return { kind: "password", username: text.slice(0, colon), password };
}

function serverOf(address: string): string {
  const withoutScheme = address.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "");
  return (withoutScheme.split("/")[0] ?? "").toLowerCase();
}

function isSameRegistry(server: string, domain: string): boolean {
  if (server === domain.toLowerCase()) return true;
  return DOCKER_HUB.includes(server) && DOCKER_HUB.includes(domain);
}

/** A token that is sent as it is, a proxy for it alone, headers that mustn't follow a redirect. */
export function isForUsAlone(
  { isProxied, headers }: { isProxied?: boolean; headers: readonly unknown[] },
  { kind }: Credentials,
): boolean {
  return kind === "bearer" || isProxied === true || headers.length > 0;
}
