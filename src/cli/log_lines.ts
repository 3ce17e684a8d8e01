/** Lines of a log in the CRI's form: `TIME STREAM TAG CONTENT`, back to what was written. */

const NEWLINE = 10;
const SPACE = 32;
const FULL = 70; // "F"

/** Cuts what is read into lines, however it is cut. */
export class LogLines {
  #rest = new Uint8Array(0);

  /** The lines that are complete with this; each with its newline. */
  *add(bytes: Uint8Array): Generator<Uint8Array> {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    let from = 0;
    for (let end = all.indexOf(NEWLINE); end >= 0; end = all.indexOf(NEWLINE, from)) {
      yield all.subarray(from, end + 1);
      from = end + 1;
    }
    this.#rest = all.slice(from);
  }
}

/** What the container wrote; the newline is its own only where the line is whole. */
export function contentOf(line: Uint8Array, timestamps: boolean): Uint8Array {
  const time = line.indexOf(SPACE);
  const stream = line.indexOf(SPACE, time + 1);
  const tag = line.indexOf(SPACE, stream + 1);
  // Somebody else's line is shown as it is.
  if (time < 0 || stream < 0 || tag < 0) return line;
  const isWhole = line[stream + 1] === FULL;
  const content = line.subarray(tag + 1, isWhole ? line.length : line.length - 1);
  if (!timestamps) return content;
  const stamped = new Uint8Array(time + 1 + content.length);
  stamped.set(line.subarray(0, time + 1));
  stamped.set(content, time + 1);
  return stamped;
}
