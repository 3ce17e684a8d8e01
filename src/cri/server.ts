/** Serves the CRI on a unix socket. */
import { CriError, toCriError } from "../base/errors.ts";
import { removePath } from "../base/gone.ts";
import { logger } from "../base/log.ts";
import { pause } from "../base/pause.ts";
import { GrpcServer } from "../grpc/server.ts";
import type { CallsInProgress } from "./calls.ts";
import type { Service } from "./service_definition.ts";

const log = logger("cri");

/** Root and a group may call us: who can, runs what they like on the node. */
const SOCKET_MODE = 0o660;

/** Calls in progress get so long to end by themselves when the daemon stops: most pods start in it. */
const DRAIN_MS = 700;

/** Those that are cut then get so long to answer that they were. */
const CUT_MS = 200;

/** After this a connection is accepted again that couldn't be for lack of file descriptors. */
const ACCEPT_AGAIN_MS = 100;

export interface CriServer {
  /** Takes no new calls, lets those in progress end for a moment, then cuts them. */
  stop(): Promise<void>;
}

export interface CriServerOptions {
  /** Path of the unix socket; a socket left there by a daemon that is gone is replaced. */
  readonly listen: string;
  /** The group of the socket. */
  readonly gid: number;
  readonly services: readonly Service[];
  /** Those of the services. */
  readonly calls: CallsInProgress;
  readonly maxMessageBytes: number;
  /** Called as soon as the socket is there. */
  onListening(): void;
}

/** @throws CriError unavailable when the socket can't be bound */
export async function serveCri(options: CriServerOptions): Promise<CriServer> {
  const { listen, gid, services, calls, maxMessageBytes } = options;
  const handlers = new Map(services.flatMap((service) => [...service]));
  const server = new GrpcServer({ handlers, maxMessageBytes });
  await removeStaleSocket(listen);
  const listener = bind(listen);
  void acceptAll(listener, server);
  options.onListening();
  // Until then nobody but root may connect.
  if (gid !== 0) await Deno.chown(listen, 0, gid);
  await Deno.chmod(listen, SOCKET_MODE);
  log.info("The CRI is served on {listen}", { listen });
  return { stop: () => stop({ listener, server, calls }) };
}

async function removeStaleSocket(path: string): Promise<void> {
  try {
    const connection = await Deno.connect({ transport: "unix", path });
    connection.close();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    // Nobody listens there any more.
    if (error instanceof Deno.errors.ConnectionRefused) return await Deno.remove(path);
    throw error;
  }
  throw new CriError("unavailable", `Another daemon serves on ${path}`, {
    remedy: "stop it first, or set another `listen` in the configuration",
  });
}

function bind(path: string): Deno.UnixListener {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    const { message } = toCriError(error);
    throw new CriError("unavailable", `Cannot listen on ${path}: ${message}`, { cause: error });
  }
}

async function acceptAll(listener: Deno.UnixListener, server: GrpcServer): Promise<void> {
  while (true) {
    try {
      server.accept(await listener.accept());
    } catch (error) {
      // The listener was closed.
      if (error instanceof Deno.errors.BadResource) return;
      log.warn("Cannot accept a connection: {error}", { error });
      await pause(ACCEPT_AGAIN_MS);
    }
  }
}

interface Stopping {
  readonly listener: Deno.UnixListener;
  readonly server: GrpcServer;
  readonly calls: CallsInProgress;
}

async function stop({ listener, server, calls }: Stopping): Promise<void> {
  await removePath(listener.addr.path);
  listener.close();
  const ended = new AbortController();
  const drained = server.drain().then(() => ended.abort());
  await pause(DRAIN_MS, ended.signal);
  if (!ended.signal.aborted) {
    calls.cut(
      new CriError("unavailable", "The daemon is stopping", {
        remedy: "call again when it is back",
      }),
    );
    await pause(CUT_MS, ended.signal);
  }
  await server.close();
  await drained;
}
