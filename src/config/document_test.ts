import assert from "node:assert/strict";
import { configMarkdown, configWords, defaultToml } from "./document.ts";
import { defaultConfig, parseConfig } from "./load.ts";

Deno.test("defaultToml() says nothing as it is, so that later defaults hold", () => {
  const { config, problems } = parseConfig(defaultToml());
  assert.deepEqual(problems, []);
  assert.deepEqual(config, defaultConfig());
});

Deno.test("defaultToml() shows the defaults behind its comment signs", () => {
  const values = defaultToml().replaceAll(/^#(?=[a-z])/gm, "");
  const { config, problems } = parseConfig(values);
  assert.deepEqual(problems, []);
  assert.deepEqual(config, defaultConfig());
});

Deno.test("configMarkdown() is what docs/configuration.md holds", async () => {
  const page = new URL("../../docs/configuration.md", import.meta.url);
  assert.equal(
    await Deno.readTextFile(page),
    configMarkdown(),
    "write it anew: cri-containerd config docs > docs/configuration.md",
  );
});

Deno.test("configWords() has every key with the words that it takes", () => {
  const words = new Map(configWords().map(({ key, choices }) => [key, choices]));
  assert.deepEqual(words.get("cgroup.driver"), ["auto", "cgroupfs", "systemd"]);
  assert.deepEqual(words.get("containerd.managed"), ["true", "false"]);
  assert.deepEqual(words.get("containerd.runtimes.runc.type"), []);
});
