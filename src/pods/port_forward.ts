/**
 * PortForward: gives the URL under which a client connects to ports in a pod.
 *
 * The sockets are made here, for only this compartment may enter a pod's network, and handed as
 * numbers to the io compartment, which connects them and copies.
 */
import { CriError, during, isKind, toCriError } from "../base/errors.ts";
import { newId } from "../base/id.ts";
import { waitFor } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import { onSessionEvent, type SessionRemote, type SocketPair } from "../containers/streams.ts";
import type { PortForwardRequest, PortForwardResponse } from "../gen/cri/v1/api.ts";
import { assertReady, podName, type Sandbox, type SandboxStore } from "../state/sandboxes.ts";

const log = logger("pods");

export interface PortForwardDeps {
  readonly sandboxes: SandboxStore;
  readonly streams: Pick<SessionRemote, "servePortForward" | "forwardTo" | "forwardFailed">;
  readonly linux: {
    /** TCP sockets in a pinned namespace; "" is the node's own. */
    socketsIn(netnsPath: string): SocketPair;
    socketName(fd: number): string | undefined;
    closeSockets(names: ReadonlySet<string>): void;
  };
  /** Aborted when the daemon stops. */
  readonly stopping: AbortSignal;
}

/**
 * @throws CriError notFound, failedPrecondition when the pod isn't ready, resourceExhausted when too
 *   many URLs wait to be used
 */
export async function portForward(
  deps: PortForwardDeps,
  { podSandboxId, port }: PortForwardRequest,
  signal: AbortSignal,
): Promise<PortForwardResponse> {
  const pod = deps.sandboxes.get(podSandboxId);
  assertReady(pod, `forward ports of pod ${podName(pod)} (${pod.id})`);
  const sessionId = newId();
  const given = Promise.withResolvers<string>();
  const handed: Handed = new Map();
  const serving = deps.streams.servePortForward({ sessionId, ports: port }, {
    signal: deps.stopping,
    onProgress: onSessionEvent((event) => {
      if (event.kind === "url") given.resolve(event.url);
      else if (event.kind === "connect") {
        void connect(deps, pod, { sessionId, connectionId: event.connectionId, handed });
      } else if (event.kind === "closed") handed.delete(event.connectionId);
    }),
  });
  serving.catch((error) => {
    given.reject(during("Cannot open a stream", error));
    // While the other compartment lives, it closes them itself.
    if (!isKind(error, "unavailable") || deps.stopping.aborted) return;
    deps.linux.closeSockets(new Set([...handed.values()].flat()));
  });
  return { url: await waitFor(given.promise, signal) };
}

/** Names of the sockets of each connection that is open. */
type Handed = Map<number, string[]>;

interface Connection {
  readonly sessionId: string;
  readonly connectionId: number;
  readonly handed: Handed;
}

async function connect(
  deps: PortForwardDeps,
  { id, metadata }: Sandbox,
  { handed, ...connection }: Connection,
): Promise<void> {
  try {
    const pod = deps.sandboxes.find(id);
    if (pod === undefined) throw new CriError("failedPrecondition", "The pod is gone");
    assertReady(pod, `forward ports of pod ${podName(pod)} (${pod.id})`);
    const sockets = deps.linux.socketsIn(metadata.netnsPath);
    handed.set(connection.connectionId, namesOf(deps, sockets));
    // From here on they are the other compartment's: closed by both, a number would be closed that
    // belongs to another file by then.
    await deps.streams.forwardTo({ ...connection, sockets });
  } catch (error) {
    log.info("A port of pod {pod} can't be connected to: {error}", { pod: id, error });
    const message = toCriError(error).message;
    await deps.streams.forwardFailed({ ...connection, message }).catch(() => undefined);
  }
}

function namesOf({ linux }: PortForwardDeps, sockets: SocketPair): string[] {
  const names = sockets.map((fd) => fd === undefined ? undefined : linux.socketName(fd));
  return names.filter((name) => name !== undefined);
}
