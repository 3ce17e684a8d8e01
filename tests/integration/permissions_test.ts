/** Each cell of the design's table of compartments: what it may do works, all else is refused. */
import assert from "node:assert/strict";
import { defaultConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/table.ts";
import type { CompartmentName } from "../../src/compartments/start.ts";
import { computePermissions, workerPermissions } from "../../src/supervisor/permissions.ts";
import { LIBC_PATHS } from "../../src/linux/libc.ts";
import type { Attempt } from "../fixtures/supervisor/attempts.ts";

/** A node in a temporary folder: its folders, sockets, a registry's port, two plugins. */
interface Node extends AsyncDisposable {
  config: Config;
  dir: string;
  plugin: string;
  registryPort: number;
}

async function makeNode(): Promise<Node> {
  const dir = await Deno.makeTempDir({ prefix: "cri-permissions-" });
  const base = defaultConfig();
  const config: Config = {
    ...base,
    root: `${dir}/root`,
    state: `${dir}/state`,
    listen: `${dir}/state/cri.sock`,
    containerd: { ...base.containerd, address: `${dir}/containerd.sock` },
    cni: {
      ...base.cni,
      conf_dir: `${dir}/net.d`,
      bin_dirs: [`${dir}/bin`],
      cache_dir: `${dir}/cni`,
      netns_dir: `${dir}/netns`,
    },
    images: {
      ...base.images,
      registry_config: `${dir}/certs.d`,
      import_dir: `${dir}/root/images`,
    },
    logs: { ...base.logs, dirs: [`${dir}/pods`] },
    checkpoints: { dirs: [`${dir}/kubelet/checkpoints`] },
  };
  const folders = ["root/containerd", "state/io", "net.d", "bin", "cni", "netns", "certs.d"];
  const more = ["pods", "elsewhere", "root/images", "kubelet/checkpoints"];
  for (const folder of [...folders, ...more]) {
    await Deno.mkdir(`${dir}/${folder}`, { recursive: true });
  }
  const plugin = `${dir}/bin/bridge`;
  await Deno.writeTextFile(plugin, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
  await Deno.writeTextFile(`${dir}/elsewhere/program`, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
  const containerd = Deno.listen({ transport: "unix", path: config.containerd.address });
  const cri = Deno.listen({ transport: "unix", path: config.listen });
  const registry = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return {
    config,
    dir,
    plugin,
    registryPort: registry.addr.port,
    async [Symbol.asyncDispose]() {
      for (const listener of [containerd, cri, registry]) listener.close();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** Tries things in one Worker with the permissions of a compartment. */
async function attemptAll(
  node: Node,
  name: CompartmentName,
  attempts: readonly Attempt[],
): Promise<unknown[]> {
  const permissions = computePermissions(node.config, [node.plugin])[name];
  const worker = new Worker(new URL("../fixtures/supervisor/attempts.ts", import.meta.url), {
    type: "module",
    deno: { permissions: workerPermissions(permissions) },
  });
  const outcomes: unknown[] = [];
  for (const attempt of attempts) {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    worker.onmessage = (event) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(attempt);
    outcomes.push(await promise);
  }
  worker.terminate();
  return outcomes;
}

type Make = (node: Node) => Attempt[];
interface Cell {
  name: string;
  compartment: CompartmentName;
  may: Make;
  mayNot: Make;
}

const LIBC = LIBC_PATHS.filter((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}).slice(0, 1);

const run: Make = ({ dir, plugin }) => [
  { kind: "run", path: plugin },
  { kind: "run", path: `${dir}/elsewhere/program` },
  { kind: "run", path: "/bin/sh" },
];
const tcp: Make = ({ registryPort }) => [{ kind: "tcp", port: registryPort }];
const containerd: Make = ({ config }) => [{ kind: "unix", path: config.containerd.address }];
const cri: Make = ({ config }) => [{ kind: "unix", path: config.listen }];
const libc: Make = () => LIBC.map((path) => ({ kind: "ffi", path }));
const elsewhere: Make = ({ dir }) => [
  { kind: "read", path: `${dir}/elsewhere/program` },
  { kind: "write", path: `${dir}/elsewhere/new` },
  { kind: "read", path: "/etc/shadow" },
  { kind: "write", path: "/etc/cri-containerd-test" },
];
const nothing: Make = () => [];

const CELLS: readonly Cell[] = [
  { name: "run programs", compartment: "server", may: containerd, mayNot: run },
  { name: "reach any network", compartment: "server", may: cri, mayNot: tcp },
  {
    name: "touch files that are not its own",
    compartment: "server",
    may: ({ dir }) => [
      { kind: "write", path: `${dir}/state/file` },
      { kind: "write", path: `${dir}/root/file` },
      { kind: "write", path: `${dir}/cni/file` },
      { kind: "write", path: `${dir}/netns/file` },
      { kind: "write", path: `${dir}/kubelet/checkpoints/one.tar` },
      { kind: "read", path: `${dir}/kubelet/checkpoints` },
      { kind: "read", path: `${dir}/net.d` },
      { kind: "read", path: "/etc/hosts" },
    ],
    mayNot: (node) => [
      ...elsewhere(node),
      { kind: "write", path: `${node.dir}/net.d/10-evil.conf` },
      { kind: "write", path: "/etc/hosts" },
      { kind: "write", path: node.plugin },
      { kind: "write", path: `${node.dir}/pods/log` },
      { kind: "write", path: `${node.dir}/kubelet/config.yaml` },
      { kind: "read", path: `${node.dir}/kubelet` },
    ],
  },
  { name: "open another library", compartment: "server", may: libc, mayNot: otherLibrary },
  { name: "run programs", compartment: "io", may: libc, mayNot: run },
  {
    name: "reach registries",
    compartment: "io",
    may: () => [{ kind: "listen", hostname: "127.0.0.1", port: 0 }],
    mayNot: (node) => [...tcp(node), { kind: "listen", hostname: "0.0.0.0", port: 0 }],
  },
  {
    name: "touch images",
    compartment: "io",
    may: ({ dir }) => [
      { kind: "write", path: `${dir}/pods/log` },
      { kind: "write", path: `${dir}/state/io/fifo` },
    ],
    mayNot: (node) => [
      ...containerd(node),
      ...cri(node),
      ...elsewhere(node),
      { kind: "read", path: `${node.dir}/root/containerd` },
      { kind: "write", path: `${node.dir}/state/file` },
    ],
  },
  {
    name: "touch files",
    compartment: "cni",
    may: nothing,
    mayNot: (node) => [
      ...elsewhere(node),
      { kind: "read", path: `${node.dir}/net.d` },
      { kind: "read", path: node.plugin },
      { kind: "write", path: node.plugin },
    ],
  },
  {
    name: "run what is not in the plugin folders",
    compartment: "cni",
    may: ({ plugin }) => [{ kind: "run", path: plugin }],
    mayNot: (node) => run(node).slice(1),
  },
  { name: "reach any network", compartment: "cni", may: nothing, mayNot: tcp },
  { name: "reach containerd", compartment: "cni", may: nothing, mayNot: containerd },
  { name: "use FFI", compartment: "cni", may: nothing, mayNot: libc },
  {
    name: "use FFI",
    compartment: "registry",
    may: (node) => [...tcp(node), ...containerd(node)],
    mayNot: libc,
  },
  { name: "run programs", compartment: "registry", may: nothing, mayNot: run },
  {
    name: "write files",
    compartment: "registry",
    may: ({ dir }) => [{ kind: "read", path: `${dir}/certs.d` }],
    mayNot: (node) => [
      ...elsewhere(node),
      { kind: "write", path: `${node.dir}/certs.d/hosts.toml` },
      { kind: "write", path: `${node.dir}/state/file` },
    ],
  },
  { name: "reach the CRI socket", compartment: "registry", may: nothing, mayNot: cri },
];

function otherLibrary(): Attempt[] {
  return LIBC.map((path) => ({ kind: "ffi", path: path.replace("libc.so.6", "libm.so.6") }));
}

for (const { name, compartment, may, mayNot } of CELLS) {
  Deno.test(`the ${compartment} compartment may not ${name}`, async () => {
    await using node = await makeNode();
    const allowed = may(node);
    assert.deepEqual(await attemptAll(node, compartment, allowed), allowed.map(() => "done"));
    const forbidden = mayNot(node);
    const outcomes = await attemptAll(node, compartment, forbidden);
    assert.deepEqual(
      forbidden.filter((_, at) => outcomes[at] !== "NotCapable"),
      [],
      "these were not refused",
    );
  });
}

Deno.test("the io compartment may write a certificate only where it is to make one", async () => {
  await using node = await makeNode();
  await Deno.mkdir(`${node.dir}/state/streaming`);
  const attempts: Attempt[] = [
    { kind: "write", path: `${node.dir}/state/streaming/key.pem` },
    { kind: "write", path: `${node.dir}/state/key.pem` },
    { kind: "write", path: `${node.dir}/root/key.pem` },
  ];
  assert.deepEqual(new Set(await attemptAll(node, "io", attempts)), new Set(["NotCapable"]));
  const streaming = { ...node.config.streaming, tls_self_signed: true };
  const makes = { ...node, config: { ...node.config, streaming } };
  const outcomes = await attemptAll(makes, "io", attempts);
  assert.deepEqual(outcomes, ["done", "NotCapable", "NotCapable"]);
});

Deno.test("the server compartment may not use FFI any more once it has given it up", async () => {
  await using node = await makeNode();
  const outcomes = await attemptAll(node, "server", [
    ...libc(node),
    { kind: "revoke ffi" },
    ...libc(node),
  ]);
  assert.deepEqual(outcomes, ["done", "done", "NotCapable"]);
});

Deno.test("no compartment sees an environment variable that is not on its list", async () => {
  await using node = await makeNode();
  Deno.env.set("SECRET_OF_TEST", "x");
  Deno.env.set("HTTPS_PROXY", "http://127.0.0.1:1");
  for (const name of ["server", "io", "cni", "registry"] as const) {
    const outcomes = await attemptAll(node, name, [
      { kind: "env", name: "SECRET_OF_TEST" },
      { kind: "env", name: "HTTPS_PROXY" },
    ]);
    assert.deepEqual(outcomes, ["NotCapable", name === "registry" ? "done" : "NotCapable"], name);
  }
  Deno.env.delete("SECRET_OF_TEST");
  Deno.env.delete("HTTPS_PROXY");
});
