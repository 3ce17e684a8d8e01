import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { DICTIONARY, DICTIONARY_ID } from "./spdy_dictionary.ts";
import { HeaderReader, HeaderWriter } from "./spdy_headers.ts";

/** Two blocks of one connection as zlib itself compresses them with the dictionary. */
const FIRST =
  "78bbe3c6a7c202e50e50ca0a2e294a4dcc851625aca9a08006a5fc80fc22700eb030b03000000000ffff";
const SECOND = "c2aa1454ea8032052734823341099fd110000000ffff";

Deno.test("DICTIONARY is that of the specification", () => {
  let a = 1;
  let b = 0;
  for (const byte of DICTIONARY) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  assert.equal(DICTIONARY.length, 1423);
  assert.equal(((b << 16) | a) >>> 0, DICTIONARY_ID);
});

Deno.test("HeaderReader reads what zlib has compressed, each block after the other", async () => {
  const reader = new HeaderReader();
  const first = await reader.read(Uint8Array.fromHex(FIRST));
  assert.deepEqual(first, new Map([["streamtype", "error"], ["port", "8080"]]));
  const second = await reader.read(Uint8Array.fromHex(SECOND));
  assert.deepEqual(second, new Map([["streamtype", "data"], ["requestid", "1"]]));
  reader.close();
});

Deno.test("HeaderReader reads what HeaderWriter writes, names in lower case", async () => {
  const reader = new HeaderReader();
  const writer = new HeaderWriter();
  for (const value of ["one", "", "ü".repeat(100)]) {
    const read = await reader.read(writer.write(new Map([["Name", value], ["other", value]])));
    assert.deepEqual(read, new Map([["name", value], ["other", value]]));
  }
  reader.close();
});

Deno.test("HeaderReader refuses what is not compressed as SPDY/3 says", async () => {
  for (const hex of ["", "789c", "78bb00000000", "78bbe3c6a7c2ffffffff"]) {
    const reader = new HeaderReader();
    await assert.rejects(reader.read(Uint8Array.fromHex(hex)), { name: "ProtocolError" }, hex);
    reader.close();
  }
});

Deno.test("HeaderReader refuses a block that grows beyond all measure", async () => {
  const reader = new HeaderReader();
  const head = Uint8Array.fromHex("78bbe3c6a7c2");
  const bomb = deflateRawSync(new Uint8Array(10_000_000));
  const block = new Uint8Array([...head, ...bomb.subarray(0, 16_000)]);
  await assert.rejects(reader.read(block), /headers that are too long/);
  reader.close();
});

Deno.test("HeaderReader refuses lengths that lie", async () => {
  const cases = ["00000001ffffffff", "00000001000000010000", "ffffffff", "0000"];
  for (const hex of cases) {
    const reader = new HeaderReader();
    const body = Uint8Array.fromHex(hex);
    const size = [body.length, 0, 255 - body.length, 255];
    const block = [...Uint8Array.fromHex("78bbe3c6a7c2"), 0, ...size, ...body, 0, 0, 0, 255, 255];
    await assert.rejects(reader.read(new Uint8Array(block)), { name: "ProtocolError" }, hex);
    reader.close();
  }
});
