/** Serves the CRI on a unix socket. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { CriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Service } from "./service_definition.ts";

const log = logger("cri");

/** Root and its group may call us: who can, runs what they like on the node. */
const SOCKET_MODE = 0o660;

/** Calls in progress get so long to end when the daemon stops. */
const DRAIN_MS = 500;

/** Idle connections are asked whether they live; a vanished client's calls end then. */
const KEEPALIVE_MS = 60_000;

export interface CriServer {
  /** Takes no new calls, lets those in progress end for a moment, and removes the socket. */
  stop(): Promise<void>;
}

export interface CriServerOptions {
  /** Path of the unix socket; a socket left there by a daemon that is gone is replaced. */
  readonly listen: string;
  readonly services: readonly Service[];
  readonly maxMessageBytes: number;
  /** Called as soon as the socket is there. */
  onListening(): void;
}

/** @throws CriError unavailable when the socket can't be bound */
export async function serveCri(options: CriServerOptions): Promise<CriServer> {
  const { listen, services, maxMessageBytes } = options;
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
  await Deno.chmod(listen, SOCKET_MODE);
  log.info("The CRI is served on {listen}", { listen });
  return { stop: () => stop(server) };
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

async function stop(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    server.forceShutdown();
    resolve();
  }, DRAIN_MS);
  server.tryShutdown(() => resolve());
  await promise;
  clearTimeout(timer);
}
