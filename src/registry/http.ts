/** One HTTP request: redirects followed without credentials, headers awaited no longer than agreed. */
import { CriError, toCriError } from "../base/errors.ts";
import type { Answer } from "./body.ts";
import { type Asked, RegistryError, unreachable } from "./errors.ts";
import { isLoopback } from "./hosts.ts";
import type { Timing } from "./timing.ts";

export type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

export interface HttpRequest {
  readonly url: URL;
  readonly method: "GET" | "HEAD" | "POST";
  readonly headers: Record<string, string>;
  /** Value of the Authorization header: for the URL's own origin, never for one redirected to. */
  readonly authorization?: string;
  /** As the server's configuration has them; they too are for the URL's own origin alone. */
  readonly ownHeaders?: readonly (readonly [string, string])[];
  readonly body?: string;
  readonly asked: Asked;
}

export interface HttpDeps {
  readonly fetch: Fetch;
  readonly timing: Timing;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** fetch() as the deps have it in production. */
export const systemFetch: Fetch = (url, init) => fetch(url, init);

/**
 * Sends a request and gives the answer, of whatever status.
 *
 * @throws RegistryError transient when there is no answer, failedPrecondition for redirects to
 *   where we don't go; the signal's reason as a CriError
 */
export async function send(
  deps: HttpDeps,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<Answer> {
  let url = request.url;
  for (let redirects = 0;; redirects++) {
    const answer = await sendOnce(deps, { ...request, url }, {
      isHome: url.origin === request.url.origin,
      signal,
    });
    const location = answer.headers.get("location");
    if (!REDIRECTS.includes(answer.status) || location === null) return answer;
    answer.body?.cancel().catch(() => {});
    if (request.method === "POST") throw wrongRedirect(request, "credentials don't follow one");
    if (redirects >= MAX_REDIRECTS) throw wrongRedirect(request, "it is one too many");
    url = redirected(request, url, location);
  }
}

function redirected(request: HttpRequest, from: URL, location: string): URL {
  const to = URL.parse(location, from.href);
  if (to === null) throw wrongRedirect(request, "its target is not a URL");
  if (to.protocol === "https:") return to;
  // Plain HTTP is for who speaks it already, and nobody else sends us to this machine's services.
  const isAllowed = to.protocol === "http:" && from.protocol === "http:" &&
    isLoopback(to.hostname) === isLoopback(from.hostname);
  if (!isAllowed) throw wrongRedirect(request, `${to.protocol}//${to.host} is not HTTPS`);
  return to;
}

function wrongRedirect({ asked }: HttpRequest, why: string): RegistryError {
  return new RegistryError(
    "failedPrecondition",
    `Registry ${asked.host} answers a redirect for ${asked.what} that is not followed: ${why}`,
  );
}

async function sendOnce(
  { fetch, timing }: HttpDeps,
  request: HttpRequest,
  { isHome, signal }: { isHome: boolean; signal: AbortSignal },
): Promise<Answer> {
  if (signal.aborted) throw toCriError(signal.reason);
  const { url, method, asked } = request;
  const abort = new AbortController();
  const onAbort = () => abort.abort(toCriError(signal.reason));
  signal.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(() => {
    const seconds = timing.headersMs / 1000;
    const message = `Registry ${asked.host} gave no answer for ${asked.what} in ${seconds} s`;
    abort.abort(new RegistryError("unavailable", message, { isTransient: true }));
  }, timing.headersMs);
  try {
    const response = await fetch(url, {
      method,
      redirect: "manual",
      headers: headersOf(request, isHome),
      signal: abort.signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const { status, headers, body } = response;
    return { status, headers, url, body, abort, asked };
  } catch (error) {
    signal.removeEventListener("abort", onAbort);
    if (abort.signal.aborted) throw abort.signal.reason;
    if (error instanceof CriError) throw error;
    throw unreachable(asked, error);
  } finally {
    clearTimeout(timer);
  }
}

function headersOf(
  { headers, authorization, ownHeaders = [] }: HttpRequest,
  isHome: boolean,
): Headers {
  const all = new Headers(headers);
  all.set("user-agent", "cri-containerd");
  // Digests are of the bytes as they are stored; nothing may pack or unpack them on the way.
  all.set("accept-encoding", "identity");
  if (!isHome) return all;
  for (const [name, value] of ownHeaders) all.append(name, value);
  if (authorization !== undefined) all.set("authorization", authorization);
  return all;
}
