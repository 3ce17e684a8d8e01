import assert from "node:assert/strict";
import { userOf } from "./cri_image.ts";

const CASES: [string, bigint | undefined, string][] = [
  ["", undefined, ""],
  ["1003:1004", 1003n, ""],
  ["www-data:1004", undefined, "www-data"],
  ["0", 0n, ""],
  ["4294967296", 4294967296n, ""],
  ["99999999999999999999", undefined, "99999999999999999999"],
  ["0x0", undefined, "0x0"],
];

for (const [user, uid, username] of CASES) {
  Deno.test(`userOf() reads ${JSON.stringify(user)}`, () => {
    const expected = { uid: uid === undefined ? undefined : { value: uid }, username };
    assert.deepEqual(userOf(user), expected);
  });
}
