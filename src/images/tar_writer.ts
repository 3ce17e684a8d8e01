/** Writing a tar archive file by file, without holding any of them: ustar, sizes beyond 8 GiB too. */
import { CriError } from "../base/errors.ts";

const BLOCK = 512;
const MAX_NAME_BYTES = 100;
const MAX_PREFIX_BYTES = 155;
/** The largest size that eleven octal digits hold; beyond it the field is binary, as GNU has it. */
const MAX_OCTAL_SIZE = 8 ** 11 - 1;

/** A regular file; `sizeBytes` is needed where the body isn't in memory. All times are the epoch. */
export async function* tarFile(
  path: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  sizeBytes: number = body instanceof Uint8Array ? body.length : 0,
): AsyncGenerator<Uint8Array> {
  yield header(path, sizeBytes);
  let written = 0;
  if (body instanceof Uint8Array) {
    yield body;
    written = body.length;
  } else {
    for await (const piece of body) {
      written += piece.length;
      yield piece;
    }
  }
  if (written !== sizeBytes) {
    throw new CriError("failedPrecondition", `${path} has ${written} bytes and not ${sizeBytes}`);
  }
  const rest = sizeBytes % BLOCK;
  if (rest > 0) yield new Uint8Array(BLOCK - rest);
}

/** A folder; its path ends in a slash. */
export function* tarFolder(path: string): Generator<Uint8Array> {
  yield header(path, 0, { type: "5", mode: "0000755" });
}

/** What an archive ends with. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK);
}

/** https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html, "ustar Interchange Format" */
function header(
  path: string,
  sizeBytes: number,
  { type, mode } = { type: "0", mode: "0000644" },
): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const text = (at: number, value: string) => block.set(new TextEncoder().encode(value), at);
  const { prefix, name } = splitPath(path);
  text(0, name);
  text(345, prefix);
  text(100, `${mode}\0`);
  text(108, "0000000\0");
  text(116, "0000000\0");
  if (sizeBytes <= MAX_OCTAL_SIZE) text(124, `${sizeBytes.toString(8).padStart(11, "0")}\0`);
  else {
    const view = new DataView(block.buffer);
    view.setUint8(124, 0x80);
    view.setBigUint64(128, BigInt(sizeBytes));
  }
  text(136, "00000000000\0");
  text(148, "        ");
  text(156, type);
  text(257, "ustar\0");
  text(263, "00");
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** A long path's beginning has a field of its own; they are parted at a slash. */
function splitPath(path: string): { prefix: string; name: string } {
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  if (bytes(path) <= MAX_NAME_BYTES) return { prefix: "", name: path };
  for (let slash = path.indexOf("/"); slash > 0; slash = path.indexOf("/", slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (bytes(name) <= MAX_NAME_BYTES && bytes(prefix) <= MAX_PREFIX_BYTES) return { prefix, name };
  }
  throw new CriError("failedPrecondition", `${path} is too long for a tar archive`);
}
