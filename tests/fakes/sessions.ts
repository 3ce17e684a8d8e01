/** Sessions of exec, attach and port-forward in memory: the test is the client. */
import type {
  AttachOptions,
  CommandOptions,
  SessionCall,
  SessionEvent,
  SessionRemote,
  SocketPair,
} from "../../src/containers/streams.ts";
import { FakeCaptures } from "./captures.ts";

/** One session, as its client drives it. */
export interface FakeSession {
  readonly options: Partial<CommandOptions & AttachOptions>;
  readonly call: SessionCall;
  tell(event: SessionEvent): void;
  /** The client goes. */
  leave(): void;
  /** The io compartment is lost. */
  fail(error: unknown): void;
}

export class FakeSessions extends FakeCaptures implements SessionRemote {
  readonly sessions: FakeSession[] = [];
  /** What the server has told the sessions, in order. */
  readonly told: string[] = [];
  readonly sockets: SocketPair[] = [];

  serveExec(options: CommandOptions, call: SessionCall): Promise<void> {
    return this.#serve(options, call);
  }

  serveAttach(options: AttachOptions, call: SessionCall): Promise<void> {
    return this.#serve(options, call);
  }

  servePortForward(options: { sessionId: string }, call: SessionCall): Promise<void> {
    return this.#serve(options, call);
  }

  execStarted(): Promise<void> {
    return this.#tell("started");
  }

  execFailed({ message }: { message: string }): Promise<void> {
    return this.#tell(`failed: ${message}`);
  }

  execExited({ exitCode }: { exitCode: number }): Promise<void> {
    return this.#tell(`exited: ${exitCode}`);
  }

  forwardTo({ sockets }: { sockets: SocketPair }): Promise<void> {
    this.sockets.push(sockets);
    return this.#tell("connected");
  }

  forwardFailed({ message }: { message: string }): Promise<void> {
    return this.#tell(`refused: ${message}`);
  }

  #serve(options: FakeSession["options"], call: SessionCall): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const tell = (event: SessionEvent) => call.onProgress(event);
    this.sessions.push({ options, call, tell, leave: resolve, fail: reject });
    tell({ kind: "url", url: `http://127.0.0.1/${options.sessionId}` });
    return promise;
  }

  #tell(what: string): Promise<void> {
    this.told.push(what);
    return Promise.resolve();
  }
}
