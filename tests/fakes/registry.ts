/** A small registry on loopback that can be made to misbehave. */
import { type Blob, type TestImage } from "./test_image.ts";

/** What a registry was asked. */
export interface Seen {
  method: string;
  /** Path and query. */
  path: string;
  authorization: string | null;
  range: string | null;
  userAgent: string;
}

/** Answers a request in the registry's place; undefined lets it pass. */
export type Misbehaviour = (
  request: Request,
  url: URL,
) => Response | undefined | Promise<Response | undefined>;

export interface FakeRegistryOptions {
  /** Loopback address to listen on: registries on different ones are different hosts. */
  hostname?: string;
  misbehave?: Misbehaviour;
  /** Asks for a bearer token, which it gives to this user alone. */
  bearer?: { username: string; password: string };
  /** Asks for a password. */
  basic?: { username: string; password: string };
}

const TOKEN = "a-token-of-the-fake-registry";

export class FakeRegistry implements AsyncDisposable {
  readonly seen: Seen[] = [];
  misbehave: Misbehaviour | undefined;
  readonly #options: FakeRegistryOptions;
  readonly #blobs = new Map<string, Blob>();
  readonly #referrers = new Map<string, object[]>();
  readonly #tags = new Map<string, string>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #stop = new AbortController();

  constructor(options: FakeRegistryOptions = {}) {
    this.#options = options;
    this.misbehave = options.misbehave;
    const hostname = options.hostname ?? "127.0.0.1";
    this.#server = Deno.serve(
      {
        hostname,
        port: 0,
        signal: this.#stop.signal,
        onListen: () => {},
        onError: () => new Response(null, { status: 500 }),
      },
      (request) => this.#handle(request),
    );
  }

  /** Host and port, as in an image's name. */
  get host(): string {
    const { hostname, port } = this.#server.addr;
    return `${hostname}:${port}`;
  }

  get origin(): string {
    return `http://${this.host}`;
  }

  add(...blobs: Blob[]): void {
    for (const blob of blobs) this.#blobs.set(blob.digest, blob);
  }

  /** Makes an image or index available as `repository:tag`. */
  tag(name: string, target: Blob): void {
    this.add(target);
    this.#tags.set(name, target.digest);
  }

  addImage(name: string, image: TestImage): void {
    this.add(...image.layers, image.config);
    this.tag(name, image.manifest);
  }

  /** Makes an artifact known as one that refers to another manifest. */
  refer(digest: string, manifest: Blob, artifactType: string): void {
    this.add(manifest);
    const { mediaType, bytes } = manifest;
    const one = { mediaType, digest: manifest.digest, size: bytes.length, artifactType };
    this.#referrers.set(digest, [...this.#referrers.get(digest) ?? [], one]);
  }

  /** How often a path with this text in it was asked for. */
  count(text: string, method = "GET"): number {
    return this.seen.filter((it) => it.method === method && it.path.includes(text)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // At once: an answer that was made to never end must not hold the test.
    this.#stop.abort();
    await this.#server.finished;
  }

  async #handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const { method, headers } = request;
    this.seen.push({
      method,
      path: url.pathname + url.search,
      authorization: headers.get("authorization"),
      range: headers.get("range"),
      userAgent: headers.get("user-agent") ?? "",
    });
    const misbehaviour = await this.misbehave?.(request, url);
    if (misbehaviour !== undefined) return misbehaviour;
    if (url.pathname === "/token") return this.#token(headers);
    return this.#challenge(headers) ?? this.#serve(request, url.pathname);
  }

  #token(headers: Headers): Response {
    const { bearer } = this.#options;
    if (headers.get("authorization") !== basic(bearer)) return failure(401, "UNAUTHORIZED");
    return Response.json({ token: TOKEN });
  }

  #challenge(headers: Headers): Response | undefined {
    const { bearer, basic: password } = this.#options;
    const given = headers.get("authorization");
    if (bearer !== undefined && given !== `Bearer ${TOKEN}`) {
      const challenge =
        `Bearer realm="${this.origin}/token",service="fake",scope="repository:x:pull"`;
      return failure(401, "UNAUTHORIZED", { "www-authenticate": challenge });
    }
    if (password !== undefined && given !== basic(password)) {
      return failure(401, "UNAUTHORIZED", { "www-authenticate": 'Basic realm="fake"' });
    }
    return undefined;
  }

  #serve({ method, headers }: Request, pathname: string): Response {
    const [, subject] = /\/referrers\/([^/]+)$/.exec(pathname) ?? [];
    const manifests = this.#referrers.get(subject ?? "");
    if (manifests !== undefined) return Response.json({ schemaVersion: 2, manifests });
    const [, repository, kind, reference] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(pathname) ?? [];
    if (reference === undefined) return failure(404, "NAME_UNKNOWN");
    const digest = reference.includes(":")
      ? reference
      : this.#tags.get(`${repository}:${reference}`);
    const blob = this.#blobs.get(digest ?? "");
    if (blob === undefined) {
      return failure(404, kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN");
    }
    const start = Number(/^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1] ?? 0);
    const body = blob.bytes.subarray(start);
    return new Response(method === "HEAD" ? null : body, {
      status: start > 0 ? 206 : 200,
      headers: {
        "content-type": blob.mediaType,
        "content-length": String(body.length),
        "docker-content-digest": blob.digest,
        ...(start > 0
          ? { "content-range": `bytes ${start}-${blob.bytes.length - 1}/${blob.bytes.length}` }
          : {}),
      },
    });
  }
}

/** An error as registries send it. */
export function failure(status: number, code: string, headers: HeadersInit = {}): Response {
  const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] });
  return new Response(body, { status, headers });
}

function basic(user: { username: string; password: string } | undefined): string | null {
  return user === undefined ? null : `Basic ${btoa(`${user.username}:${user.password}`)}`;
}

/** Puts an image, or an index over images, into a real registry. */
export async function pushImage(
  origin: string,
  name: string,
  { images, target, authorization, client }: {
    images: TestImage[];
    target: Blob;
    authorization?: string;
    client?: Deno.HttpClient;
  },
): Promise<void> {
  const [repository = "", tag = "latest"] = name.split(":");
  const auth: Record<string, string> = authorization === undefined ? {} : { authorization };
  const through = client === undefined ? {} : { client };
  const put = async (url: string, { bytes, mediaType }: Blob) => {
    const headers = { ...auth, "content-type": mediaType };
    const answer = await fetch(url, { method: "PUT", headers, body: bytes, ...through });
    if (!answer.ok) throw new Error(`PUT gives ${answer.status}: ${await answer.text()}`);
    await answer.body?.cancel();
  };
  for (const blob of images.flatMap(({ layers, config }) => [...layers, config])) {
    const started = await fetch(`${origin}/v2/${repository}/blobs/uploads/`, {
      method: "POST",
      headers: auth,
      ...through,
    });
    await started.body?.cancel();
    const location = new URL(started.headers.get("location") ?? "", origin);
    location.searchParams.set("digest", blob.digest);
    await put(location.href, { ...blob, mediaType: "application/octet-stream" });
  }
  for (const { manifest } of images) {
    await put(`${origin}/v2/${repository}/manifests/${manifest.digest}`, manifest);
  }
  await put(`${origin}/v2/${repository}/manifests/${tag}`, target);
}
