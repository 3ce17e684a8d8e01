/**
 * The io compartment: containers' output. It may write below the log folders and its FIFO folder
 * and calls a few functions of libc; it may not run programs, and reaches no registry, no image and
 * no containerd.
 */
import { during } from "../base/errors.ts";
import type { Config } from "../config/table.ts";
import { openLinuxIo } from "../linux/linux_io.ts";
import { openLogService } from "../logs/log_service.ts";
import { ioDir } from "../state/folders.ts";
import { Captures } from "../streaming/capture_service.ts";
import { hostsOf, StreamListener } from "../streaming/listener.ts";
import { keepFresh, ownCertificate } from "../streaming/own_certificate.ts";
import { Streams } from "../streaming/stream_service.ts";
import { allOf, serveChannel } from "./channel.ts";
import { compartmentMain } from "./start.ts";
import { usageService } from "./usage.ts";

/** What of the configuration is used here. */
export type IoConfig = Pick<Config, "state" | "streaming"> & {
  readonly logs: Pick<Config["logs"], "dirs"> & Partial<Pick<Config["logs"], "journal">>;
};

compartmentMain<IoConfig>("io", async ({ config, peers }) => {
  const fifoDir = ioDir({ stateDir: config.state });
  const logDirs = config.logs.dirs;
  const io = openLinuxIo();
  io.closeLeftOpen(await Promise.all([fifoDir, ...logDirs].map(realPath)));
  const logs = openLogService({ io, fifoDir, logDirs, journal: journalSocket(config) });
  const captures = new Captures(io, fifoDir);
  const { listener, stopListening } = await openListener(config);
  const streams = new Streams({ io, fifoDir, listener, logs });
  serveChannel(
    peers.server,
    allOf([logs, captures, streams, usageService()]),
  );
  return {
    stop: async () => {
      await stopListening();
      await captures.stop();
      await logs.stop();
    },
  };
});

interface Listening {
  readonly listener: StreamListener;
  stopListening(): Promise<void>;
}

async function openListener({ state, streaming }: IoConfig): Promise<Listening> {
  const { address, tls_cert, tls_key, tls_self_signed, idle_timeout: idleMs } = streaming;
  if (tls_cert === "" && tls_self_signed) {
    const own = { dir: `${state}/streaming`, hosts: hostsOf(address) };
    const current = await ownCertificate(own);
    const listener = new StreamListener({ address, tls: current, idleMs });
    const fresh = keepFresh(own, { current, renewed: (tls) => listener.renew(tls) });
    const stopListening = () => {
      fresh[Symbol.dispose]();
      return listener.close();
    };
    return { listener, stopListening };
  }
  const [cert = "", key = ""] = tls_cert === ""
    ? []
    : await Promise.all([tls_cert, tls_key].map((path) => readPem(path)));
  const tls = tls_cert === "" ? undefined : { cert, key };
  const listener = new StreamListener({ address, tls, idleMs });
  return { listener, stopListening: () => listener.close() };
}

async function readPem(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw during(`Cannot serve with TLS: ${path} can't be read`, error, "failedPrecondition");
  }
}

function journalSocket({ logs }: IoConfig): string | undefined {
  return logs.journal === "" ? undefined : logs.journal;
}

/** A folder that isn't there yet has nothing open in it. */
async function realPath(folder: string): Promise<string> {
  try {
    return await Deno.realPath(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return folder;
    throw error;
  }
}
