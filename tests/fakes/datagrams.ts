/** Somebody who receives datagrams, and can be away or behind. */
import type { Sent } from "../../src/linux/datagrams.ts";

export class FakeDatagrams {
  readonly received: Uint8Array[] = [];
  /** What becomes of what is sent now. */
  state: Sent = "sent";

  connectDatagram(): boolean {
    return this.state !== "lost";
  }

  sendDatagram(_fd: number, bytes: Uint8Array): Sent {
    if (this.state === "sent") this.received.push(bytes.slice());
    return this.state;
  }
}
