import assert from "node:assert/strict";
import type { ContainerId, SandboxId } from "../base/id.ts";
import { ContainerConfig } from "../gen/cri/v1/api.ts";
import { type OomDeps, wasOomKilled } from "./oom.ts";

const CONTAINER = {
  id: "c1" as ContainerId,
  metadata: {
    id: "c1" as ContainerId,
    name: "c_web_shop_u1_0",
    sandboxId: "p1" as SandboxId,
    config: ContainerConfig.fromPartial({}),
    imageRef: "",
    logPath: "",
    stopSignal: "",
    processLabel: "",
  },
};

/** A kernel that has killed something in one cgroup. */
function deps(more: Partial<OomDeps> = {}): OomDeps {
  return {
    oomKilled: new Set(),
    sandboxes: { find: () => undefined },
    settings: { cgroupDriver: "cgroupfs" },
    sampler: { oomKills: (path) => path === "/k8s.io/c1" ? 1n : undefined },
    ...more,
  };
}

Deno.test("wasOomKilled() takes the kernel's word where no event came", () => {
  assert.equal(wasOomKilled(deps(), CONTAINER, 137), true);
});

Deno.test("wasOomKilled() takes the event's word where the kernel tells nothing", () => {
  const sampler = { oomKills: () => undefined };
  assert.equal(wasOomKilled(deps({ sampler }), CONTAINER, 137), false);
  assert.equal(
    wasOomKilled(deps({ sampler, oomKilled: new Set([CONTAINER.id]) }), CONTAINER, 137),
    true,
  );
});

Deno.test("wasOomKilled() is false for a container that outlived a child that was killed", () => {
  assert.equal(wasOomKilled(deps(), CONTAINER, 0), false);
  assert.equal(wasOomKilled(deps(), CONTAINER, 1), false);
});

Deno.test("wasOomKilled() is false for a container that was killed otherwise", () => {
  assert.equal(wasOomKilled(deps({ sampler: { oomKills: () => 0n } }), CONTAINER, 137), false);
});
