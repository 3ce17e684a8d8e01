/** A client that breaks the rules of its protocol: its connection is closed, and nothing else. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
