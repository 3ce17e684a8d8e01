import assert from "node:assert/strict";
import { isKind } from "../base/errors.ts";
import { type ConfigSources, defaultConfig, loadConfig, parseConfig } from "./load.ts";

function withFiles(files: Record<string, string | Uint8Array>, work: (dir: string) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${dir}/conf.d`);
    for (const [name, content] of Object.entries(files)) {
      if (typeof content === "string") Deno.writeTextFileSync(`${dir}/${name}`, content);
      else Deno.writeFileSync(`${dir}/${name}`, content);
    }
    work(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function configOf(toml: string) {
  const { config, problems } = parseConfig(toml);
  assert.deepEqual(problems, []);
  assert.ok(config !== undefined);
  return config;
}

Deno.test("defaultConfig() is that of an empty file", () => {
  assert.deepEqual(configOf(""), defaultConfig());
  assert.equal(defaultConfig().listen, "/run/cri-containerd/cri-containerd.sock");
  assert.deepEqual([...defaultConfig().containerd.runtimes.keys()], ["runc"]);
});

Deno.test("defaultConfig() survives the way to another thread", () => {
  assert.deepEqual(structuredClone(defaultConfig()), defaultConfig());
});

Deno.test("parseConfig() moves what lies below root and state with them", () => {
  const config = configOf("root = '/r/'\nstate = '/s'");
  assert.equal(config.root, "/r");
  assert.equal(config.images.import_dir, "/r/images");
  assert.equal(config.listen, "/s/cri-containerd.sock");
});

Deno.test("parseConfig() gives a runtime that says little the defaults", () => {
  const { runtimes } = configOf(
    "[containerd.runtimes.kata]\ntype='io.containerd.kata.v2'\noptions={ConfigPath='/k'}\n" +
      "[containerd.runtimes.plain]",
  ).containerd;
  assert.deepEqual([...runtimes.keys()], ["runc", "kata", "plain"]);
  assert.equal(runtimes.get("kata")?.type, "io.containerd.kata.v2");
  assert.deepEqual(runtimes.get("kata")?.options, new Map([["ConfigPath", "/k"]]));
  assert.equal(runtimes.get("plain")?.type, "io.containerd.runc.v2");
  assert.equal(runtimes.get("constructor"), undefined);
});

Deno.test("parseConfig() holds durations in milliseconds", () => {
  assert.equal(configOf("[cni]\nplugin_timeout = '1m30s'").cni.plugin_timeout, 90_000);
});

for (
  const { name, toml, place } of [
    { name: "an unknown default runtime", toml: "\n[containerd]\ndefault_runtime = 'x'", place: 3 },
    { name: "a root in state", toml: "root = '/run/cri-containerd/x'", place: 1 },
    {
      name: "containerd's own socket",
      toml: "listen = '/run/containerd/containerd.sock'",
      place: 1,
    },
  ]
) {
  Deno.test(`parseConfig() refuses ${name} and tells where`, () => {
    const { config, problems } = parseConfig(toml);
    assert.equal(config, undefined);
    assert.deepEqual(problems.map((problem) => problem.line), [place]);
  });
}

Deno.test("parseConfig() warns of what has no effect or is open to others", () => {
  const { warnings } = parseConfig(
    "[containerd]\nmanaged = true\naddress = '/x'\n[streaming]\naddress = '0.0.0.0:1'",
  );
  assert.deepEqual(warnings.map(({ key, line }) => [key, line]), [
    ["containerd.address", 3],
    ["streaming.address", 5],
  ]);
});

for (const key of ["tls_cert = '/c'\ntls_key = '/k'", "tls_self_signed = true"]) {
  Deno.test(`parseConfig() warns of no open streams with ${key.split(" ")[0]}`, () => {
    const { warnings } = parseConfig(`[streaming]\naddress = '0.0.0.0:1'\n${key}`);
    assert.deepEqual(warnings, []);
  });
}

Deno.test("loadConfig() lets drop-ins and then flags replace single keys", () => {
  withFiles({
    "config.toml": "root = '/main'\n[cni]\nmax_conf_num = 2\nbin_dirs = ['/a', '/b']\n",
    "conf.d/20-b.toml": "[cni]\nbin_dirs = ['/c']\n",
    "conf.d/10-a.toml": "[cni]\nbin_dirs = ['/d']\n[log]\nlevel = 'warn'\n",
    "conf.d/notes.txt": "not = [ read",
    "conf.d/.hidden.toml": "not = [ read",
  }, (dir) => {
    const { config, files } = loadConfig({
      path: `${dir}/config.toml`,
      overrides: { log: { level: "debug" } },
    });
    assert.deepEqual(
      files,
      ["config.toml", "conf.d/10-a.toml", "conf.d/20-b.toml"]
        .map((name) => `${dir}/${name}`),
    );
    assert.equal(config.root, "/main");
    assert.equal(config.cni.max_conf_num, 2);
    assert.deepEqual(config.cni.bin_dirs, ["/c"]);
    assert.equal(config.log.level, "debug");
  });
});

Deno.test("loadConfig() tells the problems of all files and flags in one error", () => {
  withFiles({ "config.toml": "a = 1\n\nb = 1\n", "conf.d/x.toml": "\nc = 1\n" }, (dir) => {
    assertFails({ path: `${dir}/config.toml`, overrides: { listen: "relative" } }, (message) => {
      assert.match(message, /^The configuration has 4 problems:\n/);
      for (const part of ["config.toml:1: a:", "config.toml:3: b:", "conf.d/x.toml:2: c:"]) {
        assert.ok(message.includes(part), part);
      }
      assert.ok(message.includes("command line: listen: must be an absolute path"));
    });
  });
});

Deno.test("loadConfig() refuses what is not a text file of sensible size", () => {
  withFiles(
    { "config.toml": new Uint8Array([0xff, 0xfe]), "big.toml": "#".repeat(2 ** 21) },
    (dir) => {
      assertFails({ path: `${dir}/config.toml` }, (message) => assert.match(message, /not UTF-8/));
      assertFails({ path: `${dir}/big.toml` }, (message) => assert.match(message, /at most/));
      assertFails({ path: `${dir}/conf.d` }, (message) => assert.match(message, /not a file/));
    },
  );
});

Deno.test("loadConfig() misses a file that was named, not the default one", () => {
  withFiles({}, (dir) => {
    const path = `${dir}/none.toml`;
    assert.throws(() => loadConfig({ path }), (error) => isKind(error, "notFound"));
  });
});

function assertFails(sources: ConfigSources, look: (message: string) => void): void {
  assert.throws(() => loadConfig(sources), (error) => {
    assert.ok(isKind(error, "invalidArgument"));
    look(error.message);
    return true;
  });
}
