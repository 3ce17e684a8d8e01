/** Header blocks, against the examples of RFC 7541 and in every way that they can be wrong. */
import assert from "node:assert/strict";
import { Http2Error } from "./frames.ts";
import { headerBlock, HeaderDecoder, type HeaderField } from "./hpack.ts";
import { huffmanDecoded } from "./huffman.ts";

function bytes(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replaceAll(/\s/g, ""));
}

const REQUESTS: readonly { readonly hex: string; readonly fields: readonly HeaderField[] }[] = [
  {
    hex: "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    fields: [[":method", "GET"], [":scheme", "http"], [":path", "/"], [
      ":authority",
      "www.example.com",
    ]],
  },
  {
    hex: "8286 84be 5808 6e6f 2d63 6163 6865",
    fields: [[":method", "GET"], [":scheme", "http"], [":path", "/"], [
      ":authority",
      "www.example.com",
    ], ["cache-control", "no-cache"]],
  },
  {
    hex: "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    fields: [[":method", "GET"], [":scheme", "https"], [":path", "/index.html"], [
      ":authority",
      "www.example.com",
    ], ["custom-key", "custom-value"]],
  },
];

Deno.test("HeaderDecoder reads requests that build on each other (RFC 7541, C.3)", () => {
  const decoder = new HeaderDecoder();
  for (const { hex, fields } of REQUESTS) assert.deepEqual(decoder.decode(bytes(hex)), fields);
});

Deno.test("HeaderDecoder reads them in the Huffman code too (RFC 7541, C.4)", () => {
  const decoder = new HeaderDecoder();
  const hexes = [
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    "8286 84be 5886 a8eb 1064 9cbf",
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
  ];
  for (const [index, hex] of hexes.entries()) {
    assert.deepEqual(decoder.decode(bytes(hex)), REQUESTS[index]?.fields);
  }
});

Deno.test("HeaderDecoder drops what no longer fits into the table, the oldest first", () => {
  const decoder = new HeaderDecoder();
  const value = "v".repeat(1_000);
  const insert = (name: string) =>
    new Uint8Array([
      0x40,
      ...headerBlock([name, value]).subarray(1),
    ]);
  for (const name of ["a", "b", "c", "d"]) decoder.decode(insert(name));
  // An entry takes 1,033 bytes of 4,096: "a" is gone, "d" stands first.
  assert.deepEqual(decoder.decode(new Uint8Array([0xbe])), [["d", value]]);
  assert.deepEqual(decoder.decode(new Uint8Array([0xc0])), [["b", value]]);
  assert.throws(() => decoder.decode(new Uint8Array([0xc1])), /entry 65/);
  // The table is made small, and large again: all is forgotten.
  decoder.decode(bytes("20 3fe11f"));
  assert.throws(() => decoder.decode(new Uint8Array([0xbe])), /entry 62/);
});

for (
  const [what, hex, expected] of [
    ["an index of nothing", "80", /entry 0/],
    ["a string that is cut off", "00 05 61", /cut off/],
    ["a number without an end", "ff ff ff ff ff ff ff", /too large/],
    ["a literal that ends", "00", /an end where more is due/],
    ["a table larger than allowed", "3f e2 1f", /table's size/],
    ["a change of the table in the middle", "82 20", /table's size/],
    ["bits that are no code", "00 01 61 84 ff ff ff ff", /no code/],
    ["padding of zeros", "00 01 61 81 00", /wrong padding/],
    ["padding of a whole byte", "00 01 61 82 1f ff", /wrong padding/],
  ] as const
) {
  Deno.test(`HeaderDecoder refuses ${what}`, () => {
    assert.throws(() => new HeaderDecoder().decode(bytes(hex)), (error) => {
      assert.ok(error instanceof Http2Error);
      assert.match(error.message, expected);
      return true;
    });
  });
}

Deno.test("HeaderDecoder doesn't let a small block unfold to much", () => {
  const decoder = new HeaderDecoder();
  const long = headerBlock(["a", "v".repeat(4_000)]);
  decoder.decode(new Uint8Array([0x40, ...long.subarray(1)]));
  assert.throws(() => decoder.decode(new Uint8Array(100).fill(0xbe)), /too long/);
});

Deno.test("headerBlock() writes what HeaderDecoder reads, of any length", () => {
  const fields: HeaderField[] = [
    [":method", "POST"],
    ["grpc-timeout", "2m"],
    ["", ""],
    ...[126, 127, 128, 300, 20_000].map((length): HeaderField => ["x", "y".repeat(length)]),
  ];
  assert.deepEqual(new HeaderDecoder().decode(headerBlock(...fields)), fields);
});

Deno.test("huffmanDecoded() knows a code of every byte", () => {
  // Made of the lengths and the order of symbols, as canonical codes are; ends at all ones.
  const all = "fffffffc";
  assert.throws(() => huffmanDecoded(bytes(all)), /no code/);
  assert.equal(huffmanDecoded(bytes("f1e3c2e5f23a6ba0ab90f4ff")), "www.example.com");
  assert.equal(
    huffmanDecoded(
      bytes(
        "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
      ),
    ),
    "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
  );
});
