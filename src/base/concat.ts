/** Pieces as one; a single one isn't copied. `size` is the sum of theirs, where it is known. */
export function concat<B extends Uint8Array>(
  pieces: readonly B[],
  size = pieces.reduce((sum, piece) => sum + piece.length, 0),
): B | Uint8Array<ArrayBuffer> {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
