/** What the io compartment does for processes' streams, as the server compartment calls it. */
import * as v from "valibot";
import { logger } from "../base/log.ts";
import type { StdioPaths } from "../logs/service.ts";
import { execDir } from "../state/folders.ts";

const log = logger("containers");

/** FIFOs of a process that runs beside a container's own. */
export interface ExecStdioOptions {
  containerId: string;
  execId: string;
  /** A terminal has one stream: stderr stays "". */
  terminal: boolean;
  /** Whether a FIFO for stdin is made; else stdin stays "". */
  stdin: boolean;
}

/** Where they lie: both compartments know, so that neither waits to be told. */
export function execStdioPaths(
  fifoDir: string,
  { containerId, execId, terminal, stdin }: ExecStdioOptions,
): StdioPaths {
  const dir = execDir(fifoDir, containerId, execId);
  return {
    stdin: stdin ? `${dir}/stdin` : "",
    stdout: `${dir}/stdout`,
    stderr: terminal ? "" : `${dir}/stderr`,
  };
}

/** All that a process wrote, as far as it was kept, each stream in pieces. */
export interface Captured {
  stdout: Uint8Array<ArrayBuffer>[];
  stderr: Uint8Array<ArrayBuffer>[];
  /** False when somebody still held the streams open when the time was up. */
  isComplete: boolean;
  /** True when more was written than is kept. */
  isCut: boolean;
}

/** Collects the output of processes that nobody watches: ExecSync. */
export interface CaptureService {
  /** Makes the FIFOs and begins to read; `maxBytes` are kept of both streams together. */
  openCapture(o: ExecStdioOptions & { maxBytes: number }): Promise<void>;
  /**
   * The shim has opened the FIFOs (the process has started): waits for the end of its streams, and
   * hands out once what was collected.
   */
  captured(o: { execId: string }): Promise<Captured>;
  /**
   * The process has ended: its streams are waited for only until nothing came for `quietMs`, or
   * `drainMs` have passed.
   */
  captureEnding(o: { execId: string; quietMs: number; drainMs: number }): Promise<void>;
  /** Stops reading and removes the FIFOs. Idempotent. */
  closeCapture(o: { execId: string }): Promise<void>;
}

/** What a client of exec or attach gets. */
export interface CommandOptions {
  containerId: string;
  /** Names the session: for an exec, the process too. */
  sessionId: string;
  terminal: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface AttachOptions extends CommandOptions {
  /** The process is to see the end of its input when that of this client ends. */
  closesStdin: boolean;
}

/**
 * What a session tells while its call is under way. The io compartment faces the network: what it
 * tells is checked like any input.
 */
const sessionEventSchema = v.variant("kind", [
  /** Where the client may connect, for a minute. */
  v.object({ kind: v.literal("url"), url: v.string() }),
  /** The client of an exec is there: the process is to be started on these FIFOs. */
  v.object({
    kind: v.literal("connected"),
    stdio: v.object({ stdin: v.string(), stdout: v.string(), stderr: v.string() }),
  }),
  v.object({ kind: v.literal("resize"), width: v.number(), height: v.number() }),
  /** All input has been written: the process is to see its end. */
  v.object({ kind: v.literal("stdinEnded") }),
  /** A client of a port-forward wants to connect to a port. */
  v.object({ kind: v.literal("connect"), connectionId: v.number(), port: v.number() }),
  /** Its sockets are closed. */
  v.object({ kind: v.literal("closed"), connectionId: v.number() }),
]);

export type SessionEvent = v.InferOutput<typeof sessionEventSchema>;

/** Hands an event on; what is none is dropped, with a word in the log. */
export function onSessionEvent(take: (event: SessionEvent) => void): (told: unknown) => void {
  return (told) => {
    const { success, output } = v.safeParse(sessionEventSchema, told);
    if (success) take(output);
    else log.error("A session told something that is no event: {told}", { told });
  };
}

/**
 * Clients of exec, attach and port-forward. Each session is one call, which tells
 * {@link SessionEvent}s as its progress and is over when the client is gone; cancelled, it lets the
 * client go.
 */
export interface StreamService extends CaptureService {
  serveExec(o: CommandOptions): Promise<void>;
  /** The process runs: its streams are read from now on, and input is written. */
  execStarted(o: { sessionId: string }): Promise<void>;
  /** The client is told why there is no process. */
  execFailed(o: { sessionId: string; message: string }): Promise<void>;
  /** The process has ended: the client gets the rest of its output, then this. */
  execExited(o: { sessionId: string; exitCode: number } & DrainLimits): Promise<void>;
  /** Copies of a running container's output, and its input. */
  serveAttach(o: AttachOptions): Promise<void>;
  /** `ports` are for clients that name none themselves. */
  servePortForward(o: { sessionId: string; ports: readonly number[] }): Promise<void>;
  /** Sockets in the pod's network, which belong to the session from now on. */
  forwardTo(o: { sessionId: string; connectionId: number; sockets: SocketPair }): Promise<void>;
  forwardFailed(o: { sessionId: string; connectionId: number; message: string }): Promise<void>;
}

/** How long the output of a process that has ended is waited for. */
export interface DrainLimits {
  /** Nothing came for so long: what still holds the streams open are others. */
  quietMs: number;
  /** In all, for others that go on writing. */
  drainMs: number;
}

/** What a caller adds to the call of a session. */
export interface SessionCall {
  /** Aborted, it ends the session. */
  signal: AbortSignal;
  onProgress(event: unknown): void;
}

type Session<O> = (o: O, call: SessionCall) => Promise<void>;

/** The sessions as their caller sees them. */
export type SessionRemote =
  & Omit<StreamService, "serveExec" | "serveAttach" | "servePortForward">
  & {
    serveExec: Session<CommandOptions>;
    serveAttach: Session<AttachOptions>;
    servePortForward: Session<{ sessionId: string; ports: readonly number[] }>;
  };

/** Numbers of open sockets, IPv4 and IPv6. */
export type SocketPair = readonly [ipv4: number, ipv6: number | undefined];
