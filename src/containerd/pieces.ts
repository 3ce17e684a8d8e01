/** Cutting and gathering a stream of bytes into pieces of a fitting size. */

/**
 * The same bytes in pieces of exactly `size` bytes, the last one shorter; an empty source gives
 * none. At most one piece is held, and chunks that are large enough aren't copied.
 *
 * @param newPiece may give a piece again whose reader is done with it
 */
export async function* piecesOf(
  source: AsyncIterable<Uint8Array>,
  size: number,
  newPiece: (size: number) => Uint8Array = (size) => new Uint8Array(size),
): AsyncGenerator<Uint8Array> {
  let piece: Uint8Array | undefined;
  let filled = 0;
  for await (const chunk of source) {
    let rest = chunk;
    while (rest.length > 0) {
      if (piece === undefined && rest.length >= size) {
        yield rest.subarray(0, size);
        rest = rest.subarray(size);
        continue;
      }
      piece ??= newPiece(size);
      const part = rest.subarray(0, size - filled);
      piece.set(part, filled);
      filled += part.length;
      rest = rest.subarray(part.length);
      if (filled === size) {
        yield piece;
        piece = undefined;
        filled = 0;
      }
    }
  }
  if (piece !== undefined && filled > 0) yield piece.subarray(0, filled);
}
