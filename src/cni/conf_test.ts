import assert from "node:assert/strict";
import { parseNetwork, withFolder } from "./conf.ts";

const file = "/etc/cni/net.d/10-x.conflist";

function parse(conf: unknown) {
  return parseNetwork({ file, text: JSON.stringify(conf) });
}

const plugins = [{
  type: "bridge",
  bridge: "cni0",
  mtu: 1400,
  capabilities: { mac: true, x: false },
}];

Deno.test("parseNetwork() keeps a plugin's own keys, and the capabilities that are wanted", () => {
  const { network } = parse({ cniVersion: "1.0.0", name: "n", plugins });
  assert.equal(network.cniVersion, "1.0.0");
  assert.deepEqual(network.plugins[0]?.raw, plugins[0]);
  assert.deepEqual([...network.plugins[0]?.capabilities ?? []], ["mac"]);
});

Deno.test("parseNetwork() makes a list of a file with one plugin", () => {
  const conf = { cniVersion: "0.4.0", name: "n", type: "bridge", bridge: "b" };
  const { network, takesFolder } = parse(conf);
  assert.equal(takesFolder, false);
  assert.deepEqual(JSON.parse(network.source), { cniVersion: "0.4.0", name: "n", plugins: [conf] });
  assert.deepEqual(parseNetwork({ file, text: network.source }).network.plugins, network.plugins);
});

Deno.test("parseNetwork() takes the newest version that the file names and is known", () => {
  const cniVersions = ["0.4.0", "9.0.0", "1.0.0"];
  assert.equal(parse({ name: "n", cniVersions, plugins }).network.cniVersion, "1.0.0");
  const both = { name: "n", cniVersion: "1.1.0", cniVersions, plugins };
  assert.equal(parse(both).network.cniVersion, "1.1.0");
  assert.equal(parse({ name: "n", plugins }).network.cniVersion, undefined);
});

Deno.test("parseNetwork() takes flags as booleans and as words", () => {
  const { network } = parse({ name: "n", disableCheck: "true", disableGC: true, plugins });
  assert.deepEqual([network.disableCheck, network.disableGC], [true, true]);
  assert.equal(parse({ name: "n", disableCheck: "False", plugins }).network.disableCheck, false);
});

Deno.test("withFolder() puts the folder's plugins behind the list's, and into what is cached", () => {
  const { network } = parse({ cniVersion: "1.0.0", name: "n", plugins: [{ type: "a" }] });
  const whole = withFolder(network, [{ file: "/x/10.conf", text: '{"type":"b","k":1}' }]);
  assert.deepEqual(whole.plugins.map(({ type }) => type), ["a", "b"]);
  const again = parseNetwork({ file, text: whole.source });
  assert.equal(again.takesFolder, false);
  assert.deepEqual(again.network.plugins, whole.plugins);
});

for (
  const [what, conf, problem] of [
    ["no name", { plugins }, /^\S+\.conflist: name: is missing$/],
    ["a name that is a path", { name: "../x", plugins }, /: name: "\.\.\/x" is not a name/],
    ["a type that is a path", { name: "n", plugins: [{ type: "../../bin/sh" }] }, /plugins\[0\]\./],
    ["an ipam type that is a path", {
      name: "n",
      plugins: [{ type: "a", ipam: { type: "/bin/sh" } }],
    }, /: plugins\[0\]\.ipam\.type: "\/bin\/sh" is not the bare name/],
    ["no type", { name: "n", plugins: [{ type: "a" }, {}] }, /: plugins\[1\]\.type: is missing$/],
    ["an empty type", { name: "n", plugins: [{ type: "" }] }, /: plugins\[0\]\.type: ""/],
    ["no plugins", { name: "n", plugins: [] }, /: plugins: the list is missing or empty$/],
    ["plugins that are no list", { name: "n", plugins: {} }, /: plugins: /],
    ["an unknown version", { name: "n", cniVersion: "7.0.0", plugins }, /: cniVersion: 7\.0\.0 is/],
    ["nothing in it", {}, /: name: is missing$/],
    ["another thing than an object", [], /: line 1: the file must hold a JSON object$/],
  ] as const
) {
  Deno.test(`parseNetwork() refuses a file with ${what}`, () => {
    assert.throws(() => parse(conf), { kind: "failedPrecondition", message: problem });
  });
}
