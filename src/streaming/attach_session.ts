/**
 * One client that is attached to a running container: copies of its output from now on, and its
 * input. The container goes on when the client goes.
 *
 * The log comes first. A client that is far behind holds the container's output up for
 * {@link PATIENCE_MS} at most; one that then hasn't taken enough is let go, rather than being shown
 * an output with a hole in it.
 */
import { logger } from "../base/log.ts";
import type { AttachOptions, CommandOptions } from "../containers/streams.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { LogServiceHandle } from "../logs/log_service.ts";
import type { TappedStreams } from "../logs/tap.ts";
import type { SessionContext } from "./clients.ts";
import type { CommandClient } from "./command_client.ts";
import { FdWriter } from "./fd_writer.ts";
import { toCriError } from "../base/errors.ts";

const log = logger("streaming");

/** So much may be queued for a client before it holds anything up. */
const BEHIND_BYTES = 4 * 1024 * 1024;
const PATIENCE_MS = 2_000;

export interface Attachment {
  readonly io: LinuxIo;
  readonly logs: Pick<LogServiceHandle, "streamsOf">;
  readonly options: AttachOptions;
  readonly context: SessionContext;
}

/** Serves the client until it is gone or the container's output has ended. */
export async function serveAttached(client: CommandClient, o: Attachment): Promise<void> {
  let streams: TappedStreams;
  try {
    streams = await o.logs.streamsOf(o.options.containerId);
  } catch (error) {
    await client.finish({ kind: "failed", message: toCriError(error).message });
    await client.run(DEAF);
    return;
  }
  const untap = streams.tap({
    take: (stream, chunk) => copy(client, o.options, { stream, chunk }),
  });
  const input = new Input(o, streams.paths.stdin);
  void client.closed.then(() => input.giveUp());
  void streams.ended.then(() => client.finish({ kind: "exited", exitCode: 0 }));
  try {
    await client.run({
      stdin: (chunk) => input.write(chunk),
      stdinEnded: () => {
        void input.end();
        // A client that has said all it had to say leaves, unless its words were the last.
        if (!o.options.closesStdin) void client.finish({ kind: "exited", exitCode: 0 });
      },
      resize: (size) => o.context.progress({ kind: "resize", ...size }),
    });
  } finally {
    untap();
    client.close();
    await input.end();
  }
}

const DEAF = {
  stdin: () => Promise.resolve(),
  stdinEnded: () => {},
  resize: () => {},
};

function copy(
  client: CommandClient,
  options: CommandOptions,
  { stream, chunk }: { stream: "stdout" | "stderr"; chunk: Uint8Array },
): Promise<void> | undefined {
  if (!options[stream]) return undefined;
  client.write(stream, chunk);
  return client.pendingBytes > BEHIND_BYTES ? wait(client, options) : undefined;
}

/** For a client that is behind: until it has caught up, or not at all any more. */
async function wait(client: CommandClient, { containerId }: CommandOptions): Promise<void> {
  const timer = setTimeout(() => {
    log.warn("A client of container {containerId} takes its output too slowly and is let go", {
      containerId,
    });
    client.close();
  }, PATIENCE_MS);
  await client.drained();
  clearTimeout(timer);
}

/**
 * What clients write into the container. Its shim holds the FIFO open for writing too: the process
 * sees an end only when it is told so, after the first client of a container with stdin_once.
 */
class Input {
  readonly #o: Attachment;
  readonly #writer: FdWriter | undefined;
  #isEnded = false;

  constructor(o: Attachment, path: string) {
    this.#o = o;
    if (path === "" || !o.options.stdin) return;
    try {
      this.#writer = new FdWriter(o.io, o.io.openFifoForWrite(path));
    } catch (error) {
      // After its end nobody reads it any more: the client's input goes nowhere.
      log.debug("The input of container {containerId} is closed: {error}", {
        containerId: o.options.containerId,
        error,
      });
    }
  }

  async write(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#writer?.write(chunk);
  }

  /** The client is gone, and the process may read nothing for ever. */
  giveUp(): void {
    this.#writer?.close();
  }

  async end(): Promise<void> {
    if (this.#isEnded || this.#writer === undefined) return;
    this.#isEnded = true;
    await this.#writer.end();
    if (this.#o.options.closesStdin) this.#o.context.progress({ kind: "stdinEnded" });
  }
}
