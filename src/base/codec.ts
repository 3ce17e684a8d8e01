/** What generated code says of a message type and of a method, as far as calls need it. */

/** A message type on the wire. */
export interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** A method that takes one message and gives one or many. */
export interface Method<Q, S> {
  readonly name: string;
  readonly requestType: Codec<Q>;
  readonly responseType: Codec<S>;
}
