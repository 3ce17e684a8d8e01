/** How a compartment comes up, tells that it lives, and stops: its talk with the supervisor. */
import { CriError } from "../base/errors.ts";
import { type FailPoint, setFailPoint } from "../base/fail_point.ts";
import { logger } from "../base/log.ts";
import { configureLogging, type LogFormat, setLogLevel } from "../base/logging.ts";
import type { Config } from "../config/table.ts";
import type { RuntimeFeatures } from "../state/settings.ts";
import { isRecord, toWire, type WireError } from "./messages.ts";
import { Peer } from "./peer.ts";

const log = logger("compartments");

export const COMPARTMENTS = ["server", "io", "cni", "registry"] as const;
export type CompartmentName = typeof COMPARTMENTS[number];

/**
 * A compartment that hasn't stopped by itself after this is ended by the supervisor. The server is
 * the slow one: it may have to undo what it has begun.
 */
export const STOP_TIMEOUT_MS = 5_000;

/** How this thread logs; the format is decided by the main thread, which sees the environment. */
export interface LogSettings {
  level: string;
  format: LogFormat;
}

/** What the supervisor sends to a compartment; `start` is the first. */
export type SupervisorMessage<C = Config> =
  | {
    kind: "start";
    config: C;
    features: ReadonlyMap<string, RuntimeFeatures>;
    ports: Partial<Record<CompartmentName, MessagePort>>;
    log: LogSettings;
    failPoint?: FailPoint | undefined;
  }
  /** With `drain` the old compartment lives on until the calls that it has are answered. */
  | { kind: "peer"; name: CompartmentName; port: MessagePort; drain: boolean }
  | { kind: "logLevel"; level: string }
  | { kind: "ping"; id: number }
  | { kind: "stop" };

/** What a compartment answers. */
export type CompartmentMessage =
  | { kind: "ready" }
  | { kind: "failed"; error: WireError }
  | { kind: "pong"; id: number }
  | { kind: "stopped" };

/** What a compartment starts with. */
export interface Start<C = Config> {
  readonly config: C;
  /** What the runtimes say that they can do, by their names in the config. */
  readonly features: ReadonlyMap<string, RuntimeFeatures>;
  /** The others. One that this compartment has no channel to answers every call unavailable. */
  readonly peers: Readonly<Record<CompartmentName, Peer>>;
  /** Aborted when the compartment is told to stop. */
  readonly stopping: AbortSignal;
}

/** A compartment at work. */
export interface Running {
  /** Ends listeners and writes out what is pending; has {@link STOP_TIMEOUT_MS}. */
  stop?(): Promise<void> | void;
}

/** Where the messages come from: the Worker's global scope, or a port in tests. */
export interface CompartmentScope {
  postMessage(message: CompartmentMessage): void;
  addEventListener(type: "message", listener: (event: MessageEvent<unknown>) => void): void;
}

/** What a compartment does when it starts: its composition root. */
export type Main<C = Config> = (start: Start<C>) => Promise<Running | void>;

/**
 * Runs a compartment in this Worker: waits for the start message, calls `main` with it, answers
 * `ready`, and then does what the supervisor says until it is told to stop.
 * An error of `main` is told to the supervisor, which decides whether to try again.
 */
export function compartmentMain<C = Config>(name: CompartmentName, main: Main<C>): void {
  runCompartment({
    name,
    main,
    scope: workerScope(),
    configureLogging: (log) => configureLogging({ ...log, compartment: name }),
    setLogLevel,
  });
}

/** {@link compartmentMain} with all that it touches of the thread. */
export function runCompartment<C>(o: {
  name: CompartmentName;
  main: Main<C>;
  scope: CompartmentScope;
  configureLogging: (log: LogSettings) => void;
  setLogLevel: (level: string) => void;
}): void {
  const { name, scope } = o;
  const stopping = new AbortController();
  const peers = {
    server: new Peer("server"),
    io: new Peer("io"),
    cni: new Peer("cni"),
    registry: new Peer("registry"),
  };
  let running: Promise<Running | void> | undefined;

  const start = async (message: SupervisorMessage<C> & { kind: "start" }) => {
    try {
      o.configureLogging(message.log);
      setFailPoint(message.failPoint);
      for (const peer of COMPARTMENTS) {
        const port = message.ports[peer];
        if (port !== undefined) peers[peer].replace(port);
      }
      const { config, features } = message;
      running = o.main({ config, features, peers, stopping: stopping.signal });
      await running;
      scope.postMessage({ kind: "ready" });
    } catch (error) {
      scope.postMessage({ kind: "failed", error: toWire(error) });
    }
  };

  const stop = async () => {
    stopping.abort(new CriError("unavailable", `Compartment ${name} is stopping`));
    try {
      await (await running)?.stop?.();
    } catch (error) {
      log.error("Compartment {name} did not stop cleanly: {error}", { name, error });
    }
    scope.postMessage({ kind: "stopped" });
  };

  scope.addEventListener("message", ({ data }) => {
    if (!isSupervisorMessage<C>(data)) return;
    switch (data.kind) {
      case "start":
        return void start(data);
      case "peer":
        return peers[data.name].replace(data.port, { drain: data.drain });
      case "logLevel":
        return o.setLogLevel(data.level);
      case "ping":
        return scope.postMessage({ kind: "pong", id: data.id });
      case "stop":
        return void stop();
    }
  });
}

const SUPERVISOR_KINDS: readonly unknown[] = ["start", "peer", "logLevel", "ping", "stop"];

function isSupervisorMessage<C>(value: unknown): value is SupervisorMessage<C> {
  return isRecord(value) && SUPERVISOR_KINDS.includes(value.kind);
}

function workerScope(): CompartmentScope {
  const scope: unknown = globalThis;
  if (!isScope(scope)) throw new CriError("internal", "A compartment must be run as a Worker");
  return scope;
}

function isScope(value: unknown): value is CompartmentScope {
  return isRecord(value) && typeof value.postMessage === "function";
}
