/** Which compartments talk with which, and the ports between them. */
import { type CompartmentName, COMPARTMENTS } from "../compartments/start.ts";

/** The server is the only one that calls others; they don't know each other. */
const CHANNELS: readonly (readonly [CompartmentName, CompartmentName])[] = [
  ["server", "io"],
  ["server", "cni"],
  ["server", "registry"],
];

export type Ports = Partial<Record<CompartmentName, MessagePort>>;

/** Hands a port to a compartment that runs; answers false when it doesn't. */
export type Deliver = (
  to: CompartmentName,
  from: { name: CompartmentName; port: MessagePort; drain: boolean },
) => boolean;

/**
 * Makes the channels anew for every start of a compartment. A port for a compartment that doesn't
 * run now is kept until it starts.
 */
export class Wiring {
  readonly #deliver: Deliver;
  readonly #waiting: Record<CompartmentName, Ports> = { server: {}, io: {}, cni: {}, registry: {} };

  constructor(deliver: Deliver) {
    this.#deliver = deliver;
  }

  /** New channels for all, before the first start. */
  connectAll(): void {
    for (const [one, other] of CHANNELS) this.#connect(one, other, false);
  }

  /**
   * New channels for a compartment that went down or is replaced. Its peers get their ends now:
   * with `drain` they finish the calls they have on the old one, else these fail, and what they
   * call from here on waits in the channel until the compartment has started.
   */
  reconnect(name: CompartmentName, { drain = false } = {}): void {
    for (const [one, other] of CHANNELS) {
      if (one === name) this.#connect(name, other, drain);
      if (other === name) this.#connect(name, one, drain);
    }
  }

  /** The ports to start a compartment with; they are its own from then on. */
  take(name: CompartmentName): Ports {
    const ports = this.#waiting[name];
    this.#waiting[name] = {};
    return ports;
  }

  /** Closes what nobody took. */
  close(): void {
    for (const name of COMPARTMENTS) {
      for (const port of Object.values(this.take(name))) port.close();
    }
  }

  #connect(name: CompartmentName, peer: CompartmentName, drain: boolean): void {
    const { port1, port2 } = new MessageChannel();
    this.#keep(name, peer, port1);
    if (!this.#deliver(peer, { name, port: port2, drain })) this.#keep(peer, name, port2);
  }

  #keep(owner: CompartmentName, peer: CompartmentName, port: MessagePort): void {
    this.#waiting[owner][peer]?.close();
    this.#waiting[owner][peer] = port;
  }
}
