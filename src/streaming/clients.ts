/** Gives out a URL, waits for its client and serves it: what all kinds of sessions have in common. */
import { CriError } from "../base/errors.ts";
import type { SessionEvent } from "../containers/streams.ts";
import type { CommandClient, CommandStreams } from "./command_client.ts";
import type { StreamListener } from "./listener.ts";
import { SpdyCommand } from "./spdy_command.ts";
import type { Spoken, StreamKind } from "./upgrade.ts";
import { WebSocketCommand } from "./websocket_command.ts";
import type { Wire } from "./wire.ts";

/** The call that a session is, as the one who serves it sees it. */
export interface SessionContext {
  /** Aborted when the caller gives the session up. */
  readonly signal: AbortSignal;
  progress(event: SessionEvent): void;
}

/**
 * Tells the URL, then serves the one client that comes with it. Returns when that is over, or when no
 * client came; cancelled, the client is let go.
 *
 * @throws CriError cancelled, resourceExhausted
 */
export async function serveOneClient(
  listener: StreamListener,
  { kind, context }: { kind: StreamKind; context: SessionContext },
  serve: (wire: Wire, spoken: Spoken) => Promise<void>,
): Promise<void> {
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  const url = listener.grant({
    kind,
    serve: async (wire, spoken) => {
      const giveUp = () => wire.close();
      context.signal.addEventListener("abort", giveUp, { once: true });
      try {
        if (!context.signal.aborted) await serve(wire, spoken);
      } finally {
        context.signal.removeEventListener("abort", giveUp);
        resolve();
      }
    },
    lost: resolve,
  });
  const cancelled = () => {
    listener.revoke(url);
    reject(new CriError("cancelled", "The stream was given up"));
  };
  context.signal.addEventListener("abort", cancelled, { once: true });
  context.progress({ kind: "url", url });
  try {
    await over;
  } finally {
    context.signal.removeEventListener("abort", cancelled);
  }
}

/** The client of an exec or attach; undefined when it doesn't open its streams. */
export async function commandClient(
  wire: Wire,
  spoken: Spoken,
  streams: CommandStreams,
): Promise<CommandClient | undefined> {
  switch (spoken.kind) {
    case "spdy":
      return await SpdyCommand.open(wire, spoken.version, streams);
    case "websocket":
      return new WebSocketCommand(wire, spoken.protocol, streams);
    case "tunnel":
      throw new CriError("internal", "Commands are not tunnelled");
  }
}
