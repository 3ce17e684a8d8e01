import assert from "node:assert/strict";
import { locateLog } from "./path.ts";

const DIRS = ["/var/log/pods", "/data/logs/"];

Deno.test("locateLog() finds the folder and the names below it", () => {
  assert.deepEqual(locateLog("/var/log/pods/a_b_c/web/0.log", DIRS), {
    root: "/var/log/pods",
    names: ["a_b_c", "web", "0.log"],
  });
  assert.deepEqual(locateLog("/data//logs/./x.log", DIRS).names, ["x.log"]);
});

for (
  const path of [
    "/etc/passwd",
    "/var/log/pods",
    "/var/log/pods/",
    "/var/log/podsx/0.log",
    "/var/log/pods/../../../etc/passwd",
    "/var/log/pods/a/..",
    "var/log/pods/0.log",
    "/var/log/pods/a\0b",
    "",
  ]
) {
  Deno.test(`locateLog() refuses ${JSON.stringify(path)}`, () => {
    assert.throws(() => locateLog(path, DIRS), { kind: "invalidArgument" });
  });
}
