/** Serves the CRI on a unix socket. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { CriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { pause } from "../base/pause.ts";
import type { CallsInProgress } from "./calls.ts";
import type { Service } from "./service_definition.ts";

const log = logger("cri");

/** Root and a group may call us: who can, runs what they like on the node. */
const SOCKET_MODE = 0o660;

/** Calls in progress get so long to end by themselves when the daemon stops: most pods start in it. */
const DRAIN_MS = 700;

/** Those that are cut then get so long to answer that they were. */
const CUT_MS = 200;

/** Idle connections are asked whether they live; a vanished client's calls end then. */
const KEEPALIVE_MS = 60_000;

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
  const server = new Server({
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.enable_channelz": 0,
  });
  for (const { definition, implementation } of services) {
    server.addService(definition, implementation);
  }
  await removeStaleSocket(listen);
  await bind(server, listen);
  options.onListening();
  // Until then nobody but root may connect.
  if (gid !== 0) await Deno.chown(listen, 0, gid);
  await Deno.chmod(listen, SOCKET_MODE);
  log.info("The CRI is served on {listen}", { listen });
  return { stop: () => stop(server, calls) };
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

function bind(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
    if (error === null) return resolve();
    reject(
      new CriError("unavailable", `Cannot listen on ${path}: ${error.message}`, { cause: error }),
    );
  });
  return promise;
}

async function stop(server: Server, calls: CallsInProgress): Promise<void> {
  const ended = new AbortController();
  server.tryShutdown(() => ended.abort());
  await pause(DRAIN_MS, ended.signal);
  if (ended.signal.aborted) return;
  calls.cut(
    new CriError("unavailable", "The daemon is stopping", { remedy: "call again when it is back" }),
  );
  await pause(CUT_MS, ended.signal);
  if (!ended.signal.aborted) server.forceShutdown();
}
