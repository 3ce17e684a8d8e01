/**
 * The transfer service of containerd 2: it fetches an image's content by itself. It asks for
 * credentials and tells its progress over streams that are opened before by their names.
 */
import { Any } from "../gen/google/protobuf/any.ts";
import {
  StreamingDefinition,
  StreamInit,
} from "../gen/containerd/services/streaming/v1/streaming.ts";
import { TransferDefinition } from "../gen/containerd/services/transfer/v1/transfer.ts";
import { ImageStore } from "../gen/containerd/types/transfer/imagestore.ts";
import { Progress } from "../gen/containerd/types/transfer/progress.ts";
import {
  AuthRequest,
  AuthResponse,
  AuthType,
  OCIRegistry,
} from "../gen/containerd/types/transfer/registry.ts";
import { isKind } from "../base/errors.ts";
import { newId } from "../base/id.ts";
import type { BidiCall, CallOptions, Calls } from "./channel.ts";
import type { Introspection } from "./introspection.ts";
import { NO_TIMEOUT, quoted, rpc } from "./rpc.ts";

export type TransferCredentials =
  | { readonly kind: "none" }
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "refreshToken"; readonly token: string };

export interface FetchRequest {
  /** `registry.example/team/web@sha256:…` */
  readonly reference: string;
  /** Folder of hosts.toml files; "" is none. */
  readonly hostsFolder: string;
  /** What a server of the registry, by host and port, may be shown. */
  credentials(host: string): TransferCredentials;
  /** So many bytes of a blob have come. */
  onProgress(digest: string, bytes: number): void;
}

export interface Transfers {
  /** Whether this containerd has the service, in the form that is used here. */
  isOffered(o?: CallOptions): Promise<boolean>;
  /**
   * Fetches what the manifest of that digest names into the content store, under the lease; no image
   * is recorded, nothing is unpacked.
   *
   * @param stallMs ends it when nothing comes for so long
   */
  fetch(request: FetchRequest, stallMs: number, o: CallOptions): Promise<void>;
}

const TRANSFER = rpc(TransferDefinition, TransferDefinition.methods.transfer, {
  action: () => "fetch an image by containerd's transfer service",
  timeoutMs: NO_TIMEOUT,
});
const STREAM = rpc(StreamingDefinition, StreamingDefinition.methods.stream, {
  action: ({ typeUrl }) => `open a stream ${quoted(typeUrl)}`,
  timeoutMs: NO_TIMEOUT,
});

const TYPES = "containerd.types.transfer";
const OPEN_TIMEOUT_MS = 10_000;
/** What setTimeout takes; a stream waits for ever otherwise. */
const NEVER_MS = 2 ** 31 - 1;

type Stream = BidiCall<Any, Any>;

/** What tells whether there is such a service. */
export interface About {
  version(o?: CallOptions): Promise<{ version: string }>;
  readonly plugins: Introspection["plugins"];
}

/** containerd 1.7 has the service too, but not the folder of hosts. */
const FIRST_MAJOR_VERSION = 2;

export function transfers(channel: Calls, about: About): Transfers {
  return {
    isOffered: async (o) => {
      const [{ version }, plugins] = await Promise.all([
        about.version(o),
        about.plugins(["type==io.containerd.transfer.v1"], o),
      ]);
      const [major] = version.replace(/^v/, "").split(".");
      const isThere = plugins.some(({ initError }) => initError === "");
      return Number(major) >= FIRST_MAJOR_VERSION && isThere;
    },
    fetch: async (request, stallMs, o) => {
      const over = new AbortController();
      const signal = AbortSignal.any([over.signal, ...o.signal === undefined ? [] : [o.signal]]);
      const names = {
        auth: `cri-containerd-auth-${newId()}`,
        progress: `cri-containerd-${newId()}`,
      };
      try {
        // Names of streams are held by the lease, and forgotten with it.
        const under = { ...o, signal };
        const auth = await openStream(channel, names.auth, under);
        const progress = await openStream(channel, names.progress, under);
        void answer(auth, request);
        const stalled = follow(progress, request, stallMs);
        const done = channel.unary(TRANSFER, transferRequest(request, names), under);
        await Promise.race([unlessNameless(done), stalled]);
      } finally {
        over.abort();
      }
    },
  };
}

/** Resolves when containerd knows the stream by its name. */
async function openStream(channel: Calls, id: string, o: CallOptions): Promise<Stream> {
  const value = StreamInit.encode({ id }).finish();
  const init = { typeUrl: "containerd.services.streaming.v1.StreamInit", value };
  const stream = channel.bidi(STREAM, init, o);
  await stream.receive(OPEN_TIMEOUT_MS);
  return stream;
}

function transferRequest(
  { reference, hostsFolder }: FetchRequest,
  { auth, progress }: { auth: string; progress: string },
) {
  const resolver = {
    authStream: auth,
    headers: new Map(),
    hostDir: hostsFolder,
    defaultScheme: "",
    httpDebug: 0,
    logsStream: "",
  };
  return {
    source: {
      typeUrl: `${TYPES}.OCIRegistry`,
      value: OCIRegistry.encode({ reference, resolver }).finish(),
    },
    destination: {
      typeUrl: `${TYPES}.ImageStore`,
      value: ImageStore.encode(ImageStore.fromPartial({})).finish(),
    },
    options: { progressStream: progress },
  };
}

/** Without a name there is nothing to record, which containerd says when all content is there. */
async function unlessNameless(done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!isKind(error, "notFound") || !error.message.includes("no image name")) throw error;
  }
}

/** Answers what containerd asks until the stream is over. */
async function answer(stream: Stream, { credentials }: FetchRequest): Promise<void> {
  try {
    while (true) {
      const { host } = AuthRequest.decode((await stream.receive(NEVER_MS)).value);
      const value = AuthResponse.encode(toWire(credentials(host))).finish();
      stream.send({ typeUrl: `${TYPES}.AuthResponse`, value });
    }
  } catch {
    // The transfer is over, or ends for want of an answer.
  }
}

function toWire(credentials: TransferCredentials): AuthResponse {
  const common = { username: "", secret: "", expireAt: undefined };
  switch (credentials.kind) {
    case "none":
      return { ...common, authType: AuthType.NONE };
    case "password": {
      const { username, password: secret } = credentials;
      return { ...common, authType: AuthType.CREDENTIALS, username, secret };
    }
    case "refreshToken":
      return { ...common, authType: AuthType.REFRESH, secret: credentials.token };
  }
}

/** Ends, with an error, only when nothing has come for too long. */
async function follow(
  stream: Stream,
  { onProgress }: FetchRequest,
  stallMs: number,
): Promise<never> {
  const waitMs = stallMs === 0 ? NEVER_MS : stallMs;
  while (true) {
    let value: Uint8Array;
    try {
      ({ value } = await stream.receive(waitMs));
    } catch (error) {
      if (isKind(error, "deadlineExceeded")) throw error;
      return await new Promise<never>(() => {});
    }
    const { desc, progress } = Progress.decode(value);
    if (desc !== undefined) onProgress(desc.digest, Number(progress));
  }
}
