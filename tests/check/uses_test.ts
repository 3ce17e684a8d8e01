/** Running programs, calling libc and printing happen in their own folders only. */
import assert from "node:assert/strict";
import { describe, readSource, shippedFiles } from "./source.ts";
import { wrongUses } from "./uses.ts";

Deno.test("programs, libc, standard streams and the console are used in their places only", async () => {
  const wrong: string[] = [];
  for (const path of await shippedFiles()) {
    wrong.push(...describe(path, wrongUses(path, await readSource(path))));
  }
  assert.deepEqual(wrong, []);
});

Deno.test("wrongUses() finds a use in code, not in a comment or a text", () => {
  const text = 'const a = "Deno.Command";\n// console.log\nnew Deno.Command("x");\nconsole.log(a);';
  assert.deepEqual(describe("src/pods/run.ts", wrongUses("src/pods/run.ts", text)), [
    "src/pods/run.ts:3: uses Deno.Command, which is for src/cni/, src/supervisor/",
    "src/pods/run.ts:4: uses console.log, which is for nobody",
  ]);
  assert.equal(wrongUses("src/cni/exec.ts", text).length, 1);
});
