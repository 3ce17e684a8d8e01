/**
 * Where kubelets connect for exec, attach and port-forward: one upgrade request a connection, with a
 * token that was given out for it.
 */
import { during } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Certificate } from "./certificate.ts";
import {
  answer,
  hasBody,
  headEnd,
  MAX_HEAD_BYTES,
  parseHead,
  type RequestHead,
} from "./http_head.ts";
import { ProtocolError } from "./protocol_error.ts";
import { TOKEN_LIFETIME_MS, Tokens } from "./tokens.ts";
import { type Spoken, type StreamKind, upgrade } from "./upgrade.ts";
import { concat } from "../base/concat.ts";
import { ConnWire, type Wire } from "./wire.ts";

const log = logger("streaming");

/** Connections at once, with and without a stream on them. */
const MAX_CONNECTIONS = 2_000;

/** A client sends its request within this time. */
const HEAD_TIMEOUT_MS = 10_000;

const ACCEPT_RETRY_MS = 100;

/** Takes a client over; the connection ends when it returns. */
export type Serve = (wire: Wire, spoken: Spoken) => Promise<void>;

export interface ListenerOptions {
  /** Host and port; port 0 takes a free one, no host is every interface. */
  readonly address: string;
  /** Undefined serves without TLS. */
  readonly tls: Certificate | undefined;
  /** Connections over which nothing comes or goes for so long are closed; 0 is never. */
  readonly idleMs: number;
}

export interface Grant {
  readonly kind: StreamKind;
  readonly serve: Serve;
  /** No client will come: the time is over, or the one that came can't be served. */
  readonly lost: () => void;
}

/** Hands out URLs and serves those who come with one. */
export class StreamListener {
  readonly #address: Address;
  readonly #idleMs: number;
  readonly #tokens = new Tokens<Grant>();
  readonly #wires = new Set<Wire>();
  /** The newest is the one that URLs name. */
  readonly #listeners = new Map<Deno.Listener<Deno.Conn>, Promise<void>>();
  readonly #retiring = new Set<ReturnType<typeof setTimeout>>();
  #base: string;
  #isClosed = false;

  /** @throws CriError when the address can't be listened on */
  constructor({ address, tls, idleMs }: ListenerOptions) {
    this.#idleMs = idleMs;
    this.#address = addressOf(address);
    this.#base = this.#listen(tls);
    log.info("Exec, attach and port-forward are served on {base}", { base: this.#base });
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#wires.size;
  }

  /** Tokens that wait to be used. */
  get waiting(): number {
    return this.#tokens.size;
  }

  /** A URL for one client. */
  grant(grant: Grant): string {
    const token = this.#tokens.give(grant, grant.lost);
    return `${this.#base}/${grant.kind}/${token}`;
  }

  /** A URL that is not to be used any more. */
  revoke(url: string): void {
    this.#tokens.use(url.slice(url.lastIndexOf("/") + 1));
  }

  /** Serves those who come from now on with another certificate; who is connected stays so. */
  async renew(tls: Certificate): Promise<void> {
    const old = [...this.#listeners.keys()];
    const endOld = () => Promise.all(old.map((listener) => this.#end(listener)));
    // A free port is another one, and whoever has a URL with the old one may still come.
    if (this.#address.port === 0) this.#endLater(endOld);
    else await endOld();
    if (this.#isClosed) return;
    this.#base = this.#listen(tls);
    log.info("The certificate of {base} was renewed", { base: this.#base });
  }

  #endLater(end: () => void): void {
    const timer = setTimeout(() => {
      this.#retiring.delete(timer);
      end();
    }, TOKEN_LIFETIME_MS);
    this.#retiring.add(timer);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#retiring) clearTimeout(timer);
    const ends = [...this.#listeners.keys()].map((listener) => this.#end(listener));
    for (const wire of this.#wires) wire.close();
    await Promise.all(ends);
  }

  async #end(listener: Deno.Listener<Deno.Conn>): Promise<void> {
    const accepting = this.#listeners.get(listener);
    if (!this.#listeners.delete(listener)) return;
    listener.close();
    await accepting;
  }

  /** Where it is reached now. */
  #listen(tls: Certificate | undefined): string {
    const { hostname, port } = this.#address;
    let listener: Deno.Listener<Deno.Conn>;
    try {
      listener = tls === undefined
        ? Deno.listen({ hostname, port })
        : Deno.listenTls({ hostname, port, ...tls });
    } catch (error) {
      const where = hostname.includes(":") ? `[${hostname}]` : hostname;
      throw during(`Cannot serve exec, attach and port-forward on ${where}:${port}`, error);
    }
    this.#listeners.set(listener, this.#accept(listener));
    const bound = listener.addr;
    const boundPort = bound.transport === "tcp" ? bound.port : port;
    return `${tls === undefined ? "http" : "https"}://${urlHost(hostname)}:${boundPort}`;
  }

  async #accept(listener: Deno.Listener<Deno.Conn>): Promise<void> {
    do {
      try {
        const socket = await listener.accept();
        if (this.#wires.size >= MAX_CONNECTIONS) socket.close();
        else void this.#serve(socket);
      } catch (error) {
        if (!this.#listeners.has(listener)) return;
        // Too many open files, or a TLS handshake that failed.
        log.warn("A connection for a stream was not accepted: {error}", { error });
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
      }
    } while (this.#listeners.has(listener));
  }

  async #serve(socket: Deno.Conn): Promise<void> {
    if (isTcp(socket)) {
      socket.setNoDelay(true);
      // A client that vanished without a word is found out by the kernel.
      socket.setKeepAlive(true);
    }
    const wire = new ConnWire(socket, { idleMs: this.#idleMs });
    this.#wires.add(wire);
    try {
      await this.#serveWire(wire);
    } catch (error) {
      if (error instanceof ProtocolError) {
        log.debug("A stream's client sent {error}", { error: error.message });
      } else log.error("A stream broke off: {error}", { error });
    } finally {
      wire.close();
      this.#wires.delete(wire);
    }
  }

  async #serveWire(wire: ConnWire): Promise<void> {
    const head = await readHead(wire);
    if (head === undefined) return;
    const grant = this.#grantOf(head);
    if (grant === undefined) return await refuse(wire, 404, "This stream is unknown, used or over");
    const upgraded = upgrade(head, grant.kind);
    wire.send(upgraded.answer);
    if (upgraded.ok) return await grant.serve(wire, upgraded.spoken);
    grant.lost();
    await goodBye(wire);
  }

  #grantOf({ method, path }: RequestHead): Grant | undefined {
    const [, kind, token] = /^\/(exec|attach|portforward)\/([A-Za-z0-9_-]{1,64})$/.exec(path) ?? [];
    if (token === undefined || (method !== "GET" && method !== "POST")) return undefined;
    const grant = this.#tokens.use(token);
    return grant?.kind === kind ? grant : undefined;
  }
}

/** The request, when it comes in time and is one; what comes after it is left to be read. */
async function readHead(wire: ConnWire): Promise<RequestHead | undefined> {
  const timer = setTimeout(() => wire.close(), HEAD_TIMEOUT_MS);
  let bytes = new Uint8Array(0);
  try {
    for (let chunk = await wire.read(); chunk !== undefined; chunk = await wire.read()) {
      bytes = concat([bytes, chunk.slice()]);
      const end = headEnd(bytes);
      if (end !== undefined) {
        const head = parseHead(bytes.subarray(0, end));
        if (hasBody(head)) throw new ProtocolError("a request with a body");
        wire.unread(bytes.subarray(end));
        return head;
      }
      if (bytes.length > MAX_HEAD_BYTES) throw new ProtocolError("a request that is too long");
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    await refuse(wire, 400, `This is ${error.message}`);
  } finally {
    clearTimeout(timer);
  }
  return undefined;
}

async function refuse(wire: Wire, status: number, text: string): Promise<void> {
  wire.send(answer(status, [], `${text}\n`));
  await goodBye(wire);
}

/** Lets the client read the answer before its connection is closed. */
async function goodBye(wire: Wire): Promise<void> {
  await wire.end();
  while (await wire.read() !== undefined);
}

function isTcp(socket: Deno.Conn): socket is Deno.TcpConn {
  return "setNoDelay" in socket;
}

interface Address {
  readonly hostname: string;
  readonly port: number;
}

function addressOf(address: string): Address {
  const at = address.lastIndexOf(":");
  const hostname = address.slice(0, at).replace(/^\[|\]$/g, "") || "0.0.0.0";
  return { hostname, port: Number(address.slice(at + 1)) };
}

/** What clients know a server on this address by, for its certificate. */
export function hostsOf(address: string): string[] {
  const host = urlHost(addressOf(address).hostname).replace(/^\[|\]$/g, "");
  return [...new Set([host, "localhost", "127.0.0.1", "::1"])];
}

/** The kubelet runs on this node: every interface is reached by the loopback one. */
function urlHost(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  if (hostname === "::") return "[::1]";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
