/** The Huffman code of header strings (RFC 7541, section 5.2 and appendix B). */
import { ERROR_CODE, Http2Error } from "./frames.ts";

/** Bits of each byte's code. The code is canonical: lengths and order of symbols say all of it. */
// deno-fmt-ignore
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

const MAX_LENGTH = 30;
/** No string ends with more bits of padding than this, all of them ones. */
const MAX_PADDING = 7;

/** Codes of one length: where they begin, how many there are, and their symbols in order. */
interface Rank {
  readonly first: number;
  readonly symbols: readonly number[];
}

const RANKS = ranksOf(LENGTHS);

function ranksOf(lengths: readonly number[]): Rank[] {
  const ranks: Rank[] = [];
  let first = 0;
  for (let length = 0; length <= MAX_LENGTH; length++) {
    const symbols = [...lengths.keys()].filter((symbol) => lengths[symbol] === length);
    ranks.push({ first, symbols });
    first = (first + symbols.length) * 2;
  }
  return ranks;
}

function symbolOf(code: number, length: number): number | undefined {
  const rank = RANKS[length];
  return rank !== undefined && code >= rank.first ? rank.symbols[code - rank.first] : undefined;
}

/** @throws Http2Error for bits that are no code, and for wrong padding */
export function huffmanDecoded(bytes: Uint8Array): string {
  let text = "";
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + (byte >> bit & 1);
      length++;
      const symbol = symbolOf(code, length);
      if (symbol !== undefined) {
        text += String.fromCharCode(symbol);
        code = 0;
        length = 0;
      } else if (length >= MAX_LENGTH) {
        throw new Http2Error(ERROR_CODE.compressionError, "a header has bits that are no code");
      }
    }
  }
  if (length <= MAX_PADDING && code === 2 ** length - 1) return text;
  throw new Http2Error(ERROR_CODE.compressionError, "a header ends with wrong padding");
}
