import assert from "node:assert/strict";
import { parseServeFlags } from "./serve_flags.ts";

Deno.test("parseServeFlags() reads both forms of a flag", () => {
  assert.deepEqual(
    parseServeFlags(["--config", "/a=b", "--log-level=debug", "--root=/r=1"]),
    { config: "/a=b", logLevel: "debug", root: "/r=1" },
  );
  assert.deepEqual(parseServeFlags([]), {});
});

for (const args of [["--help"], ["-h"], ["--config"], ["--config", "--root"], ["x"], ["--x=1"]]) {
  Deno.test(`parseServeFlags() leaves ${args.join(" ")} to commander`, () => {
    assert.equal(parseServeFlags(args), undefined);
  });
}
