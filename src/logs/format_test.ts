import assert from "node:assert/strict";
import { LineFramer, LineHeads, rfc3339Nano } from "./format.ts";
import { Output } from "./output.ts";

const TIME = "2026-03-04T05:06:07.000000089Z";
const heads = new LineHeads("stdout", BigInt(Date.UTC(2026, 2, 4, 5, 6, 7)) * 1_000_000n + 89n);
const encoder = new TextEncoder();

/** The log that reads of these texts make, with a limit of 8 bytes a line; a character a byte. */
function framed(...reads: (string | Uint8Array)[]): string {
  const framer = new LineFramer(8);
  const output = new Output();
  for (const read of reads) {
    framer.frame(typeof read === "string" ? encoder.encode(read) : read, heads, output);
  }
  framer.finish(heads, output);
  const text = Array.from(output.bytes, (byte) => String.fromCharCode(byte)).join("");
  return text.replaceAll(`${TIME} stdout `, "");
}

const CASES: { name: string; reads: string[]; log: string }[] = [
  { name: "nothing for nothing", reads: [""], log: "" },
  { name: "a line", reads: ["hello\n"], log: "F hello\n" },
  { name: "empty lines", reads: ["\n\n"], log: "F \nF \n" },
  { name: "a line that comes in pieces", reads: ["he", "", "llo", "\n"], log: "F hello\n" },
  { name: "a line of the limit as a whole", reads: ["12345678\n"], log: "F 12345678\n" },
  { name: "the limit, then a late newline", reads: ["12345678", "\n"], log: "F 12345678\n" },
  { name: "a byte over the limit in parts", reads: ["123456789\n"], log: "P 12345678\nF 9\n" },
  {
    name: "a line of many parts",
    reads: ["1234", "56781234", "5678", "1234567", "8\n"],
    log: "P 12345678\nP 12345678\nF 12345678\n",
  },
  { name: "an unfinished line as a part", reads: ["a\nrest"], log: "F a\nP rest\n" },
  { name: "carriage returns as they are", reads: ["a\r\n\r\n"], log: "F a\r\nF \r\n" },
];

for (const { name, reads, log } of CASES) {
  Deno.test(`LineFramer writes ${name}`, () => assert.equal(framed(...reads), log));
}

Deno.test("LineFramer keeps bytes that are no text", () => {
  const bytes = Uint8Array.from([0, 255, 128, 13, 27, 10]);
  assert.equal(framed(bytes), "F \x00\xff\x80\r\x1b\n");
});

Deno.test("LineFramer writes the same however its input is cut", () => {
  const text = "short\n\nexactly8\nthis one is longer than that\r\nrest without end";
  const whole = framed(text);
  for (let size = 1; size < text.length; size++) {
    const reads = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    assert.equal(framed(...reads), whole, `reads of ${size} bytes`);
  }
});

Deno.test("LineFramer grows its output for a read of nothing but newlines", () => {
  const lines = framed("\n".repeat(65_536)).split("\n");
  assert.equal(lines.length, 65_537);
});

Deno.test("LineHeads carry the time with nine digits and the stream", () => {
  const text = new TextDecoder().decode(new LineHeads("stderr", 1n).partial);
  assert.equal(text, "1970-01-01T00:00:00.000000001Z stderr P ");
  assert.equal(rfc3339Nano(1_700_000_000_120_000_000n), "2023-11-14T22:13:20.120000000Z");
});
