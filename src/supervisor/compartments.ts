/** The four compartments together: the server first, wired, started again when one goes down. */
import type { FailPoint } from "../base/fail_point.ts";
import { logger } from "../base/log.ts";
import { type CompartmentName, COMPARTMENTS, type LogSettings } from "../compartments/start.ts";
import type { Config } from "../config/table.ts";
import { pause } from "../base/pause.ts";
import { settled } from "../base/settled.ts";
import { Backoff } from "./backoff.ts";
import { Compartment, WATCHING, type Watching } from "./compartment.ts";
import { computePermissions, type Permissions } from "./permissions.ts";
import type { FoundFeatures } from "./runtime_features.ts";
import { Wiring } from "./wiring.ts";

const log = logger("supervisor");

/** A plugin call that was on its way gets its answer before its replaced compartment is ended. */
const RETIRE_SLACK_MS = 2_000;

/** The code of each compartment. By literal paths, so that `deno compile` finds them. */
export const ENTRIES: Readonly<Record<CompartmentName, URL>> = {
  server: new URL("../compartments/server.ts", import.meta.url),
  io: new URL("../compartments/io.ts", import.meta.url),
  cni: new URL("../compartments/cni.ts", import.meta.url),
  registry: new URL("../compartments/registry.ts", import.meta.url),
};

export interface CompartmentsOptions {
  /** With the address where containerd really listens. */
  config: Config;
  plugins: readonly string[];
  /** Found while the compartments' code is loaded. */
  features: Promise<FoundFeatures>;
  log: LogSettings;
  failPoint?: FailPoint;
  /** Tests put compartments of their own here. */
  entries?: Readonly<Record<CompartmentName, URL>>;
  watching?: Watching;
}

export class Compartments {
  readonly #config: Config;
  readonly #features: Promise<FoundFeatures>;
  readonly #entries: Readonly<Record<CompartmentName, URL>>;
  readonly #watching: Watching;
  readonly #failPoint: FailPoint | undefined;
  readonly #stopping = new AbortController();
  readonly #current = new Map<CompartmentName, Compartment>();
  readonly #backoffs = new Map<CompartmentName, Backoff>();
  readonly #retired = new Set<Compartment>();
  readonly #wiring: Wiring;
  #permissions: Permissions;
  #log: LogSettings;

  constructor(o: CompartmentsOptions) {
    this.#config = o.config;
    this.#features = o.features;
    this.#entries = o.entries ?? ENTRIES;
    this.#watching = o.watching ?? WATCHING;
    this.#permissions = computePermissions(o.config, o.plugins);
    this.#log = o.log;
    this.#failPoint = o.failPoint;
    this.#wiring = new Wiring((to, { name, port, drain }) => {
      const compartment = this.#current.get(to);
      if (compartment === undefined || compartment.isDown) return false;
      compartment.send({ kind: "peer", name, port, drain }, [port]);
      return true;
    });
  }

  get permissions(): Permissions {
    return this.#permissions;
  }

  /**
   * Starts all four, and keeps them up from then on. The server is first: it answers while the code of
   * the others is loaded, and what it asks of them waits in their ports.
   *
   * @param beforeServer what must have happened before the server opens its socket
   * @throws CriError of the first that doesn't start; the others are ended then
   */
  async start(beforeServer?: Promise<unknown>): Promise<void> {
    this.#wiring.connectAll();
    try {
      await this.#start("server", beforeServer);
      this.#stopping.signal.throwIfAborted();
      const others = COMPARTMENTS.filter((name) => name !== "server");
      await settled(others.map((name) => this.#start(name)));
    } catch (error) {
      await this.stop();
      throw error;
    }
    for (const compartment of this.#current.values()) this.#keepUp(compartment);
  }

  /** Makes the cni compartment anew for another set of plugins; calls on the old one go on. */
  async replacePlugins(plugins: readonly string[]): Promise<void> {
    this.#permissions = computePermissions(this.#config, plugins);
    if (this.#stopping.signal.aborted) return;
    const old = this.#current.get("cni");
    this.#wiring.reconnect("cni", { drain: true });
    const start = this.#start("cni");
    const fresh = this.#current.get("cni");
    if (old !== undefined) this.#retire(old);
    await start.catch((error: unknown) => {
      log.error("The cni compartment did not start with the new plugins: {error}", { error });
    });
    if (fresh !== undefined) this.#keepUp(fresh);
  }

  areUp(): boolean {
    return COMPARTMENTS.every((name) => this.#current.get(name)?.isDown === false);
  }

  setLogLevel(level: string): void {
    this.#log = { ...this.#log, level };
    for (const one of this.#current.values()) one.send({ kind: "logLevel", level });
  }

  /** Stops the server, whose calls in progress need the others, and then those side by side. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#current.get("server")?.stop();
    for (const retired of this.#retired) retired.end("the daemon stops");
    await Promise.all([...this.#current.values()].map((compartment) => compartment.stop()));
    this.#wiring.close();
  }

  /** @param before awaited while the compartment's code is loaded */
  async #start(name: CompartmentName, before?: Promise<unknown>): Promise<void> {
    const compartment = new Compartment({
      name,
      entry: this.#entries[name],
      permissions: this.#permissions[name],
      watching: this.#watching,
    });
    this.#current.set(name, compartment);
    const [features] = await Promise.all([this.#features, before]);
    await compartment.start({
      kind: "start",
      config: this.#config,
      features,
      ports: this.#wiring.take(name),
      log: this.#log,
      failPoint: this.#failPoint,
    });
  }

  /** Starts the compartment again when it goes down, unless another took its place meanwhile. */
  #keepUp(compartment: Compartment): void {
    const { name } = compartment;
    const isOver = () => this.#stopping.signal.aborted || this.#current.get(name) !== compartment;
    void (async () => {
      const reason = await compartment.down;
      if (isOver()) return;
      // At once: what its peers asked it fails now, and what they ask from now on waits.
      this.#wiring.reconnect(name);
      const waitMs = this.#backoff(name).next(performance.now() - compartment.startedAt);
      log.error("Compartment {name} went down and is started again in {waitMs} ms: {reason}", {
        name,
        waitMs,
        reason,
      });
      await pause(waitMs, this.#stopping.signal);
      if (isOver()) return;
      const start = this.#start(name);
      const fresh = this.#current.get(name);
      await start.then(
        () => log.info("Compartment {name} is up again", { name }),
        () => {}, // It is down: the next round logs the reason and tries again.
      );
      if (fresh !== undefined) this.#keepUp(fresh);
    })();
  }

  #backoff(name: CompartmentName): Backoff {
    let backoff = this.#backoffs.get(name);
    if (backoff === undefined) this.#backoffs.set(name, backoff = new Backoff());
    return backoff;
  }

  #retire(compartment: Compartment): void {
    this.#retired.add(compartment);
    void (async () => {
      const waitMs = this.#config.cni.plugin_timeout + RETIRE_SLACK_MS;
      await pause(waitMs, this.#stopping.signal);
      compartment.end("it was replaced");
      this.#retired.delete(compartment);
    })();
  }
}
