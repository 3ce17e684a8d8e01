import assert from "node:assert/strict";
import { mountPointsUnder, sharingAt } from "./mountinfo.ts";

const MOUNTINFO = `22 28 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
90 28 0:50 / /run/cri/sandboxes/a/shm rw - tmpfs shm rw
91 28 0:51 / /run/cri/sandboxes/a rw - tmpfs x rw
92 28 0:52 / /run/cri/sandboxes/with\\040blank\\134 rw - tmpfs x rw
93 28 0:53 / /run/cri/sandboxes-other rw - tmpfs x rw
94 90 0:54 / /run/cri/sandboxes/a/shm rw - tmpfs over rw
`;

Deno.test("mountPointsUnder() answers what is at or below, the deepest last", () => {
  assert.deepEqual(mountPointsUnder(MOUNTINFO, "/run/cri/sandboxes"), [
    "/run/cri/sandboxes/a",
    "/run/cri/sandboxes/with blank\\",
    "/run/cri/sandboxes/a/shm",
    "/run/cri/sandboxes/a/shm",
  ]);
  assert.deepEqual(mountPointsUnder(MOUNTINFO, "/sys"), ["/sys"]);
  assert.equal(mountPointsUnder(MOUNTINFO, "/").length, 7);
  assert.deepEqual(mountPointsUnder(MOUNTINFO, "/nowhere"), []);
});

const SHARING: [path: string, sharing: string][] = [
  ["/sys/fs", "shared"],
  ["/home", "shared"],
  ["/run/cri/sandboxes/a", "private"],
  ["/run/cri/sandboxes/a/shm/file", "private"],
  ["/run/cri/sandboxes/ab", "shared"],
  ["/data/x", "slave"],
  ["/data/over", "private"],
];

for (const [path, sharing] of SHARING) {
  Deno.test(`sharingAt() says that ${path} lies on a ${sharing} mount`, () => {
    const more = `95 28 0:60 / /data rw master:9 - tmpfs x rw
96 28 0:61 / /data/over rw shared:3 - tmpfs x rw
97 96 0:62 / /data/over rw - tmpfs x rw
`;
    assert.equal(sharingAt(MOUNTINFO + more, path), sharing);
  });
}
