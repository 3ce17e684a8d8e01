/** Bearer tokens: https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/ */
import * as v from "valibot";
import { beginningOf, wholeBody } from "./body.ts";
import type { Challenge } from "./challenge.ts";
import { basicHeader, type Credentials } from "./credentials.ts";
import { type Asked, refused, RegistryError } from "./errors.ts";
import { isLoopback } from "./hosts.ts";
import { type HttpDeps, type HttpRequest, send } from "./http.ts";
import { withRetries } from "./timing.ts";

export interface TokenRequest {
  challenge: Challenge;
  credentials: Credentials;
  /** Where the challenge came from. */
  registry: URL;
  /** Asked for when the challenge doesn't say. */
  scope: string;
}

const MAX_TOKEN_BYTES = 1024 * 1024;
const CLIENT_ID = "cri-containerd";
const tokenSchema = v.object({
  token: v.optional(v.nullable(v.string())),
  access_token: v.optional(v.nullable(v.string())),
});

/**
 * Gets a token from the server that the challenge names.
 *
 * @throws RegistryError permissionDenied when it refuses, failedPrecondition when the challenge
 *   can't be followed
 */
export async function fetchToken(
  deps: HttpDeps,
  request: TokenRequest,
  signal: AbortSignal,
): Promise<string> {
  const realm = realmOf(request);
  const asked: Asked = { what: "a token to pull", host: realm.host };
  const http = toHttp(request, realm, asked);
  return await withRetries(deps.timing, signal, async () => {
    const answer = await send(deps, http, signal);
    if (answer.status !== 200) {
      throw refused(asked, answer, await beginningOf(answer, deps.timing));
    }
    return tokenIn(asked, await wholeBody(answer, deps.timing, MAX_TOKEN_BYTES));
  });
}

/** Credentials go to this URL: it is HTTPS, or on the very host that is asked by plain HTTP. */
function realmOf({ challenge, registry }: TokenRequest): URL {
  const text = challenge.parameters.get("realm") ?? "";
  const realm = URL.parse(text);
  const isSafe = realm !== null && realm.username === "" && realm.password === "" &&
    (realm.protocol === "https:" || isAsPlain(realm, registry));
  if (isSafe) return realm;
  throw new RegistryError(
    "failedPrecondition",
    `Registry ${registry.host} sends us for a token to where credentials can't go: it is not HTTPS`,
  );
}

function isAsPlain(realm: URL, registry: URL): boolean {
  if (realm.protocol !== "http:" || registry.protocol !== "http:") return false;
  if (realm.hostname === registry.hostname) return true;
  return isLoopback(realm.hostname) && isLoopback(registry.hostname);
}

function toHttp(
  { challenge, credentials, scope }: TokenRequest,
  realm: URL,
  asked: Asked,
): HttpRequest {
  const wanted = challenge.parameters.get("scope") ?? scope;
  const service = challenge.parameters.get("service");
  if (credentials.kind === "refreshToken") {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: CLIENT_ID,
      refresh_token: credentials.token,
      scope: wanted,
    });
    if (service !== undefined) form.set("service", service);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { url: realm, method: "POST", headers, body: form.toString(), asked };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const one of wanted.split(" ")) url.searchParams.append("scope", one);
  const authorization = credentials.kind === "password"
    ? { authorization: basicHeader(credentials) }
    : {};
  return { url, method: "GET", headers: {}, asked, ...authorization };
}

function tokenIn({ host }: Asked, bytes: Uint8Array): string {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    json = undefined;
  }
  const result = v.safeParse(tokenSchema, json);
  const token = result.success ? result.output.token || result.output.access_token : undefined;
  // A header can hold nothing else; the rest of a token's form is not our business.
  if (token && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new RegistryError("failedPrecondition", `Token server ${host} answers without a token`);
}
