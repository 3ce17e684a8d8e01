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
import { Authorizer } from "./authorizer.ts";
import { type Answer, beginningOf, wholeBody } from "./body.ts";
import type { Credentials } from "./credentials.ts";
import { type Asked, refused } from "./errors.ts";
import { type Endpoint, endpointsFor } from "./hosts.ts";
import { type Fetch, send, systemFetch } from "./http.ts";
import { backOff, DEFAULT_TIMING, mayPass, type Timing, withRetries } from "./timing.ts";

export interface RepositoryOptions {
  /** Registry and repository as in an image's name. */
  domain: string;
  path: string;
  credentials: Credentials;
  /** Media types of documents that are understood. */
  accept: readonly string[];
  fetch?: Fetch;
  timing?: Timing;
  endpoints?: readonly Endpoint[];
}

export type { Resolved } from "./answers.ts";

export interface BlobRequest {
  digest: string;
  sizeBytes: bigint;
}

const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024;
/** So much of a blob between two failures means that trying again gets us on. */
const PROGRESS_BYTES = 1024 * 1024;

export class Repository {
  readonly #options: RepositoryOptions;
  readonly #endpoints: readonly Endpoint[];
  readonly #timing: Timing;
  readonly #fetch: Fetch;
  readonly #authorizers = new Map<string, Authorizer>();

  constructor(options: RepositoryOptions) {
    this.#options = options;
    this.#endpoints = options.endpoints ?? endpointsFor(options.domain);
    this.#timing = options.timing ?? DEFAULT_TIMING;
    this.#fetch = options.fetch ?? systemFetch;
  }

  /**
   * Finds what a tag or digest stands for.
   *
   * @throws RegistryError notFound, permissionDenied, resourceExhausted, unavailable,
   *   failedPrecondition
   */
  async resolve(reference: string, signal: AbortSignal): Promise<Resolved> {
    const expected = reference.includes(":") ? reference : undefined;
    const separator = expected === undefined ? ":" : "@";
    const asked = this.#asked(`${this.#options.path}${separator}${reference}`);
    return await withRetries(
      this.#timing,
      signal,
      () => this.#resolve({ reference, expected, asked }, signal),
    );
  }

  async #resolve(
    { reference, expected, asked }: {
      reference: string;
      expected: string | undefined;
      asked: Asked;
    },
    signal: AbortSignal,
  ): Promise<Resolved> {
    const head = await this.#document("HEAD", { reference, asked }, signal);
    await head.body?.cancel();
    const resolved = head.status === 200 ? fromHeaders(head.headers, expected) : undefined;
    if (resolved !== undefined) return resolved;
    // No digest in the answer, a registry that knows no HEAD, or one that says why only to a GET.
    const answer = await this.#document("GET", { reference, asked }, signal);
    if (answer.status !== 200) {
      throw refused(asked, answer, await beginningOf(answer, this.#timing));
    }
    const bytes = await wholeBody(answer, this.#timing, MAX_DOCUMENT_BYTES);
    const digest = digestAs(expected, bytes);
    checkDigest(asked, { expected, digest });
    return { mediaType: mediaTypeOf(answer.headers), digest, sizeBytes: BigInt(bytes.length) };
  }

  /** A manifest or index, checked by its digest. @throws as resolve does */
  async document(digest: string, signal: AbortSignal): Promise<Uint8Array> {
    const asked = this.#asked(`${this.#options.path}@${digest}`);
    return await withRetries(this.#timing, signal, async () => {
      const answer = await this.#document("GET", { reference: digest, asked }, signal);
      if (answer.status !== 200) {
        throw refused(asked, answer, await beginningOf(answer, this.#timing));
      }
      const bytes = await wholeBody(answer, this.#timing, MAX_DOCUMENT_BYTES);
      checkDigest(asked, { expected: digest, digest: digestAs(digest, bytes) });
      return bytes;
    });
  }

  /**
   * A blob from `offset` on, in pieces. A transfer that breaks goes on where it was; it never
   * brings more than the blob's size. Its digest is for the reader to check.
   */
  async *blob(
    { digest, sizeBytes }: BlobRequest,
    { offset, signal }: { offset: bigint; signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const asked = this.#asked(`blob ${digest} of ${this.#options.path}`);
    let at = offset;
    let failures = 0;
    while (at < sizeBytes) {
      const began = at;
      try {
        const answer = await this.#openBlob({ digest, offset: at, asked }, signal);
        for await (const chunk of from(answer, this.#timing, at)) {
          at += BigInt(chunk.length);
          if (at > sizeBytes) throw tooLong(asked, sizeBytes);
          yield chunk;
        }
        if (at < sizeBytes) throw tooShort(asked, at, sizeBytes);
      } catch (error) {
        if (at - began >= PROGRESS_BYTES) failures = 0;
        if (!mayPass(error) || ++failures > this.#timing.retries) throw error;
        await backOff({ timing: this.#timing, failures, error }, signal);
      }
    }
  }

  #asked(what: string): Asked {
    return { what, host: this.#options.domain };
  }

  async #document(
    method: "HEAD" | "GET",
    { reference, asked }: { reference: string; asked: Asked },
    signal: AbortSignal,
  ): Promise<Answer> {
    const headers = { accept: [...this.#options.accept, "*/*;q=0.1"].join(", ") };
    return await this.#ask({ method, path: `manifests/${reference}`, headers, asked }, signal);
  }

  async #openBlob(
    { digest, offset, asked }: { digest: string; offset: bigint; asked: Asked },
    signal: AbortSignal,
  ): Promise<Answer> {
    const headers: Record<string, string> = offset > 0n ? { range: `bytes=${offset}-` } : {};
    const request = { method: "GET" as const, path: `blobs/${digest}`, headers, asked };
    const answer = await this.#ask(request, signal);
    if (answer.status === 200 || (answer.status === 206 && offset > 0n)) return answer;
    throw refused(asked, answer, await beginningOf(answer, this.#timing));
  }

  /** Asks each endpoint in turn; only the last one's failure counts. */
  async #ask(question: Question, signal: AbortSignal): Promise<Answer> {
    let failure: unknown;
    for (const endpoint of this.#endpoints) {
      try {
        return await this.#askEndpoint(endpoint, question, signal);
      } catch (error) {
        if (!mayPass(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #askEndpoint(
    endpoint: Endpoint,
    { method, path, headers, asked }: Question,
    signal: AbortSignal,
  ): Promise<Answer> {
    const url = new URL(`${endpoint.origin}/v2/${this.#options.path}/${path}`);
    const authorizer = this.#authorizerOf(endpoint);
    const deps = { fetch: this.#fetch, timing: this.#timing };
    let authorization = authorizer.current();
    let answer = await send(deps, { url, method, headers, asked, ...authorization }, signal);
    // A challenge of somewhere that we were redirected to must not get this registry's credentials.
    if (answer.status === 401 && answer.url.origin === url.origin) {
      authorization = await authorizer.renew({ answer, used: authorization }, signal);
      if (authorization !== undefined) {
        await answer.body?.cancel();
        answer = await send(deps, { url, method, headers, asked, ...authorization }, signal);
      }
    }
    const isTransient = answer.status === 429 || (answer.status >= 500 && answer.status !== 501);
    if (isTransient) throw refused(asked, answer, await beginningOf(answer, this.#timing));
    return answer;
  }

  #authorizerOf(endpoint: Endpoint): Authorizer {
    const known = this.#authorizers.get(endpoint.origin);
    if (known !== undefined) return known;
    const { path, credentials } = this.#options;
    const authorizer = new Authorizer({
      http: { fetch: this.#fetch, timing: this.#timing },
      credentials,
      scope: `repository:${path}:pull`,
    });
    this.#authorizers.set(endpoint.origin, authorizer);
    return authorizer;
  }
}

interface Question {
  method: "HEAD" | "GET";
  path: string;
  headers: Record<string, string>;
  asked: Asked;
}
