/**
 * One repository of a registry, read only: https://github.com/opencontainers/distribution-spec
 * Its bytes come from strangers: documents are bounded and checked by digest here, blobs by
 * containerd when they are stored.
 */
import {
  checkDigest,
  digestAs,
  from,
  fromHeaders,
  mediaTypeOf,
  type Resolved,
  tooLong,
  tooShort,
} from "./answers.ts";
import { isKind } from "../base/errors.ts";
import { Authorizer } from "./authorizer.ts";
import { type Answer, beginningOf, wholeBody } from "./body.ts";
import { type Credentials, isForUsAlone } from "./credentials.ts";
import { allFailed, type Asked, refused, RegistryError } from "./errors.ts";
import type { Endpoint } from "./hosts.ts";
import { type Fetch, type HttpDeps, send, systemFetch } from "./http.ts";
import { reach } from "./reach.ts";
import { backOff, DEFAULT_TIMING, mayPass, type Timing, withRetries } from "./timing.ts";

export interface RepositoryOptions {
  /** Registry and repository as in an image's name. */
  domain: string;
  path: string;
  /** What each of the servers may be shown. */
  credentials: (endpoint: Endpoint) => Credentials;
  /** Media types of documents that are understood. */
  accept: readonly string[];
  /** The servers to ask, in order. */
  endpoints: readonly Endpoint[];
  fetch?: Fetch;
  timing?: Timing;
}

export type { Resolved } from "./answers.ts";

export interface BlobRequest {
  digest: string;
  sizeBytes: bigint;
}

const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024;
/** So much of a blob between two failures means that trying again gets us on. */
const PROGRESS_BYTES = 1024 * 1024;

/** What an endpoint has to be able to do for a question. */
type Need = "resolves" | "pulls";

interface Question {
  method: "HEAD" | "GET";
  path: string;
  headers: Record<string, string>;
  asked: Asked;
}

export class Repository {
  readonly #options: RepositoryOptions;
  readonly #timing: Timing;
  readonly #authorizers = new Map<Endpoint, Authorizer>();
  readonly #reached = new Set<Endpoint>();
  /** Those that didn't answer: asked only when all others have been. */
  readonly #down = new Set<Endpoint>();

  constructor(options: RepositoryOptions) {
    this.#options = options;
    this.#timing = options.timing ?? DEFAULT_TIMING;
  }

  /** What a server of the repository, by host and port, may be shown; others are shown nothing. */
  credentialsFor(host: string): Credentials {
    const endpoint = this.#options.endpoints.find(({ root }) => root.host === host);
    return endpoint === undefined ? { kind: "none" } : this.#options.credentials(endpoint);
  }

  /** Whether a server takes what containerd's own client hasn't: see {@link isForUsAlone}. */
  get isForUsAlone(): boolean {
    return this.#options.endpoints.some((it) => isForUsAlone(it, this.#options.credentials(it)));
  }

  /**
   * Finds what a tag or digest stands for.
   *
   * @throws RegistryError notFound, permissionDenied, resourceExhausted, unavailable,
   *   failedPrecondition
   */
  async resolve(reference: string, signal: AbortSignal): Promise<Resolved> {
    const expected = reference.includes(":") ? reference : undefined;
    const what = `${this.#options.path}${expected === undefined ? ":" : "@"}${reference}`;
    // A digest says itself what it stands for: whoever has the content may answer.
    const need = expected === undefined ? "resolves" : "pulls";
    return await withRetries(this.#timing, signal, () => {
      return this.#each({ need, what }, signal, (endpoint, asked) => {
        return this.#resolveAt(endpoint, { reference, expected, asked }, signal);
      });
    });
  }

  async #resolveAt(
    endpoint: Endpoint,
    { reference, expected, asked }: {
      reference: string;
      expected: string | undefined;
      asked: Asked;
    },
    signal: AbortSignal,
  ): Promise<Resolved> {
    const head = await this.#document(endpoint, { method: "HEAD", reference, asked }, signal);
    await head.body?.cancel();
    const resolved = head.status === 200 ? fromHeaders(head.headers, expected) : undefined;
    if (resolved !== undefined) return resolved;
    // No digest in the answer, a registry that knows no HEAD, or one that says why only to a GET.
    const answer = await this.#document(endpoint, { method: "GET", reference, asked }, signal);
    const bytes = await this.#whole(answer);
    const digest = digestAs(expected, bytes);
    checkDigest(asked, { expected, digest });
    return { mediaType: mediaTypeOf(answer.headers), digest, sizeBytes: BigInt(bytes.length) };
  }

  /** A manifest or index, checked by its digest. @throws as resolve does */
  async document(digest: string, signal: AbortSignal): Promise<Uint8Array> {
    const what = `${this.#options.path}@${digest}`;
    return await withRetries(this.#timing, signal, () => {
      return this.#each({ need: "pulls", what }, signal, async (endpoint, asked) => {
        const question = { method: "GET" as const, reference: digest, asked };
        const bytes = await this.#whole(await this.#document(endpoint, question, signal));
        checkDigest(asked, { expected: digest, digest: digestAs(digest, bytes) });
        return bytes;
      });
    });
  }

  /**
   * The index of what refers to a manifest; registries without that question keep it under a tag.
   *
   * @throws as resolve does
   */
  async referrers(digest: string, signal: AbortSignal): Promise<Uint8Array> {
    const what = `the referrers of ${this.#options.path}@${digest}`;
    try {
      return await withRetries(this.#timing, signal, () => {
        return this.#each({ need: "pulls", what }, signal, async (endpoint, asked) => {
          const question = { method: "GET" as const, path: `referrers/${digest}`, headers: {} };
          return await this.#whole(await this.#ask(endpoint, { ...question, asked }, signal));
        });
      });
    } catch (error) {
      if (!isKind(error, "notFound", "failedPrecondition")) throw error;
      const tag = digest.replace(":", "-");
      return await this.document((await this.resolve(tag, signal)).digest, signal);
    }
  }

  /**
   * A blob from `offset` on, in pieces. A transfer that breaks goes on where it was, at another
   * server if there is one; it never brings more than the blob's size. Its digest is for the reader
   * to check.
   */
  async *blob(
    { digest, sizeBytes }: BlobRequest,
    { offset, signal }: { offset: bigint; signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const what = `blob ${digest} of ${this.#options.path}`;
    let at = offset;
    let failures = 0;
    while (at < sizeBytes) {
      const began = at;
      let serving: Endpoint | undefined;
      try {
        const answer = await this.#each({ need: "pulls", what }, signal, (endpoint, asked) => {
          serving = endpoint;
          return this.#openBlob(endpoint, { digest, offset: at, asked }, signal);
        });
        for await (const chunk of from(answer, this.#timing, at)) {
          at += BigInt(chunk.length);
          if (at > sizeBytes) throw tooLong(answer.asked, sizeBytes);
          yield chunk;
        }
        if (at < sizeBytes) throw tooShort(answer.asked, at, sizeBytes);
      } catch (error) {
        if (serving !== undefined) this.#down.add(serving);
        if (at - began >= PROGRESS_BYTES) failures = 0;
        if (!mayPass(error) || ++failures > this.#timing.retries) throw error;
        await backOff({ timing: this.#timing, failures, error }, signal);
      }
    }
  }

  /** Asks each server that can do it in turn; the errors of all are told when all have failed. */
  async #each<T>(
    { need, what }: { need: Need; what: string },
    signal: AbortSignal,
    ask: (endpoint: Endpoint, asked: Asked) => Promise<T>,
  ): Promise<T> {
    const able = this.#options.endpoints.filter((endpoint) => endpoint[need]);
    const isDown = (endpoint: Endpoint) => this.#down.has(endpoint);
    const ordered = [...able.filter((it) => !isDown(it)), ...able.filter(isDown)];
    const failures: { host: string; error: RegistryError }[] = [];
    for (const endpoint of ordered) {
      const asked = { what, host: endpoint.host };
      try {
        await this.#reach(endpoint, asked, signal);
        const answer = await ask(endpoint, asked);
        this.#down.delete(endpoint);
        return answer;
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        if (error.isTransient || error.kind === "unavailable") this.#down.add(endpoint);
        failures.push({ host: endpoint.host, error });
      }
    }
    throw allFailed({ what, host: this.#options.domain }, failures);
  }

  async #reach(endpoint: Endpoint, asked: Asked, signal: AbortSignal): Promise<void> {
    if (endpoint.dialTimeoutMs === undefined || this.#reached.has(endpoint)) return;
    await reach(endpoint, asked, signal);
    this.#reached.add(endpoint);
  }

  async #whole(answer: Answer): Promise<Uint8Array> {
    if (answer.status !== 200) {
      throw refused(answer.asked, answer, await beginningOf(answer, this.#timing));
    }
    return await wholeBody(answer, this.#timing, MAX_DOCUMENT_BYTES);
  }

  async #document(
    endpoint: Endpoint,
    { method, reference, asked }: { method: "HEAD" | "GET"; reference: string; asked: Asked },
    signal: AbortSignal,
  ): Promise<Answer> {
    const headers = { accept: [...this.#options.accept, "*/*;q=0.1"].join(", ") };
    const question = { method, path: `manifests/${reference}`, headers, asked };
    return await this.#ask(endpoint, question, signal);
  }

  async #openBlob(
    endpoint: Endpoint,
    { digest, offset, asked }: { digest: string; offset: bigint; asked: Asked },
    signal: AbortSignal,
  ): Promise<Answer> {
    const headers: Record<string, string> = offset > 0n ? { range: `bytes=${offset}-` } : {};
    const question = { method: "GET" as const, path: `blobs/${digest}`, headers, asked };
    const answer = await this.#ask(endpoint, question, signal);
    if (answer.status === 200 || (answer.status === 206 && offset > 0n)) return answer;
    throw refused(asked, answer, await beginningOf(answer, this.#timing));
  }

  async #ask(
    endpoint: Endpoint,
    { method, path, headers, asked }: Question,
    signal: AbortSignal,
  ): Promise<Answer> {
    const url = new URL(`${endpoint.root.href.replace(/\/$/, "")}/${this.#options.path}/${path}`);
    // A mirror of several registries is told whose image this is.
    if (endpoint.isMirror) url.searchParams.set("ns", this.#options.domain);
    const authorizer = this.#authorizerOf(endpoint);
    const deps = this.#httpOf(endpoint);
    const request = { url, method, headers, asked, ownHeaders: endpoint.headers };
    let authorization = authorizer.current();
    let answer = await send(deps, { ...request, ...authorization }, signal);
    // A challenge of somewhere that we were redirected to must not get this registry's credentials.
    if (answer.status === 401 && answer.url.origin === url.origin) {
      authorization = await authorizer.renew({ answer, used: authorization }, signal);
      if (authorization !== undefined) {
        await answer.body?.cancel();
        answer = await send(deps, { ...request, ...authorization }, signal);
      }
    }
    const isTransient = answer.status === 429 || (answer.status >= 500 && answer.status !== 501);
    if (isTransient) throw refused(asked, answer, await beginningOf(answer, this.#timing));
    return answer;
  }

  #httpOf(endpoint: Endpoint): HttpDeps {
    const fetch = endpoint.fetch ?? this.#options.fetch ?? systemFetch;
    return { fetch, timing: this.#timing };
  }

  #authorizerOf(endpoint: Endpoint): Authorizer {
    const known = this.#authorizers.get(endpoint);
    if (known !== undefined) return known;
    const { path, credentials } = this.#options;
    const authorizer = new Authorizer({
      http: this.#httpOf(endpoint),
      credentials: credentials(endpoint),
      scope: `repository:${path}:pull`,
    });
    this.#authorizers.set(endpoint, authorizer);
    return authorizer;
  }
}
