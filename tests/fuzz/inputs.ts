/** Inputs that are almost right: examples with bytes changed, cut, doubled, and hostile words in them. */
import fc from "fast-check";

type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

/** What parsers have fallen over before. */
const WORDS: readonly Bytes[] = [
  '"__proto__":{"polluted":1},',
  '"constructor":{"prototype":{"polluted":1}},',
  "__proto__",
  "constructor",
  "toString",
  "\0",
  "../../../etc/passwd",
  "%00",
  "\n",
  "\r\n\r\n",
  "null",
  "[]",
  "{}",
  '""',
  "-1",
  "1e999",
  "18446744073709551616",
  "9".repeat(400),
  "[".repeat(5_000),
  '{"a":'.repeat(2_000),
  "a.".repeat(2_000),
  "x".repeat(10_000),
  "\u2028\u{10ffff}",
].map((word) => encoder.encode(word)).concat([
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
  Uint8Array.of(0xed, 0xa0, 0x80),
]);

type Change =
  | { readonly kind: "set" | "insert"; readonly at: number; readonly bytes: Bytes }
  | { readonly kind: "delete" | "double"; readonly at: number; readonly length: number };

const at = fc.nat(0xffff_ffff);

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("set" as const, "insert" as const),
    at,
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 4 }).map(copied),
      fc.constantFrom(...WORDS),
    ),
  }),
  fc.record({
    kind: fc.constantFrom("delete" as const, "double" as const),
    at,
    length: fc.integer({ min: 1, max: 64 }),
  }),
);

/** The examples, changed in up to six places; now and then bytes that look like none of them. */
export function inputsLike(examples: readonly Bytes[]): fc.Arbitrary<Bytes> {
  const changed = fc.tuple(
    fc.constantFrom(...examples),
    fc.array(change, { maxLength: 6 }),
  ).map(([example, changes]) => changes.reduce(apply, example));
  return fc.oneof(
    { weight: 20, arbitrary: changed },
    { weight: 2, arbitrary: fc.json().map((text) => encoder.encode(text)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map(copied) },
  );
}

function apply(input: Bytes, one: Change): Bytes {
  const from = one.at % (input.length + 1);
  const head = input.subarray(0, from);
  switch (one.kind) {
    case "set":
      return joined(head, one.bytes, input.subarray(from + one.bytes.length));
    case "insert":
      return joined(head, one.bytes, input.subarray(from));
    case "delete":
      return joined(head, input.subarray(from + one.length));
    case "double":
      return joined(head, input.subarray(from, from + one.length), input.subarray(from));
  }
}

function joined(...parts: Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let to = 0;
  for (const part of parts) {
    all.set(part, to);
    to += part.length;
  }
  return all;
}

function copied(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}
