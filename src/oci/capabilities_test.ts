import assert from "node:assert/strict";
import { LinuxContainerSecurityContext } from "../gen/cri/v1/api.ts";
import { CAPABILITIES } from "../../tests/fixtures/oci/requests.ts";
import { refuses } from "../../tests/fixtures/oci/refuses.ts";
import { capabilitySets } from "./capabilities.ts";

function sets(capabilities: object, privileged = false) {
  const context = LinuxContainerSecurityContext.fromPartial({ capabilities, privileged });
  return capabilitySets(context, CAPABILITIES);
}

const DEFAULTS = capabilitySets(undefined, CAPABILITIES).bounding;

const CASES: { name: string; asked: object; is: (bounding: Set<string>) => boolean }[] = [
  {
    name: "adds with and without the prefix, in any case",
    asked: { addCapabilities: ["net_admin", "CAP_SYS_PTRACE"] },
    is: (b) => b.has("CAP_NET_ADMIN") && b.has("CAP_SYS_PTRACE") && b.size === DEFAULTS.length + 2,
  },
  {
    name: "drops one of the defaults",
    asked: { dropCapabilities: ["CHOWN"] },
    is: (b) => !b.has("CAP_CHOWN") && b.size === DEFAULTS.length - 1,
  },
  {
    name: "leaves what is added after drop ALL",
    asked: { dropCapabilities: ["all"], addCapabilities: ["CHOWN"] },
    is: (b) => b.has("CAP_CHOWN") && b.size === 1,
  },
  {
    name: "leaves all but what is dropped after add ALL",
    asked: { addCapabilities: ["ALL"], dropCapabilities: ["CHOWN"] },
    is: (b) => !b.has("CAP_CHOWN") && b.size === CAPABILITIES.size - 1,
  },
  {
    name: "gives nothing for ALL on both sides",
    asked: { addCapabilities: ["ALL"], dropCapabilities: ["ALL"] },
    is: (b) => b.size === 0,
  },
  {
    name: "drops what is also added",
    asked: { addCapabilities: ["SYS_ADMIN"], dropCapabilities: ["SYS_ADMIN"] },
    is: (b) => !b.has("CAP_SYS_ADMIN"),
  },
];

for (const { name, asked, is } of CASES) {
  Deno.test(`capabilitySets() ${name}`, () => {
    const { bounding, effective, permitted, inheritable, ambient } = sets(asked);
    assert(is(new Set(bounding)), bounding.join(" "));
    assert.deepEqual(effective, bounding);
    assert.deepEqual(permitted, bounding);
    assert.deepEqual([inheritable, ambient], [[], []]);
  });
}

Deno.test("capabilitySets() gives the usual ones by default, as far as the node has them", () => {
  assert(DEFAULTS.includes("CAP_CHOWN") && !DEFAULTS.includes("CAP_SYS_ADMIN"));
  const { bounding } = capabilitySets(undefined, new Set(["CAP_CHOWN", "CAP_SYS_ADMIN"]));
  assert.deepEqual(bounding, ["CAP_CHOWN"]);
});

Deno.test("capabilitySets() gives ambient capabilities all sets, unless they are dropped", () => {
  const { ambient, inheritable, bounding } = sets({
    addAmbientCapabilities: ["NET_ADMIN", "SYS_PTRACE"],
    dropCapabilities: ["ALL", "SYS_PTRACE"],
  });
  assert.deepEqual([ambient, inheritable, bounding], [
    ["CAP_NET_ADMIN"],
    ["CAP_NET_ADMIN"],
    ["CAP_NET_ADMIN"],
  ]);
});

Deno.test("capabilitySets() gives a privileged container what the node has, drops or not", () => {
  const { bounding, inheritable } = sets({ dropCapabilities: ["ALL"] }, true);
  assert.deepEqual(new Set(bounding), CAPABILITIES);
  assert.deepEqual(inheritable, []);
});

Deno.test("capabilitySets() refuses what is no capability", () => {
  const field = "config.linux.security_context.capabilities";
  refuses(() => sets({ addCapabilities: ["CHOWN", "FLY"] }), `${field}.add_capabilities[1]`);
  refuses(() => sets({ dropCapabilities: [""] }), `${field}.drop_capabilities[0]`);
  refuses(() => sets({ addAmbientCapabilities: ["x"] }), `${field}.add_ambient_capabilities[0]`);
});
