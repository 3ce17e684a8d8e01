/**
 * Ready-made protobuf answers: a record is serialised once per change, a list is put together from
 * its items' bytes. Records are immutable, so they are the keys of their own bytes.
 */
import { concat } from "../base/concat.ts";

/** Bytes of a message of the named type, in one piece or several, which the edge sends as they are. */
export class Encoded {
  readonly parts: readonly Uint8Array[];

  constructor(...parts: readonly Uint8Array[]) {
    this.parts = parts;
  }
}

const LENGTH_DELIMITED = 2;

/** What comes before so many bytes of a field: tag and length. */
export function fieldHead(field: number, length: number): Uint8Array {
  return new Uint8Array([...varint((field << 3) | LENGTH_DELIMITED), ...varint(length)]);
}

/** One entry of a repeated message field: tag, length, bytes (protobuf encoding, length-delimited). */
export function fieldEntry(field: number, message: Uint8Array): Uint8Array {
  const head = fieldHead(field, message.length);
  const entry = new Uint8Array(head.length + message.length);
  entry.set(head);
  entry.set(message, head.length);
  return entry;
}

/** A number that isn't negative, as a field (protobuf encoding, varint). */
export function numberEntry(field: number, value: bigint): Uint8Array {
  const bytes = varint(field << 3);
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return new Uint8Array([...bytes, Number(rest)]);
}

/** Gives the entries of a list for records, each serialised once. */
export function entriesOf<R extends WeakKey>(
  field: number,
  encode: (record: R) => Uint8Array,
): (record: R) => Uint8Array {
  const entries = new WeakMap<R, Uint8Array>();
  return (record) => {
    const known = entries.get(record);
    if (known !== undefined) return known;
    const entry = fieldEntry(field, encode(record));
    entries.set(record, entry);
    return entry;
  };
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  while (value > 0x7f) {
    bytes.push((value & 0x7f) | 0x80);
    value >>>= 7;
  }
  return [...bytes, value];
}

/** Entries one after another: the message that has those fields. */
export function joinEntries(entries: Iterable<Uint8Array>): Uint8Array {
  return concat([...entries]);
}
