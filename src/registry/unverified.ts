/**
 * HTTPS without looking at who answers, for servers with skip_verify. Deno's fetch can't be told so
 * for one server alone, node:https can.
 */
import { Agent, request } from "node:https";
import { Readable } from "node:stream";
import { request as plainRequest } from "node:http";
import type { Fetch } from "./http.ts";

/** Certificates in PEM form. */
export interface Tls {
  /** Beside those of the system. */
  readonly authorities: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

/** fetch(), as far as registries need it, that trusts everybody. */
export function unverifiedFetch({ cert, key }: Tls): Fetch {
  const agent = new Agent({
    keepAlive: true,
    rejectUnauthorized: false,
    // Nobody is checked; without a list Deno would read the system's, for which there is no right.
    ca: [],
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  });
  return (url, init) => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const options = {
      method: init.method ?? "GET",
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(init.signal ? { signal: init.signal } : {}),
    };
    const isPlain = url.protocol === "http:";
    const sent = isPlain ? plainRequest(url, options) : request(url, { ...options, agent });
    sent.on("error", reject);
    sent.on("response", (answer) => {
      const headers = new Headers();
      for (const [name, value] of Object.entries(answer.headers)) {
        for (const one of [value ?? []].flat()) headers.append(name, one);
      }
      const status = answer.statusCode ?? 0;
      if (status < 200 || status > 599) {
        answer.destroy();
        return reject(new Error(`the answer's status is ${status}`));
      }
      const hasNoBody = init.method === "HEAD" || status === 204 || status === 304;
      if (hasNoBody) answer.resume();
      const body = hasNoBody ? null : ReadableStream.from<Uint8Array<ArrayBuffer>>(
        Readable.from(answer),
      );
      resolve(new Response(body, { status, headers }));
    });
    sent.end(typeof init.body === "string" ? init.body : undefined);
    return promise;
  };
}
