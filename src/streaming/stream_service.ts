/** Exec, attach and port-forward: the part that lives in the io compartment. */
import { CriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type {
  AttachOptions,
  CommandOptions,
  DrainLimits,
  SocketPair,
} from "../containers/streams.ts";
import type { LogServiceHandle } from "../logs/log_service.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import { commandClient, serveOneClient, type SessionContext } from "./clients.ts";
import type { CommandClient } from "./command_client.ts";
import { serveAttached } from "./attach_session.ts";
import { ExecSession } from "./exec_session.ts";
import { closeAll, ForwardSession } from "./forward_session.ts";
import type { StreamListener } from "./listener.ts";
import { ProtocolError } from "./protocol_error.ts";

const log = logger("streaming");

export interface StreamsDeps {
  readonly io: LinuxIo;
  readonly fifoDir: string;
  readonly listener: StreamListener;
  readonly logs: Pick<LogServiceHandle, "streamsOf">;
}

export class Streams {
  readonly #deps: StreamsDeps;
  readonly #execs = new Map<string, ExecSession>();
  readonly #forwards = new Map<string, ForwardSession>();

  constructor(deps: StreamsDeps) {
    this.#deps = deps;
  }

  async serveExec(options: CommandOptions, context: SessionContext): Promise<void> {
    const { sessionId } = options;
    await this.#serveCommand("exec", { options, context }, async (client) => {
      const session = new ExecSession(this.#deps, options);
      this.#execs.set(sessionId, session);
      try {
        await session.run(client, context);
      } finally {
        this.#execs.delete(sessionId);
      }
    });
  }

  execStarted({ sessionId }: { sessionId: string }): Promise<void> {
    return Promise.try(() => this.#exec(sessionId).started());
  }

  async execFailed({ sessionId, message }: { sessionId: string; message: string }): Promise<void> {
    await this.#exec(sessionId).failed(message);
  }

  async execExited(
    { sessionId, exitCode, ...limits }: { sessionId: string; exitCode: number } & DrainLimits,
  ): Promise<void> {
    await this.#exec(sessionId).exited(exitCode, limits);
  }

  async serveAttach(
    options: AttachOptions,
    context: SessionContext,
  ): Promise<void> {
    const { io, logs } = this.#deps;
    await this.#serveCommand("attach", { options, context }, async (client) => {
      await serveAttached(client, { io, logs, options, context });
    });
  }

  async servePortForward(
    { sessionId, ports }: { sessionId: string; ports: readonly number[] },
    context: SessionContext,
  ): Promise<void> {
    const { io, listener } = this.#deps;
    await serveOneClient(listener, { kind: "portforward", context }, async (wire, spoken) => {
      const session = new ForwardSession(io, context);
      this.#forwards.set(sessionId, session);
      try {
        await tolerating(session.run(wire, spoken, ports));
      } finally {
        this.#forwards.delete(sessionId);
      }
    });
  }

  forwardTo(
    { sessionId, connectionId, sockets }: {
      sessionId: string;
      connectionId: number;
      sockets: SocketPair;
    },
  ): Promise<void> {
    const session = this.#forwards.get(sessionId);
    if (session === undefined) closeAll(this.#deps.io, sockets);
    else session.sockets(connectionId, sockets);
    return Promise.resolve();
  }

  forwardFailed(
    { sessionId, connectionId, message }: {
      sessionId: string;
      connectionId: number;
      message: string;
    },
  ): Promise<void> {
    this.#forwards.get(sessionId)?.failed(connectionId, message);
    return Promise.resolve();
  }

  async #serveCommand(
    kind: "exec" | "attach",
    { options, context }: { options: CommandOptions; context: SessionContext },
    serve: (client: CommandClient) => Promise<void>,
  ): Promise<void> {
    const { terminal: tty, stdin, stdout, stderr } = options;
    // A terminal has one stream.
    const streams = { tty, stdin, stdout, stderr: stderr && !tty };
    await serveOneClient(this.#deps.listener, { kind, context }, async (wire, spoken) => {
      const client = await commandClient(wire, spoken, streams);
      if (client !== undefined) await tolerating(serve(client));
    });
  }

  #exec(sessionId: string): ExecSession {
    const session = this.#execs.get(sessionId);
    if (session !== undefined) return session;
    throw new CriError("cancelled", "The client has gone");
  }
}

/** A client that breaks the rules ends its own session. */
async function tolerating(serving: Promise<void>): Promise<void> {
  try {
    await serving;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    log.debug("A stream's client sent {error}", { error: error.message });
  }
}
