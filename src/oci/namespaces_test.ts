import assert from "node:assert/strict";
import { NamespaceMode, NamespaceOption } from "../gen/cri/v1/api.ts";
import { container, pod, podConfig, sandbox, USERNS } from "../../tests/fixtures/oci/requests.ts";
import { refuses } from "../../tests/fixtures/oci/refuses.ts";
import { containerSpec } from "./container.ts";
import { sandboxSpec } from "./sandbox.ts";
import { userMappings } from "./user_namespace.ts";

type Options = Parameters<typeof NamespaceOption.fromPartial>[0];

const { POD, CONTAINER, NODE, TARGET } = NamespaceMode;
const FIELD = "config.linux.security_context.namespace_options";

const withOptions = (namespaceOptions: Options) =>
  podConfig({ securityContext: { namespaceOptions } });

function ofSandbox(options: Options, netnsPath = "/netns"): Record<string, string> {
  const spec = sandboxSpec(sandbox({ config: withOptions(options), netnsPath }));
  return Object.fromEntries(spec.linux.namespaces.map(({ type, path }) => [type, path ?? "new"]));
}

function ofContainer(options: Options, change: Parameters<typeof container>[1] = {}) {
  const linux = { securityContext: { namespaceOptions: options } };
  const { namespaces } = containerSpec(container({ linux }, change)).linux;
  return Object.fromEntries(namespaces.map(({ type, path }) => [type, path ?? "new"]));
}

Deno.test("sandboxSpec() makes all namespaces of a pod but the network's", () => {
  const all = { mount: "new", pid: "new", ipc: "new", uts: "new", network: "/netns" };
  assert.deepEqual(ofSandbox({}), all);
  assert.deepEqual(ofSandbox({ pid: CONTAINER }), all);
});

Deno.test("sandboxSpec() lets a user namespace and the network of it be made together", () => {
  const made = ofSandbox({ usernsOptions: USERNS });
  assert.equal(made.user, "new");
  assert.equal(made.network, "new");
  const config = withOptions({ usernsOptions: USERNS });
  const { namespaces } = sandboxSpec(sandbox({ config, usernsPath: "/userns" })).linux;
  assert(namespaces.every(({ type, path }) => type !== "network" || path !== undefined));
});

Deno.test("sandboxSpec() stays in the node's namespaces where asked to", () => {
  assert.deepEqual(ofSandbox({ pid: NODE, ipc: NODE, network: NODE }, ""), { mount: "new" });
});

Deno.test("sandboxSpec() names no host that is the node's", () => {
  assert.equal(sandboxSpec(sandbox()).hostname, "web-0");
  const config = withOptions({ network: NODE });
  assert.equal(sandboxSpec(sandbox({ config, netnsPath: "" })).hostname, undefined);
});

Deno.test("sandboxSpec() refuses modes that are for containers", () => {
  refuses(() => ofSandbox({ network: CONTAINER }), `${FIELD}.network`);
  refuses(() => ofSandbox({ ipc: TARGET }), `${FIELD}.ipc`);
});

const PIDS: { mode: keyof typeof NamespaceMode; options: Options; path: string }[] = [
  { mode: "POD", options: { pid: POD }, path: "/proc/4711/ns/pid" },
  { mode: "NODE", options: { pid: NODE }, path: "/proc/4711/ns/pid" },
  { mode: "CONTAINER", options: { pid: CONTAINER }, path: "new" },
  { mode: "TARGET", options: { pid: TARGET, targetId: "c0" }, path: "/proc/4800/ns/pid" },
];

for (const { mode, options, path } of PIDS) {
  Deno.test(`containerSpec() finds its processes for mode ${mode}`, () => {
    assert.deepEqual(ofContainer(options, { targetPid: 4800 }), {
      mount: "new",
      ipc: "/proc/4711/ns/ipc",
      uts: "/proc/4711/ns/uts",
      network: "/var/run/netns/cri-5a4b",
      pid: path,
      cgroup: "new",
    });
  });
}

Deno.test("containerSpec() refuses a target that doesn't run", () => {
  const options = { pid: TARGET, targetId: "c0" };
  refuses(() => ofContainer(options), `${FIELD}.target_id`);
  refuses(() => ofContainer(options, { targetPid: 0 }), `${FIELD}.target_id`);
  refuses(() => ofContainer({ pid: -1 }), `${FIELD}.pid`);
});

Deno.test("containerSpec() joins no pod without a process: its paths would be another's", () => {
  assert.throws(() => ofContainer({}, { pod: pod({ pid: 0 }) }), /has no process to join/);
});

Deno.test("containerSpec() joins a host network by the pod's process", () => {
  const facts = pod({ netnsPath: "", config: withOptions({ network: NODE }) });
  assert.equal(ofContainer({ network: NODE }, { pod: facts })["network"], "/proc/4711/ns/net");
});

const REFUSED: { name: string; userns: typeof USERNS; field: string }[] = [
  { name: "mode CONTAINER", userns: { ...USERNS, mode: CONTAINER }, field: "mode" },
  { name: "mode TARGET", userns: { ...USERNS, mode: TARGET }, field: "mode" },
  { name: "no mapping", userns: { ...USERNS, uids: [] }, field: "uids" },
  {
    name: "two mappings",
    userns: { ...USERNS, gids: [...USERNS.gids, ...USERNS.gids] },
    field: "gids",
  },
  {
    name: "a mapping without root",
    userns: { ...USERNS, uids: [{ containerId: 1, hostId: 1, length: 1 }] },
    field: "uids[0].container_id",
  },
  {
    name: "an empty mapping",
    userns: { ...USERNS, uids: [{ containerId: 0, hostId: 1, length: 0 }] },
    field: "uids[0].length",
  },
  {
    name: "a mapping past the last id",
    userns: { ...USERNS, gids: [{ containerId: 0, hostId: 2 ** 32 - 1, length: 2 }] },
    field: "gids[0]",
  },
];

for (const { name, userns, field } of REFUSED) {
  Deno.test(`userMappings() refuses ${name}`, () => {
    const options = NamespaceOption.fromPartial({ usernsOptions: userns });
    refuses(() => userMappings(options), `${FIELD}.userns_options.${field}`);
  });
}

Deno.test("userMappings() refuses mappings for the node's namespace", () => {
  const usernsOptions = { ...USERNS, mode: NODE };
  const options = NamespaceOption.fromPartial({ usernsOptions });
  refuses(() => userMappings(options), `${FIELD}.userns_options`);
});

Deno.test("containerSpec() maps users as the pod does, wished for or not", () => {
  const facts = pod({ config: withOptions({ usernsOptions: USERNS }) });
  for (const usernsOptions of [undefined, USERNS]) {
    const linux = { securityContext: { namespaceOptions: { usernsOptions } } };
    const parts = usernsOptions === undefined ? {} : { linux };
    const spec = containerSpec(container(parts, { pod: facts }));
    assert.deepEqual(spec.linux.uidMappings, [{ containerID: 0, hostID: 1048576, size: 65536 }]);
    assert(spec.linux.namespaces.some(({ path }) => path === "/proc/4711/ns/user"));
  }
});

Deno.test("containerSpec() refuses another user namespace than the pod's", () => {
  refuses(() => ofContainer({ usernsOptions: USERNS }), `${FIELD}.userns_options`);
  const facts = pod({ config: withOptions({ usernsOptions: USERNS }) });
  const other = { ...USERNS, uids: [{ containerId: 0, hostId: 5, length: 65_536 }] };
  refuses(() => ofContainer({ usernsOptions: other }, { pod: facts }), `${FIELD}.userns_options`);
});

Deno.test("containerSpec() refuses users that the pod's namespace has no id for", () => {
  const facts = pod({ config: withOptions({ usernsOptions: USERNS }) });
  const linux = { securityContext: { runAsUser: { value: 65_536n } } };
  const field = "config.linux.security_context";
  refuses(() => containerSpec(container({ linux }, { pod: facts })), `${field}.run_as_user`);
  const groups = { securityContext: { supplementalGroups: [70_000n] } };
  const input = container({ linux: groups }, { pod: facts });
  refuses(() => containerSpec(input), `${field}.supplemental_groups`);
});
