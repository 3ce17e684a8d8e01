/** What the io compartment does for processes' streams, as the server compartment calls it. */
import type { StdioPaths } from "../logs/service.ts";

/** FIFOs of a process that runs beside a container's own. */
export interface ExecStdioOptions {
  containerId: string;
  execId: string;
  /** A terminal has one stream: stderr stays "". */
  terminal: boolean;
  /** Whether a FIFO for stdin is made; else stdin stays "". */
  stdin: boolean;
}

/** All that a process wrote, as far as it was kept. */
export interface Captured {
  stdout: Uint8Array<ArrayBuffer>;
  stderr: Uint8Array<ArrayBuffer>;
  /** False when somebody still held the streams open when the time was up. */
  isComplete: boolean;
  /** True when more was written than is kept. */
  isCut: boolean;
}

/** Collects the output of processes that nobody watches: ExecSync. */
export interface CaptureService {
  /** Makes the FIFOs and begins to read; `maxBytes` are kept of both streams together. */
  openCapture(o: ExecStdioOptions & { maxBytes: number }): Promise<StdioPaths>;
  /** The shim has opened the FIFOs (the process has started): from now on an end is an end. */
  captureAttached(o: { execId: string }): Promise<void>;
  /**
   * The process has ended: waits until its streams are at their end, nothing came for `quietMs`, or
   * `drainMs` have passed; what was collected is handed out once.
   */
  captured(o: { execId: string; quietMs: number; drainMs: number }): Promise<Captured>;
  /** Stops reading and removes the FIFOs. Idempotent. */
  closeCapture(o: { execId: string }): Promise<void>;
}
