/**
 * What the daemon tells systemd, by sd_notify's protocol: that it is ready, that it stops, and that
 * it is alive. Without NOTIFY_SOCKET nobody wants to know.
 * https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
import { logger } from "../base/log.ts";

const log = logger("supervisor");

/** So many signs of life in the time in which systemd wants one. */
const SIGNS_A_WATCHDOG = 3;

export interface ServiceManager {
  ready(status: string): Promise<void>;
  stopping(): Promise<void>;
  /** Says that the daemon is alive for as long as it is, as often as systemd wants to hear it. */
  watch(isAlive: () => boolean): void;
  close(): void;
}

export interface ServiceManagerOptions {
  /** NOTIFY_SOCKET; undefined or "" where nobody listens. */
  readonly socket: string | undefined;
  /** WATCHDOG_USEC. */
  readonly watchdogUsec: string | undefined;
  /** Where our own end is bound: Deno sends from nowhere else. */
  readonly ownPath: string;
}

/** What the environment says of systemd. */
export function serviceManagerOf(state: string): Promise<ServiceManager> {
  return openServiceManager({
    socket: Deno.env.get("NOTIFY_SOCKET"),
    watchdogUsec: Deno.env.get("WATCHDOG_USEC"),
    ownPath: `${state}/notify.sock`,
  });
}

const NOBODY: ServiceManager = {
  ready: () => Promise.resolve(),
  stopping: () => Promise.resolve(),
  watch: () => {},
  close: () => {},
};

/** Never throws: a daemon that can't tell runs all the same. */
export async function openServiceManager(o: ServiceManagerOptions): Promise<ServiceManager> {
  const { socket, ownPath } = o;
  if (socket === undefined || socket === "") return NOBODY;
  if (!socket.startsWith("/")) {
    // An abstract name, as systemd gave until version 211 and some containers' managers still do.
    log.warn("Nothing is told to {socket}: only sockets with a path can be reached", { socket });
    return NOBODY;
  }
  let connection: Deno.DatagramConn;
  try {
    await Deno.remove(ownPath).catch(() => {}); // One that was killed left it.
    connection = Deno.listenDatagram({ transport: "unixpacket", path: ownPath });
  } catch (error) {
    log.warn("Cannot tell the service manager anything: {error}", { error });
    return NOBODY;
  }
  return connected(connection, { ...o, socket });
}

function connected(
  connection: Deno.DatagramConn,
  o: ServiceManagerOptions & { socket: string },
): ServiceManager {
  const encoder = new TextEncoder();
  const tell = async (text: string) => {
    try {
      await connection.send(encoder.encode(text), { transport: "unixpacket", path: o.socket });
    } catch (error) {
      log.warn("Cannot tell the service manager {text}: {error}", { text, error });
    }
  };
  let timer: ReturnType<typeof setInterval> | undefined;
  return {
    ready: (status) => tell(`READY=1\nSTATUS=${status}`),
    stopping: () => tell("STOPPING=1\nSTATUS=Stopping; pods stay"),
    watch: (isAlive) => {
      const everyMs = watchdogMs(o.watchdogUsec);
      if (everyMs === undefined) return;
      const sign = () => {
        if (isAlive()) void tell("WATCHDOG=1");
      };
      sign();
      timer = setInterval(sign, everyMs);
    },
    close: () => {
      clearInterval(timer);
      connection.close();
      try {
        Deno.removeSync(o.ownPath);
      } catch {
        // The state folder went before us.
      }
    },
  };
}

/** How often to give a sign; undefined where no watchdog was asked for. */
export function watchdogMs(usec: string | undefined): number | undefined {
  const limit = Number(usec ?? "");
  return Number.isInteger(limit) && limit > 0 ? limit / 1_000 / SIGNS_A_WATCHDOG : undefined;
}
