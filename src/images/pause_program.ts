/**
 * The program of the built-in pause image, assembled here: a static ELF of a few hundred bytes for
 * each architecture. As the first process of a pod it holds the namespaces, reaps what is left to
 * it, and ends on SIGTERM and SIGINT. It is this, in C:
 *
 *     sigprocmask(SIG_BLOCK, &set, NULL);            // a blocked signal is queued even for PID 1
 *     for (;;)
 *       switch (sigtimedwait(&set, NULL, NULL)) {
 *         case SIGINT: case SIGTERM: exit(0);
 *         case SIGCHLD: while (wait4(-1, NULL, WNOHANG, NULL) > 0);
 *       }
 */

export type PauseArchitecture = "amd64" | "arm64";

const SIGINT = 2;
const SIGTERM = 15;
const SIGCHLD = 17;

/** The kernel's signal set: bit n-1 for signal n, in 8 bytes. */
const SIGNAL_SET = (1n << BigInt(SIGINT - 1)) | (1n << BigInt(SIGTERM - 1)) |
  (1n << BigInt(SIGCHLD - 1));
const SIGNAL_SET_BYTES = 8;

const SIG_BLOCK = 0;
const WNOHANG = 1;
const ANY_CHILD = -1;

/** Code under construction: words or bytes, and places that jumps refer to. */
class Assembler {
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #fixups: { at: number; label: string; patch: (distance: number) => number[] }[] = [];

  get here(): number {
    return this.#bytes.length;
  }

  emit(...bytes: number[]): void {
    this.#bytes.push(...bytes.map((byte) => byte & 0xff));
  }

  /** Emits a little-endian 32-bit word. */
  word(value: number): void {
    this.emit(...little(value, 4));
  }

  label(name: string): void {
    this.#labels.set(name, this.here);
  }

  /** Leaves room for bytes that depend on how far a label is from `base`, which is set later. */
  refer(label: string, size: number, patch: (distance: number) => number[], base: number): void {
    this.#fixups.push({
      at: this.here,
      label,
      patch: (target) => patch(target - base),
    });
    this.emit(...new Array<number>(size).fill(0));
  }

  finish(): Uint8Array {
    for (const { at, label, patch } of this.#fixups) {
      const target = this.#labels.get(label);
      if (target === undefined) throw new Error(`no label ${label}`);
      patch(target).forEach((byte, index) => this.#bytes[at + index] = byte & 0xff);
    }
    return Uint8Array.from(this.#bytes);
  }
}

function little(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, index) => (value >> (8 * index)) & 0xff);
}

/** The code for x86-64 (System V calling convention of system calls: rax, rdi, rsi, rdx, r10). */
function amd64(): Uint8Array {
  const a = new Assembler();
  // mov r32, imm32; the upper half of the register becomes zero.
  const moveEax = (value: number) => a.emit(0xb8, ...little(value, 4));
  const moveEdi = (value: number) => a.emit(0xbf, ...little(value, 4));
  const moveEdx = (value: number) => a.emit(0xba, ...little(value, 4));
  const moveR10 = (value: number) => a.emit(0x41, 0xba, ...little(value, 4));
  const clearEsi = () => a.emit(0x31, 0xf6); // xor esi, esi
  const clearEdx = () => a.emit(0x31, 0xd2); // xor edx, edx
  const syscall = () => a.emit(0x0f, 0x05);
  // lea r64, [rip + distance]: the distance counts from the end of the instruction.
  const address = (modrm: number, label: string) => {
    a.emit(0x48, 0x8d, modrm);
    a.refer(label, 4, (distance) => little(distance, 4), a.here + 4);
  };
  const compareEax = (value: number) => a.emit(0x83, 0xf8, value); // cmp eax, imm8
  // Short jumps: one byte of opcode, one of distance.
  const jump = (opcode: number, label: string) => {
    a.emit(opcode);
    a.refer(label, 1, (distance) => little(distance, 1), a.here + 1);
  };
  const [IF_EQUAL, UNLESS_EQUAL, IF_GREATER, ALWAYS] = [0x74, 0x75, 0x7f, 0xeb] as const;
  const [RSI, RDI] = [0x35, 0x3d] as const;

  moveEax(14); // rt_sigprocmask
  moveEdi(SIG_BLOCK);
  address(RSI, "set");
  clearEdx();
  moveR10(SIGNAL_SET_BYTES);
  syscall();
  a.label("wait");
  moveEax(128); // rt_sigtimedwait
  address(RDI, "set");
  clearEsi();
  clearEdx();
  moveR10(SIGNAL_SET_BYTES);
  syscall();
  compareEax(SIGINT);
  jump(IF_EQUAL, "exit");
  compareEax(SIGTERM);
  jump(IF_EQUAL, "exit");
  compareEax(SIGCHLD);
  jump(UNLESS_EQUAL, "wait");
  a.label("reap");
  moveEax(61); // wait4
  moveEdi(ANY_CHILD);
  clearEsi();
  moveEdx(WNOHANG);
  moveR10(0);
  syscall();
  a.emit(0x85, 0xc0); // test eax, eax
  jump(IF_GREATER, "reap");
  jump(ALWAYS, "wait");
  a.label("exit");
  moveEax(60); // exit
  moveEdi(0);
  syscall();
  return withSignalSet(a);
}

/** The code for arm64 (number in x8, arguments in x0 to x3). */
function arm64(): Uint8Array {
  const a = new Assembler();
  const move = (register: number, value: number) => a.word(0xd2800000 | (value << 5) | register); // movz
  const moveMinusOne = (register: number) => a.word(0x92800000 | register); // movn xN, #0
  const syscall = () => a.word(0xd4000001); // svc #0
  const address = (register: number, label: string) =>
    a.refer(
      label,
      4,
      (distance) =>
        little(
          0x10000000 | ((distance & 3) << 29) | (((distance >> 2) & 0x7ffff) << 5) | register,
          4,
        ), // adr
      a.here,
    );
  const compareX0 = (value: number) => a.word(0xf100001f | (value << 10)); // cmp x0, #imm
  const jumpIf = (condition: number, label: string) =>
    a.refer(
      label,
      4,
      (distance) => little(0x54000000 | (((distance >> 2) & 0x7ffff) << 5) | condition, 4), // b.cond
      a.here,
    );
  const jump = (label: string) =>
    a.refer(label, 4, (distance) => little(0x14000000 | ((distance >> 2) & 0x3ffffff), 4), a.here); // b
  const [EQUAL, NOT_EQUAL, GREATER] = [0x0, 0x1, 0xc] as const;

  move(8, 135); // rt_sigprocmask
  move(0, SIG_BLOCK);
  address(1, "set");
  move(2, 0);
  move(3, SIGNAL_SET_BYTES);
  syscall();
  a.label("wait");
  move(8, 137); // rt_sigtimedwait
  address(0, "set");
  move(1, 0);
  move(2, 0);
  move(3, SIGNAL_SET_BYTES);
  syscall();
  compareX0(SIGINT);
  jumpIf(EQUAL, "exit");
  compareX0(SIGTERM);
  jumpIf(EQUAL, "exit");
  compareX0(SIGCHLD);
  jumpIf(NOT_EQUAL, "wait");
  a.label("reap");
  move(8, 260); // wait4
  moveMinusOne(0);
  move(1, 0);
  move(2, WNOHANG);
  move(3, 0);
  syscall();
  compareX0(0);
  jumpIf(GREATER, "reap");
  jump("wait");
  a.label("exit");
  move(8, 93); // exit
  move(0, 0);
  syscall();
  return withSignalSet(a);
}

function withSignalSet(a: Assembler): Uint8Array {
  while (a.here % SIGNAL_SET_BYTES !== 0) a.emit(0);
  a.label("set");
  const bytes = new Uint8Array(SIGNAL_SET_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, SIGNAL_SET, true);
  a.emit(...bytes);
  return a.finish();
}

const EM_X86_64 = 62;
const EM_AARCH64 = 183;
const LOAD_ADDRESS = 0x400000n;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;

/** The executable: an ELF header, one segment to be loaded, the code (ELF-64 object file format). */
export function pauseProgram(architecture: PauseArchitecture): Uint8Array {
  const code = architecture === "amd64" ? amd64() : arm64();
  const headers = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;
  const file = new Uint8Array(headers + code.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // 64 bits, little endian, version 1
  view.setUint16(16, 2, true); // an executable with fixed addresses
  view.setUint16(18, architecture === "amd64" ? EM_X86_64 : EM_AARCH64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, LOAD_ADDRESS + BigInt(headers), true); // entry
  view.setBigUint64(32, BigInt(ELF_HEADER_BYTES), true); // program headers
  view.setUint16(52, ELF_HEADER_BYTES, true);
  view.setUint16(54, PROGRAM_HEADER_BYTES, true);
  view.setUint16(56, 1, true); // one of them
  view.setUint32(64, 1, true); // PT_LOAD
  view.setUint32(68, 5, true); // readable and executable
  view.setBigUint64(80, LOAD_ADDRESS, true);
  view.setBigUint64(88, LOAD_ADDRESS, true);
  view.setBigUint64(96, BigInt(file.length), true);
  view.setBigUint64(104, BigInt(file.length), true);
  view.setBigUint64(112, 0x10000n, true); // aligned to the largest pages of arm64
  file.set(code, headers);
  return file;
}
