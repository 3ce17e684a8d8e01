/**
 * Containers' output in journald, beside their log files, which stay what is complete: a journal that
 * can't keep up holds nothing up, and what it misses is counted.
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
 */
import { concat } from "../base/concat.ts";
import { logger } from "../base/log.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { LogCounters } from "./counters.ts";
import type { StreamName } from "./format.ts";
import { Output } from "./output.ts";
import type { Tap } from "./tap.ts";

const log = logger("logs");

const NEWLINE = 10;
/** syslog's severities, as journald shows them. */
const PRIORITIES: Readonly<Record<StreamName, number>> = { stdout: 6, stderr: 3 };

const encoder = new TextEncoder();

/** Where the output of one container goes, and under which names. */
export interface JournalOptions {
  /** A datagram socket; it is everybody's, and stays open. */
  fd: number;
  containerId: string;
  container: string;
  pod: string;
  namespace: string;
}

export interface JournalDeps {
  readonly io: Pick<LinuxIo, "connectDatagram" | "sendDatagram">;
  readonly counters: LogCounters;
  /** The socket of journald. */
  readonly path: string;
}

/** Sends datagrams to journald, and connects again when it was restarted. */
export class Journal {
  readonly #deps: JournalDeps;
  #isConnected = false;
  #isLost = false;

  constructor(deps: JournalDeps) {
    this.#deps = deps;
  }

  send(fd: number, bytes: Uint8Array<ArrayBuffer>): void {
    const { io, path, counters } = this.#deps;
    if (!this.#isConnected) this.#isConnected = io.connectDatagram(fd, path);
    let sent = this.#isConnected ? io.sendDatagram(fd, bytes) : "lost";
    if (sent === "lost" && this.#isConnected) {
      this.#isConnected = io.connectDatagram(fd, path);
      if (this.#isConnected) sent = io.sendDatagram(fd, bytes);
    }
    if (sent !== "sent") counters.journalLostLines++;
    this.#tell(sent === "lost");
  }

  #tell(isLost: boolean): void {
    if (isLost === this.#isLost) return;
    this.#isLost = isLost;
    const { path } = this.#deps;
    if (isLost) log.warn("Nobody reads containers' output at {path}; log files go on", { path });
    else log.info("Containers' output goes to {path} again", { path });
  }
}

/** The lines of one container, each a message of its own. */
export class JournalTap implements Tap {
  readonly #journal: Journal;
  readonly #fd: number;
  readonly #maxLineBytes: number;
  readonly #heads: Readonly<Record<StreamName, Uint8Array>>;
  /** What has come of a line whose end hasn't, by stream. */
  readonly #rests = new Map<StreamName, Uint8Array>();
  readonly #message = new Output();

  constructor(journal: Journal, options: JournalOptions, maxLineBytes: number) {
    this.#journal = journal;
    this.#fd = options.fd;
    this.#maxLineBytes = maxLineBytes;
    this.#heads = { stdout: headOf(options, "stdout"), stderr: headOf(options, "stderr") };
  }

  take(stream: StreamName, chunk: Uint8Array): undefined {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#line(stream, chunk.subarray(from, end), false);
      from = end + 1;
    }
    this.#keep(stream, chunk.subarray(from));
  }

  /** The streams are at their end: lines without one are sent as they are. */
  end(): void {
    for (const [stream, rest] of this.#rests) {
      this.#rests.delete(stream);
      if (rest.length > 0) this.#send(stream, rest, true);
    }
  }

  #keep(stream: StreamName, part: Uint8Array): void {
    const rest = joined(this.#rests.get(stream), part);
    let from = 0;
    while (rest.length - from > this.#maxLineBytes) {
      this.#send(stream, rest.subarray(from, from + this.#maxLineBytes), true);
      from += this.#maxLineBytes;
    }
    this.#rests.set(stream, rest.slice(from));
  }

  #line(stream: StreamName, part: Uint8Array, isPartial: boolean): void {
    const rest = this.#rests.get(stream);
    this.#rests.delete(stream);
    let line = joined(rest, part);
    while (line.length > this.#maxLineBytes) {
      this.#send(stream, line.subarray(0, this.#maxLineBytes), true);
      line = line.subarray(this.#maxLineBytes);
    }
    this.#send(stream, line, isPartial);
  }

  /** The form with a length, in which a field may have any bytes. */
  #send(stream: StreamName, content: Uint8Array, isPartial: boolean): void {
    const message = this.#message;
    const head = this.#heads[stream];
    message.clear();
    message.reserve(head.length + PARTIAL.length + NAME.length + 9 + content.length);
    message.append(head, 0, head.length);
    if (isPartial) message.append(PARTIAL, 0, PARTIAL.length);
    message.append(NAME, 0, NAME.length);
    for (let shift = 0, size = content.length; shift < 8; shift++, size = Math.floor(size / 256)) {
      message.appendByte(size & 0xff);
    }
    message.append(content, 0, content.length);
    message.appendByte(NEWLINE);
    this.#journal.send(this.#fd, message.bytes);
  }
}

const NAME = encoder.encode("MESSAGE\n");
const PARTIAL = encoder.encode("CONTAINER_PARTIAL_MESSAGE=true\n");

function headOf(o: JournalOptions, stream: StreamName): Uint8Array {
  const fields = [
    ["PRIORITY", String(PRIORITIES[stream])],
    ["SYSLOG_IDENTIFIER", o.container],
    ["CONTAINER_ID", o.containerId.slice(0, 12)],
    ["CONTAINER_ID_FULL", o.containerId],
    ["CONTAINER_NAME", o.container],
    ["K8S_POD_NAME", o.pod],
    ["K8S_NAMESPACE_NAME", o.namespace],
    ["K8S_CONTAINER_NAME", o.container],
  ];
  // Names are checked by the kubelet, other clients may send what they like.
  return encoder.encode(
    fields.map(([key, value]) => `${key}=${value?.replaceAll("\n", " ")}\n`).join(""),
  );
}

function joined(first: Uint8Array | undefined, second: Uint8Array): Uint8Array {
  if (first === undefined || first.length === 0) return second;
  return concat([first, second]);
}
