/** docs/security.md names a test for each known fault. */
import assert from "node:assert/strict";
import { ROOT } from "../check/source.ts";

Deno.test("every fault in docs/security.md names files of tests that are there", async () => {
  const text = await Deno.readTextFile(`${ROOT}docs/security.md`);
  const rows = text.split("\n").filter((line) => /^\| (CVE-|paths that)/.test(line));
  assert.ok(rows.length > 15);
  for (const row of rows) {
    const files = [...row.matchAll(/`((?:src|tests)\/\S+_test\.ts)`/g)].map(([, path = ""]) =>
      path
    );
    assert.notDeepEqual(files, [], row);
    for (const file of files) {
      const tests = (await Deno.readTextFile(`${ROOT}${file}`)).match(/Deno\.test/g) ?? [];
      assert.ok(tests.length > 0, file);
    }
  }
});
