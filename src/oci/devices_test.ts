import assert from "node:assert/strict";
import { deviceNode, isSkippedDevice } from "./devices.ts";

const FILE = { isCharDevice: false, isBlockDevice: false, mode: 0o20666, uid: 0, gid: 5 };

const NUMBERS = [
  { name: "small numbers", rdev: 0x0103, is: [1, 3] },
  { name: "a large minor number", rdev: 0x12300145, is: [1, 0x12345] },
  {
    name: "a large major number",
    rdev: 0x1000_0000_0000 + 0xfff00,
    is: [0x1fff - 0x1000 + 0x1000, 0],
  },
];

for (const { name, rdev, is } of NUMBERS) {
  Deno.test(`deviceNode() takes ${name} apart`, () => {
    const node = deviceNode("/dev/x", { ...FILE, isCharDevice: true, rdev });
    assert.deepEqual([node?.major, node?.minor], is);
  });
}

Deno.test("deviceNode() tells device files from others", () => {
  const block = deviceNode("/dev/vda", { ...FILE, isBlockDevice: true, rdev: 0xfe00 });
  assert.deepEqual(block, {
    path: "/dev/vda",
    type: "b",
    major: 254,
    minor: 0,
    fileMode: 0o666,
    uid: 0,
    gid: 5,
  });
  assert.equal(deviceNode("/dev/log", { ...FILE, rdev: 0 }), undefined);
});

Deno.test("isSkippedDevice() passes over what isn't the node's own", () => {
  assert.deepEqual(["pts", "null", "console", "shm"].map(isSkippedDevice), [
    true,
    false,
    true,
    true,
  ]);
});
