import assert from "node:assert/strict";
import { defaultConfig } from "../config/load.ts";
import { Options } from "../gen/containerd/types/runtimeoptions/v1/api.ts";
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

/** The default configuration with another runtime in it. */
function withRuntime(more: { type?: string; options?: Map<string, string>; base_spec?: string }) {
  const config = defaultConfig();
  const runc = config.containerd.runtimes.get("runc");
  if (runc === undefined) throw new Error("runc is always there");
  const runtimes = new Map([...config.containerd.runtimes, ["other", { ...runc, ...more }]]);
  return { ...config, containerd: { ...config.containerd, runtimes } };
}

Deno.test("settingsOf() tells other shims than runc's where their configuration is", () => {
  const type = "io.containerd.kata.v2";
  const options = new Map([["ConfigPath", "/etc/kata.toml"]]);
  const found = settingsOf(withRuntime({ type, options }), NODE).runtimes.get("other")?.options;
  assert.equal(found?.typeUrl, "runtimeoptions.v1.Options");
  assert.equal(Options.decode(found.value).configPath, "/etc/kata.toml");
  const without = settingsOf(withRuntime({ type }), NODE);
  assert.equal(without.runtimes.get("other")?.options, undefined);
});

Deno.test("settingsOf() reads a runtime's base spec, and refuses one that is none", async () => {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(path, '{"process":{"rlimits":[]}}');
  const { runtimes } = settingsOf(withRuntime({ base_spec: path }), NODE);
  assert.deepEqual(runtimes.get("other")?.baseSpec, { path, text: '{"process":{"rlimits":[]}}' });
  await Deno.writeTextFile(path, '{"mounts":1}');
  assert.throws(() => settingsOf(withRuntime({ base_spec: path }), NODE), /mounts/);
  await Deno.remove(path);
  assert.throws(() => settingsOf(withRuntime({ base_spec: path }), NODE), /Cannot read the base/);
});
