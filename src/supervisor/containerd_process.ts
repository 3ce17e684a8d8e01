/** The process of a managed containerd: found, started, recognised after a crash of the daemon, ended. */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { pause } from "../base/pause.ts";
import { replaceText } from "../base/replace_text.ts";
import type { ManagedPaths } from "./managed_config.ts";

const log = logger("containerd");

/** Where programs are looked for when PATH isn't set. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A containerd that doesn't end on SIGTERM is killed after this; its shims live on either way. */
const TERM_TIMEOUT_MS = 5_000;
const POLL_MS = 50;
/** An adopted containerd is nobody's child here, so nothing tells of its end. */
const ADOPTED_POLL_MS = 1_000;

/** A running containerd of ours. */
export interface ContainerdProcess {
  readonly pid: number;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  signal(name: "SIGTERM" | "SIGKILL"): void;
}

/** The folders that are searched for containerd, its shim and runc: `binaries` first, then PATH. */
export function searchPath(binaries: string): string {
  const path = Deno.env.get("PATH") || DEFAULT_PATH;
  return binaries === "" ? path : `${binaries}:${path}`;
}

/**
 * The containerd program.
 *
 * @throws CriError failedPrecondition when there is none
 */
export async function findContainerd(binaries: string): Promise<string> {
  const folders = binaries === "" ? searchPath("").split(":") : [binaries];
  for (const folder of folders) {
    const path = `${folder}/containerd`;
    const found = await Deno.stat(path).catch(() => undefined);
    if (found?.isFile) return path;
  }
  throw new CriError("failedPrecondition", `No containerd in ${folders.join(", ")}`, {
    remedy: "install containerd, name its folder in `containerd.binaries`, or set " +
      "`containerd.managed = false` and `containerd.address` to one that runs",
  });
}

/** Starts containerd with a config file; its log lines become ours. */
export function spawnContainerd(o: {
  program: string;
  configFile: string;
  searchPath: string;
  onError: (message: string) => void;
}): ContainerdProcess {
  const child = new Deno.Command(o.program, {
    args: ["--config", o.configFile],
    // It would tell the service manager that it is ready, which is ours to say.
    env: { PATH: o.searchPath, NOTIFY_SOCKET: "", WATCHDOG_USEC: "" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    // In a session of its own: Ctrl-C in the terminal is for the daemon, which ends it then.
    detached: true,
  }).spawn();
  const forwarded = forwardLog(child.stderr, o.onError);
  const ended = child.status.then(async ({ code, signal }) => {
    // Its children may hold the pipe; what was written before its end is read by then.
    await Promise.race([forwarded, pause(POLL_MS, new AbortController().signal)]);
    return signal === null ? `exit code ${code}` : `signal ${signal}`;
  });
  return { pid: child.pid, ended, signal: (name) => kill(child.pid, name) };
}

const PidFile = v.object({ pid: v.pipe(v.number(), v.integer(), v.minValue(2)) });

/** Remembers the process for the next daemon, atomically. */
export async function writePidFile(path: string, pid: number): Promise<void> {
  await replaceText(path, JSON.stringify({ pid }), 0o600);
}

/**
 * The containerd that an earlier daemon left behind when it was killed, if it still runs.
 * `signal` ends the watch over it, not the process.
 */
export async function findOrphan(
  paths: ManagedPaths,
  signal: AbortSignal,
): Promise<ContainerdProcess | undefined> {
  const text = await Deno.readTextFile(paths.pidFile).catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), PidFile), text);
  if (!parsed.success) return undefined;
  const { pid } = parsed.output;
  if (!await isOurs(pid, paths.configFile)) return undefined;
  const watch = async () => {
    // A look that fails, as without a file descriptor to spare, tells nothing: it goes on.
    while (await isOurs(pid, paths.configFile).catch(() => true)) {
      await pause(ADOPTED_POLL_MS, signal);
      if (signal.aborted) return "the watch over it ended";
    }
    return "it is gone";
  };
  return { pid, ended: watch(), signal: (name) => kill(pid, name) };
}

/**
 * Whether a pid is a containerd with our config file: a pid alone may be somebody else's by now.
 * Deno itself reads nothing in /proc for a process that may not do everything.
 */
async function isOurs(pid: number, configFile: string): Promise<boolean> {
  const { success, stdout } = await new Deno.Command("cat", {
    args: [`/proc/${pid}/cmdline`],
    stdin: "null",
    stderr: "null",
  }).output();
  return success && new TextDecoder().decode(stdout).split("\0").includes(configFile);
}

/** Ends containerd; pods and their shims live on. Bounded by {@link TERM_TIMEOUT_MS}. */
export async function endContainerd(process: ContainerdProcess): Promise<void> {
  process.signal("SIGTERM");
  const timer = setTimeout(() => {
    log.warn("containerd {pid} did not end on SIGTERM and is killed", { pid: process.pid });
    process.signal("SIGKILL");
  }, TERM_TIMEOUT_MS);
  await process.ended;
  clearTimeout(timer);
}

function kill(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Waits until something accepts connections on a unix socket.
 *
 * @returns false when the signal was aborted first
 */
export async function socketAnswers(path: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    try {
      (await Deno.connect({ transport: "unix", path })).close();
      return true;
    } catch {
      await pause(POLL_MS, signal); // Not there yet, or left by one that was killed.
    }
  }
  return false;
}

const LogLine = v.pipe(
  v.string(),
  v.parseJson(),
  v.looseObject({ level: v.string(), msg: v.string() }),
);
/** A longer line of containerd's log is cut. */
const MAX_LINE_CHARS = 65_536;

/** What 1.x warns of in the ordinary course of things: the end of every shim. */
const ORDINARY = /^(?:cleaning up after shim disconnected|cleanup warnings )/;

/** How important a line of containerd's log really is. */
export function levelOf({ level, msg }: { level: string; msg: string }): string {
  return ORDINARY.test(msg) ? "debug" : level;
}

async function forwardLog(
  stderr: ReadableStream<Uint8Array<ArrayBuffer>>,
  onError: (message: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, MAX_LINE_CHARS);
    for (const line of lines) forwardLine(line, onError);
  }
  if (rest !== "") forwardLine(rest, onError);
}

function forwardLine(line: string, onError: (message: string) => void): void {
  if (line.trim() === "") return;
  const parsed = v.safeParse(LogLine, line);
  if (!parsed.success) {
    // Before it has read its config it logs in another form, which is of no interest.
    if (/^time="[^"]*" level=(?:info|warning) /.test(line)) {
      return log.debug("containerd: {line}", { line });
    }
    // A panic, or why it can't read its config.
    onError(line);
    return log.warn("containerd: {line}", { line });
  }
  const { msg, time: _time, ...fields } = parsed.output;
  const properties = { ...fields, line: msg };
  switch (levelOf(parsed.output)) {
    case "trace":
      return log.trace("containerd: {line}", properties);
    // A line for every event of every container: of interest to who looks for a fault only.
    case "debug":
    case "info":
      return log.debug("containerd: {line}", properties);
    case "warning":
    case "warn":
      return log.warn("containerd: {line}", properties);
    default:
      onError(typeof fields.error === "string" ? `${msg}: ${fields.error}` : msg);
      return log.error("containerd: {line}", properties);
  }
}
