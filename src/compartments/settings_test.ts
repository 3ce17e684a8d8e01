import assert from "node:assert/strict";
import { defaultConfig } from "../config/load.ts";
import { settingsOf } from "./settings.ts";

const ALL = { recursiveReadonlyMounts: true, idmappedMounts: true };
const NONE = { recursiveReadonlyMounts: false, idmappedMounts: false };
const NODE = { isSystemd: false, features: new Map([["runc", ALL]]), kernelRelease: "6.1.0" };

Deno.test("settingsOf() takes what a runtime says that it can do", () => {
  const { runtimes } = settingsOf(defaultConfig(), NODE);
  assert.deepEqual(runtimes.get("runc")?.features, ALL);
});

Deno.test("settingsOf() counts on nothing of a runtime that said nothing", () => {
  const { runtimes } = settingsOf(defaultConfig(), { ...NODE, features: new Map() });
  assert.deepEqual(runtimes.get("runc")?.features, NONE);
});

Deno.test("settingsOf() counts on nothing that the kernel can't do", () => {
  const { runtimes } = settingsOf(defaultConfig(), { ...NODE, kernelRelease: "5.10.0-28-amd64" });
  assert.deepEqual(runtimes.get("runc")?.features, NONE);
});

Deno.test("settingsOf() takes the cgroup driver of the node unless the config names one", () => {
  const config = defaultConfig();
  assert.equal(settingsOf(config, NODE).cgroupDriver, "cgroupfs");
  assert.equal(settingsOf(config, { ...NODE, isSystemd: true }).cgroupDriver, "systemd");
  const named = { ...config, cgroup: { driver: "cgroupfs" as const } };
  assert.equal(settingsOf(named, { ...NODE, isSystemd: true }).cgroupDriver, "cgroupfs");
});
