/** One compartment as another one sees it: a port that the supervisor may replace. */
import { CriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { type ChannelMessage, isChannelMessage } from "./messages.ts";

const log = logger("compartments");

/**
 * The other end of a channel. It outlives its port: when the supervisor starts a compartment
 * again, its peers get a new port by {@link Peer.replace}, and calls that were on the old one are
 * told. What is called meanwhile waits in the new port until the compartment has started.
 */
export class Peer {
  readonly name: string;
  #port: MessagePort | undefined;
  /** Older ports over which answers may still come. */
  readonly #draining = new Set<MessagePort>();
  #lastId = 0;
  readonly #messageListeners: ((message: ChannelMessage) => void)[] = [];
  readonly #lostListeners: ((error: CriError) => void)[] = [];
  readonly #againListeners: (() => void)[] = [];
  #wasConnected = false;

  constructor(name: string, port?: MessagePort) {
    this.name = name;
    if (port !== undefined) this.#connect(port);
  }

  /** An id for a call, never given out twice by this peer. */
  nextId(): number {
    return ++this.#lastId;
  }

  /**
   * Sends a message; buffers named in `transfer` are moved, not copied.
   *
   * @throws CriError unavailable when there is no port
   */
  post(message: ChannelMessage, transfer: Transferable[] = []): void {
    if (this.#port === undefined) {
      throw new CriError("unavailable", `Compartment ${this.name} is not connected`);
    }
    this.#port.postMessage(message, transfer);
    // Who got the call isn't kept: ids are never used twice, and the others don't know this one.
    if (message.kind === "cancel") {
      for (const port of this.#draining) port.postMessage(message);
    }
  }

  /** Hears every message of the present and all later ports; those before the first listener wait. */
  onMessage(listener: (message: ChannelMessage) => void): void {
    this.#messageListeners.push(listener);
    this.#begin();
  }

  /** Told when the port is closed or replaced: nothing that was sent over it will be answered. */
  onLost(listener: (error: CriError) => void): void {
    this.#lostListeners.push(listener);
  }

  /**
   * Told when there is a port again: the compartment at its other end is a new one, which knows
   * nothing. What is called from now on waits until it has started.
   */
  onAgain(listener: () => void): void {
    this.#againListeners.push(listener);
  }

  /**
   * Takes a new port in the place of the old one, whose calls are over; with `drain` they go on,
   * and only new calls take the new port.
   */
  replace(port: MessagePort, { drain = false } = {}): void {
    if (drain && this.#port !== undefined) this.#draining.add(this.#port);
    else this.#disconnect(`Compartment ${this.name} was restarted`);
    const isAgain = this.#wasConnected;
    this.#connect(port);
    if (isAgain) { for (const listener of this.#againListeners) listener(); }
  }

  /** Closes the port; later calls are refused. */
  close(): void {
    this.#disconnect(`The channel to compartment ${this.name} was closed`);
  }

  #connect(port: MessagePort): void {
    this.#port = port;
    this.#wasConnected = true;
    port.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (this.#port !== port && !this.#draining.has(port)) return;
      if (!isChannelMessage(event.data)) {
        log.warn("Dropped a message of an unknown form from compartment {peer}", {
          peer: this.name,
        });
        return;
      }
      for (const listener of this.#messageListeners) listener(event.data);
    });
    port.addEventListener("close", () => {
      if (this.#port === port) this.close();
    });
    this.#begin();
  }

  /**
   * Lets messages come once somebody hears them: a compartment may be called before it is ready.
   * Later than the synchronous rest of what registers listeners.
   */
  #begin(): void {
    const port = this.#port;
    if (port === undefined || this.#messageListeners.length === 0) return;
    queueMicrotask(() => port.start());
  }

  #disconnect(reason: string): void {
    const port = this.#port;
    if (port === undefined) return;
    this.#port = undefined;
    port.close();
    for (const old of this.#draining) old.close();
    this.#draining.clear();
    const error = new CriError("unavailable", reason);
    for (const listener of this.#lostListeners) listener(error);
  }
}

const peers = new WeakMap<MessagePort, Peer>();

/** The peer of a bare port: the same one each time, so that both directions share it. */
export function peerOf(port: MessagePort | Peer, name = "peer"): Peer {
  if (port instanceof Peer) return port;
  const known = peers.get(port);
  if (known !== undefined) return known;
  const peer = new Peer(name, port);
  peers.set(port, peer);
  return peer;
}
