/** One connection of a port-forward, on the client's side, whichever protocol it speaks. */

export interface ForwardChannel {
  readonly port: number;
  /** What the client sends next; undefined when it sends no more, or has given up. */
  take(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Takes no more: what comes is dropped. */
  refuse(): void;
  /** Whether the client has given the connection up, and wants nothing more from it. */
  readonly isReset: boolean;
  /** Resolves when it has. */
  readonly wasReset: Promise<void>;
  /** Queues bytes, which are copied; false: wait for {@link drained} before the next. */
  send(chunk: Uint8Array): boolean;
  drained(): Promise<void>;
  /** Nothing more comes from the pod. */
  end(): void;
  /** Everything is over, and went well unless there is a message. */
  finish(message?: string): void;
  /** The connection broke in the pod: it is given up, and no other of the same client. */
  reset(): void;
}
