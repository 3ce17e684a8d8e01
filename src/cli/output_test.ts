import assert from "node:assert/strict";
import { formatBytes, formatTable } from "./output.ts";

Deno.test("formatTable() aligns its columns", () => {
  assert.equal(
    formatTable(["NAME", "SIZE"], [["a", "1"], ["longer", ""]]),
    "NAME     SIZE\na        1\nlonger\n",
  );
});

for (
  const [bytes, text] of [
    [0, "0 B"],
    [999, "999 B"],
    [1_000, "1.00 kB"],
    [12_345, "12.3 kB"],
    [999_999, "1.00 MB"],
    [123_456_789, "123 MB"],
    [5e15, "5000 TB"],
  ] as const
) {
  Deno.test(`formatBytes() writes ${bytes} as ${text}`, () => {
    assert.equal(formatBytes(bytes), text);
  });
}
