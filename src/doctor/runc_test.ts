import assert from "node:assert/strict";
import { fakeNode } from "../../tests/fakes/node.ts";
import { checkRunc, isMended } from "./runc.ts";

for (
  const { version, is } of [
    { version: "1.0.3", is: false },
    { version: "1.1.5+ds1", is: false },
    { version: "1.1.15", is: false },
    { version: "1.2.7", is: false },
    { version: "1.2.8", is: true },
    { version: "1.3.3-rc.1", is: false },
    { version: "1.3.3", is: true },
    { version: "1.4.0-rc.2", is: false },
    { version: "1.4.0-rc.3", is: true },
    { version: "1.4.0", is: true },
    { version: "1.5.2", is: true },
    { version: "2.0.0", is: true },
    { version: "of tomorrow", is: true },
  ]
) {
  Deno.test(`isMended() takes runc ${version} for ${is ? "safe" : "one that lets out"}`, () => {
    assert.equal(isMended(version), is);
  });
}

Deno.test("checkRunc() warns of an old runc, and leaves crun alone", async () => {
  const { node } = fakeNode();
  const levels = async (text: string) => {
    const programVersion = (name: string) => Promise.resolve({ path: `/usr/bin/${name}`, text });
    return (await checkRunc({ ...node, programVersion })).map(({ level }) => level);
  };
  assert.deepEqual(await levels("runc version 1.1.5 commit: x"), ["warn"]);
  assert.deepEqual(await levels("runc version 1.3.3"), ["ok"]);
  assert.deepEqual(await levels("crun version 1.8.1"), []);
});
