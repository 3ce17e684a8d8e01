/** Writes small tar archives: the layer of the built-in image. Reading is archive.ts. */

export interface TarFile {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

const BLOCK = 512;

/** A ustar archive of plain files, owned by root, without times: the same input, the same bytes. */
export function packTar(files: readonly TarFile[]): Uint8Array {
  const blocks = files.flatMap(({ path, mode, bytes }) => [
    header(path, mode, bytes.length),
    padded(bytes),
  ]);
  blocks.push(new Uint8Array(2 * BLOCK));
  const archive = new Uint8Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    archive.set(block, at);
    at += block.length;
  }
  return archive;
}

/** The header of one file (POSIX.1-1988 ustar). */
function header(path: string, mode: number, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const text = (at: number, value: string) => block.set(new TextEncoder().encode(value), at);
  const octal = (at: number, value: number, digits: number) =>
    text(at, value.toString(8).padStart(digits, "0"));
  if (path.length > 100) throw new Error(`${path} is too long for a plain header`);
  text(0, path);
  octal(100, mode, 7);
  octal(108, 0, 7);
  octal(116, 0, 7);
  octal(124, size, 11);
  octal(136, 0, 11);
  text(148, "        "); // stands in the checksum's place while it is computed
  text(156, "0");
  text(257, "ustar\0" + "00");
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  text(148, `${checksum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

function padded(bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK);
  block.set(bytes);
  return block;
}
