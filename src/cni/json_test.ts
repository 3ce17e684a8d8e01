import assert from "node:assert/strict";
import { parseJson, toJson } from "./json.ts";

for (
  const [text, problem] of [
    ["", "line 1, column 1: the text ends where a value should be"],
    ['{\n  "a": 1,\n}', 'line 3, column 1: "}" stands where a name in double quotes should be'],
    ['{"a": 1 "b": 2}', 'line 1, column 9: "\\"" stands where "," or "}" should be'],
    ["[1, 2", 'line 1, column 6: the text ends where "," or "]" should be'],
    ['{"a" 1}', 'line 1, column 6: "1" stands where ":" should be'],
    ['"a\nb"', 'line 1, column 1: "\\"" stands where a string that ends on its line should be'],
    ["{} x", 'line 1, column 4: "x" stands where nothing more should be'],
    ["[01]", 'line 1, column 3: "1" stands where "," or "]" should be'],
    ["// a comment\n{}", 'line 1, column 1: "/" stands where a value should be'],
  ] as const
) {
  Deno.test(`parseJson() tells the place in ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseJson(text), { problem });
  });
}

Deno.test("parseJson() takes what is JSON", () => {
  assert.deepEqual(parseJson(' {"a": [1, -2.5e3, true, null, "\\u0041"]} '), {
    value: { a: [1, -2500, true, null, "A"] },
  });
});

Deno.test("parseJson() survives a text of brackets", () => {
  assert.ok("problem" in parseJson("[".repeat(1 << 20)));
});

Deno.test("toJson() writes a bigint as an integer", () => {
  assert.equal(toJson({ rate: 10_000_000n }), '{"rate":10000000}');
});
