/** Clients of port-forward: connections over SPDY, bare or tunnelled through a WebSocket. */
import { type ClientStream, SpdyClient } from "./spdy_client.ts";

/** One connection into a pod. */
export interface Forwarded {
  readonly data: ClientStream;
  readonly error: ClientStream;
}

export class ForwardClient {
  readonly spdy: SpdyClient;
  #lastRequest = 0;

  private constructor(spdy: SpdyClient) {
    this.spdy = spdy;
  }

  static async connect(url: string): Promise<ForwardClient> {
    return new ForwardClient(await SpdyClient.connect(url, ["portforward.k8s.io"]));
  }

  /** Opens a connection as clients of Kubernetes do: the error stream first. */
  async open(port: number): Promise<Forwarded> {
    const common = { port: String(port), requestID: String(this.#lastRequest++) };
    const error = await this.spdy.open({ streamType: "error", ...common }, true);
    const data = await this.spdy.open({ streamType: "data", ...common });
    return { data, error };
  }

  close(): void {
    this.spdy.close();
  }
}
