/**
 * The kernel in memory, for the server's side (namespaces, mounts, files) and for the io side
 * (FIFOs, appended files). Any call can be made to fail before or after its work.
 */
import { CriError, notFound } from "../../src/base/errors.ts";
import type { Device } from "../../src/linux/devices.ts";
import type { Linux } from "../../src/linux/linux.ts";
import type { LinuxIo } from "../../src/linux/linux_io.ts";
import type { ReadyListener } from "../../src/linux/poller.ts";
import type { FileSystemSpace } from "../../src/linux/statfs.ts";

export interface FakeMount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

const GIB = 1024n ** 3n;

/** A node's kernel. What its calls leave behind is in {@link netns} and {@link mounts}. */
export class FakeLinux implements Linux {
  readonly netns = new Set<string>();
  readonly mounts: FakeMount[] = [];
  /** Files by path: those of /proc, and those of images under their mount's root. */
  readonly files = new Map<string, string>();
  readonly nodes: Device[] = [];
  capabilities = new Set(["CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SYS_RESOURCE"]);
  space: FileSystemSpace = {
    totalBytes: 100n * GIB,
    freeBytes: 50n * GIB,
    availableBytes: 45n * GIB,
    inodes: 1_000_000n,
    freeInodes: 900_000n,
  };
  /** Names of the calls made, in order. */
  readonly calls: string[] = [];
  /** Throws to make a call fail before its work. */
  before: (call: string) => void = () => {};
  /** Throws to make a call fail though its work is done. */
  after: (call: string) => void = () => {};

  /** What a finished test must not leave. */
  leftovers(): string[] {
    return [
      ...[...this.netns].map((path) => `netns ${path}`),
      ...this.mounts.map((mount) => `mount ${mount.target}`),
    ];
  }

  pinNetns(path: string): void {
    this.#call("pinNetns", () => {
      if (this.netns.has(path)) throw new CriError("alreadyExists", `${path} exists already`);
      this.netns.add(path);
    });
  }

  pinNetnsOf(_pid: number, path: string): void {
    this.pinNetns(path);
  }

  unpinNetns(path: string): void {
    this.#call("unpinNetns", () => this.netns.delete(path));
  }

  isNetns(path: string): boolean {
    return this.netns.has(path);
  }

  socketName(): undefined {}

  closeSockets(): void {}

  socketsIn(): never {
    throw new CriError("unimplemented", "The fake has no sockets");
  }

  mountTmpfs(...[target, options = {}]: Parameters<Linux["mountTmpfs"]>): void {
    this.#call("mountTmpfs", () => {
      const size = options.sizeBytes === undefined ? [] : [`size=${options.sizeBytes}`];
      this.mounts.push({ type: "tmpfs", source: "tmpfs", target, options: size });
    });
  }

  bindMount(...[source, target, options]: Parameters<Linux["bindMount"]>): void {
    this.#call("bindMount", () => {
      const flags = [options?.recursive ? "rbind" : "bind", ...(options?.readonly ? ["ro"] : [])];
      this.mounts.push({ type: "bind", source, target, options: flags });
    });
  }

  mountAll(...[mounts, target]: Parameters<Linux["mountAll"]>): void {
    this.#call("mountAll", () => {
      for (const mount of mounts) this.mounts.push({ ...mount, target });
    });
  }

  unmount(path: string): void {
    this.#call("unmount", () => {
      const left = this.mounts.filter((mount) => mount.target !== path);
      this.mounts.splice(0, this.mounts.length, ...left);
    });
  }

  mountsUnder(prefix: string): string[] {
    const targets = this.mounts.map((mount) => mount.target);
    return targets.filter((path) => path === prefix || path.startsWith(`${prefix}/`)).sort();
  }

  statfs(): FileSystemSpace {
    return this.space;
  }

  effectiveCapabilities(): Set<string> {
    return new Set(this.capabilities);
  }

  readFile(path: string): string {
    const text = this.files.get(path);
    if (text === undefined) throw notFound("file", path);
    return text;
  }

  readFileIfAny(path: string): string | undefined {
    return this.files.get(path);
  }

  readonly readBytesIfAny = (path: string) => encoder.encode(this.files.get(path));

  datagramSocket(): number {
    return 99;
  }

  readonly openFilesOf = (): undefined => undefined;

  listFolder(path: string): string[] {
    const below = [...this.files.keys()].filter((file) => file.startsWith(`${path}/`));
    return [...new Set(below.map((file) => file.slice(path.length + 1).split("/")[0] ?? ""))];
  }

  readInRoot(root: string, path: string): Promise<string | undefined> {
    const name = `${root}${path}`;
    return Promise.try(() => this.#call("readInRoot", () => this.files.get(name)));
  }

  /** The fake has no links. */
  findInRoot(root: string, path: string): string {
    return `${root}${path}`;
  }

  resolveHostPath(path: string): Promise<string> {
    return Promise.resolve(path);
  }

  makeLink(): never {
    throw new CriError("unimplemented", "The fake has no links");
  }

  sharingAt(_path: string): "shared" {
    return "shared";
  }

  devicesAt(path: string): Device[] {
    return this.nodes.filter((node) => node.path === path || node.path.startsWith(`${path}/`));
  }

  /** Nothing is started here that could inherit something. */
  keepSocketsFromPrograms(): void {}

  /** Cgroups and runtimes' records go with the tasks of the fake containerd. */
  removeCgroup(_path: string): Promise<void> {
    return Promise.resolve();
  }

  removeFiles(_folder: string): void {}

  /** Shims are containerd's, which has none that it doesn't know. */
  endOrphanedShims(_address: string): string[] {
    return [];
  }

  devices(): Device[] {
    return [...this.nodes];
  }

  #call<T>(name: string, work: () => T): T {
    this.calls.push(name);
    this.before(name);
    const result = work();
    this.after(name);
    return result;
  }
}

interface FakeFifo {
  readonly chunks: Uint8Array[];
  writers: number;
}

interface FakeReader {
  readonly fifo: FakeFifo;
  listener?: ReadyListener;
  isArmed: boolean;
  /** A hangup is only told to who was there when a writer was. */
  sawWriter: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** FIFOs and appended files in memory, with a disk that can be full. */
export class FakeLinuxIo implements LinuxIo {
  readonly fifos = new Map<string, FakeFifo>();
  /** What was appended, by path; a renamed file goes on under its new name. */
  readonly files = new Map<string, { text: string }>();
  timeNs = 1_700_000_000_000_000_000n;
  /** Bytes that the disk still takes; what is over is ENOSPC. */
  freeBytes = Infinity;
  readonly #readers = new Map<number, FakeReader>();
  readonly #writers = new Map<number, FakeFifo>();
  readonly #appending = new Map<number, { text: string }>();
  #lastFd = 100;

  /** Numbers of the files that are open. */
  get openFds(): number[] {
    return [...this.#readers.keys(), ...this.#appending.keys()];
  }

  /** A shim opens, writes to and closes its ends. */
  openWriter(path: string): void {
    const fifo = this.#fifo(path);
    fifo.writers++;
    for (const reader of this.#readersOf(fifo)) reader.sawWriter = true;
  }

  write(path: string, text: string): void {
    this.#fifo(path).chunks.push(encoder.encode(text));
    this.#notify(this.#fifo(path));
  }

  closeWriter(path: string): void {
    this.#fifo(path).writers--;
    this.#notify(this.#fifo(path));
  }

  /** As the kubelet rotates a log. */
  rename(from: string, to: string): void {
    const file = this.files.get(from);
    if (file !== undefined) this.files.set(to, file);
    this.files.delete(from);
  }

  text(path: string): string {
    return this.files.get(path)?.text ?? "";
  }

  makeFifo(path: string): void {
    if (this.fifos.has(path)) throw new CriError("alreadyExists", `${path} exists already`);
    this.fifos.set(path, { chunks: [], writers: 0 });
  }

  openFifoForRead(path: string): number {
    const fifo = this.#fifo(path);
    const fd = ++this.#lastFd;
    this.#readers.set(fd, { fifo, isArmed: false, sawWriter: fifo.writers > 0 });
    return fd;
  }

  openFifoForWrite(path: string): number {
    this.openWriter(path);
    this.#writers.set(++this.#lastFd, this.#fifo(path));
    return this.#lastFd;
  }

  readFifo(fd: number, into: Uint8Array<ArrayBuffer>): number | "later" {
    const fifo = this.#readers.get(fd)?.fifo;
    if (fifo === undefined) throw new CriError("internal", `${fd} is not open`);
    const chunk = fifo.chunks.shift();
    if (chunk === undefined) return fifo.writers > 0 ? "later" : 0;
    const part = chunk.subarray(0, into.length);
    into.set(part);
    if (part.length < chunk.length) fifo.chunks.unshift(chunk.subarray(part.length));
    return part.length;
  }

  /** Reads of sockets and what else concerns them: see the tests on real ones. */
  duplicate(): never {
    throw new CriError("unimplemented", "The fake has no sockets");
  }

  connectLoopback(): never {
    throw new CriError("unimplemented", "The fake has no sockets");
  }

  connectOutcome(): never {
    throw new CriError("unimplemented", "The fake has no sockets");
  }

  readSocket(): never {
    throw new CriError("unimplemented", "The fake has no sockets");
  }

  endSocket(): void {}

  watchWritable(): void {}

  /** Only what {@link openFifoForWrite} opened is written to. */
  writeFd(fd: number, bytes: Uint8Array<ArrayBuffer>): number | "gone" {
    const fifo = this.#writers.get(fd);
    if (fifo === undefined) return "gone";
    fifo.chunks.push(bytes.slice());
    this.#notify(fifo);
    return bytes.length;
  }

  closeLeftOpen(): void {}

  openForAppend(target: Parameters<LinuxIo["openForAppend"]>[0]): number {
    if (this.freeBytes === 0) throw new CriError("resourceExhausted", "no space left");
    const path = [target.root, ...target.names].join("/");
    const file = this.files.get(path) ?? { text: "" };
    this.files.set(path, file);
    this.#appending.set(++this.#lastFd, file);
    return this.#lastFd;
  }

  append(fd: number, bytes: Uint8Array<ArrayBuffer>): ReturnType<LinuxIo["append"]> {
    const file = this.#appending.get(fd);
    if (file === undefined) throw new CriError("internal", `${fd} is not open`);
    const taken = bytes.slice(0, Math.min(this.freeBytes, bytes.length));
    this.freeBytes -= taken.length;
    file.text += decoder.decode(taken);
    const isWhole = taken.length === bytes.length;
    const lastByte = isWhole ? -1 : taken.at(-1) ?? -1;
    return Promise.resolve({ bytes: taken.length, errno: isWhole ? 0 : 28, lastByte });
  }

  closeFd(fd: number): void {
    this.#readers.delete(fd);
    this.#appending.delete(fd);
  }

  watch(fd: number, listener: ReadyListener): void {
    const reader = this.#readers.get(fd);
    if (reader !== undefined) reader.listener = listener;
    this.watchAgain(fd);
  }

  watchAgain(fd: number): void {
    const reader = this.#readers.get(fd);
    if (reader === undefined) return;
    reader.isArmed = true;
    this.#tell(reader);
  }

  unwatch(fd: number): void {
    delete this.#readers.get(fd)?.listener;
  }

  connectDatagram(): boolean {
    return false;
  }

  sendDatagram(): "lost" {
    return "lost";
  }

  nowNs(): bigint {
    return this.timeNs;
  }

  errnoText(errno: number): string {
    return `errno ${errno}`;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #fifo(path: string): FakeFifo {
    const fifo = this.fifos.get(path);
    if (fifo === undefined) throw notFound("FIFO", path);
    return fifo;
  }

  #readersOf(fifo: FakeFifo): FakeReader[] {
    return [...this.#readers.values()].filter((reader) => reader.fifo === fifo);
  }

  #notify(fifo: FakeFifo): void {
    for (const reader of this.#readersOf(fifo)) this.#tell(reader);
  }

  #tell(reader: FakeReader): void {
    const hangup = reader.fifo.writers === 0 && reader.sawWriter;
    if (!reader.isArmed || (reader.fifo.chunks.length === 0 && !hangup)) return;
    reader.isArmed = false;
    queueMicrotask(() => reader.listener?.({ hangup }));
  }
}
