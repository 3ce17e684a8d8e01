/**
 * The one place that opens a foreign library.
 *
 * 1. Calls that aren't marked nonblocking run on this Worker's own thread, which is what namespaces
 *    are a property of and where errno lies.
 * 2. Memory that a nonblocking call works on must be libc's own (`malloc`): what belongs to this
 *    isolate is gone when the Worker is ended in the middle of the call.
 */
import { CriError, invalidArgument } from "../base/errors.ts";
import { linuxError } from "./errno.ts";
import type { IO_SYMBOLS, LABEL_SYMBOLS, SERVER_SYMBOLS } from "./symbols.ts";

/**
 * Where the C library lies, by distribution and architecture. Deno for Linux is built for glibc, and
 * no other libc can be loaded into the same process.
 */
export const LIBC_PATHS = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
  "/usr/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
  "/lib/libc.so.6",
] as const;

type Calls<S extends Deno.ForeignLibraryInterface> = Deno.DynamicLibrary<S>["symbols"];

export type ServerLibc = Calls<typeof SERVER_SYMBOLS>;
export type IoLibc = Calls<typeof IO_SYMBOLS>;
export type LabelLibc = Calls<typeof LABEL_SYMBOLS>;
/** What all of them have. */
export type CommonLibc = Pick<ServerLibc, keyof ServerLibc & keyof IoLibc & keyof LabelLibc>;

/**
 * Opens libc with these symbols and no others.
 *
 * @throws CriError failedPrecondition when no libc is found or one lacks a symbol
 */
export function openLibc<S extends Deno.ForeignLibraryInterface>(symbols: S): Calls<S> {
  const problems: string[] = [];
  for (const path of LIBC_PATHS) {
    try {
      return Deno.dlopen(path, symbols).symbols;
    } catch (error) {
      problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new CriError("failedPrecondition", `Cannot open the C library: ${problems.join("; ")}`, {
    remedy: "the daemon needs glibc 2.28 or newer on x86-64 or arm64",
  });
}

/** Gives up the right to open libraries; what is open goes on working. */
export function revokeFfi(): void {
  const { state } = Deno.permissions.revokeSync({ name: "ffi" });
  if (state === "granted") {
    throw new CriError("internal", "The permission for foreign libraries could not be given up");
  }
}

/** The error number of this thread's last failed call. Read it before any other call. */
export function errnoOf(libc: CommonLibc): number {
  const number = new Int32Array(1);
  libc.copyOut(number, libc.__errno_location(), 4n);
  return number[0] ?? 0;
}

/** @throws CriError with what was being done, when a call answered -1 */
export function check<T extends number | bigint>(libc: CommonLibc, result: T, action: string): T {
  if (result < 0) throw linuxError(action, errnoOf(libc));
  return result;
}

const encoder = new TextEncoder();

/** @throws CriError invalidArgument for a text with a NUL in it, which C would cut off there */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw invalidArgument("path", "it has a NUL character in it");
  return encoder.encode(`${text}\0`);
}
