/** The FIFOs of a container, in a folder of their own. */
import { isKind } from "../base/errors.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { LogOptions, StdioPaths } from "./service.ts";

const FOLDER_MODE = 0o700;
const FIFO_MODE = 0o600;

/** The paths of a container's FIFOs; a terminal's error output is its output. */
export function stdioPaths({ dir, stdin, terminal }: LogOptions): StdioPaths {
  return {
    stdin: stdin ? `${dir}/stdin` : "",
    stdout: `${dir}/stdout`,
    stderr: terminal ? "" : `${dir}/stderr`,
  };
}

/** Makes the FIFOs afresh: what a start that failed has left is of no use to anybody. */
export function makeStdio(io: LinuxIo, options: LogOptions): StdioPaths {
  removeStdio(options.dir);
  const paths = stdioPaths(options);
  // The write end of stdin is opened by the first one that attaches to the container.
  makeFifos(io, options.dir, paths);
  return paths;
}

/**
 * Makes a folder and the FIFOs in it. Here and now: it is in memory, and to ask another thread takes
 * many times as long.
 */
export function makeFifos(io: LinuxIo, dir: string, paths: StdioPaths): void {
  Deno.mkdirSync(dir, { recursive: true, mode: FOLDER_MODE });
  for (const path of Object.values(paths)) {
    if (path !== "") io.makeFifo(path, FIFO_MODE);
  }
}

/** Removes the folder with its FIFOs; gone is done. */
export function removeStdio(dir: string): void {
  try {
    Deno.removeSync(dir, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Opens a read end; undefined when the FIFO is gone, and with it the stream. */
export function openStream(io: LinuxIo, path: string): number | undefined {
  try {
    return io.openFifoForRead(path);
  } catch (error) {
    if (isKind(error, "notFound")) return undefined;
    throw error;
  }
}
