import assert from "node:assert/strict";
import { fitting, platformName, platformRank } from "./platform.ts";

const platform = (architecture: string, variant = "", os = "linux") => ({
  os,
  architecture,
  variant,
});

Deno.test("platformRank() prefers the machine's own architecture and knows what else runs there", () => {
  assert.equal(platformRank(platform("amd64"), "amd64"), 0);
  assert.equal(platformRank(platform("amd64", "v1"), "amd64"), 0);
  assert.equal(platformRank(platform("x86_64"), "amd64"), 0);
  assert.equal(platformRank(platform("386"), "amd64"), 1);
  assert.equal(platformRank(platform("arm64", "v8"), "arm64"), 0);
  assert.equal(platformRank(platform("arm", "7"), "arm64"), 2);
});

Deno.test("platformRank() refuses what needs a newer or another machine", () => {
  assert.equal(platformRank(platform("amd64", "v3"), "amd64"), undefined);
  assert.equal(platformRank(platform("arm64"), "amd64"), undefined);
  assert.equal(platformRank(platform("amd64", "", "windows"), "amd64"), undefined);
  assert.equal(platformRank(platform("unknown", "", "unknown"), "amd64"), undefined);
});

Deno.test("fitting() puts the best first and members without a platform last", () => {
  const members = [
    { id: "none", platform: undefined },
    { id: "386", platform: platform("386") },
    { id: "arm64", platform: platform("arm64") },
    { id: "amd64", platform: platform("amd64") },
  ];
  assert.deepEqual(fitting(members, "amd64").map(({ id }) => id), ["amd64", "386", "none"]);
});

Deno.test("platformName() leaves out what is not said", () => {
  assert.equal(platformName(platform("arm", "v7")), "linux/arm/v7");
  assert.equal(platformName(platform("amd64")), "linux/amd64");
});
