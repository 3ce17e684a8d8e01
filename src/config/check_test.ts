import assert from "node:assert/strict";
import { checkText, formatProblem } from "./check.ts";

function problems(toml: string): string[] {
  return checkText(toml, "c.toml").problems.map(formatProblem);
}

for (
  const { name, toml, expected } of [
    {
      name: "a misspelt key",
      toml: "[containerd]\nsnapshoter = 'x'",
      expected: /^c\.toml:2: containerd\.snapshoter: unknown key; did you mean snapshotter\?/,
    },
    {
      name: "a key that belongs into a table",
      toml: "snapshotter = 'x'",
      expected: /^c\.toml:1: snapshotter: unknown here; it belongs in \[containerd\]$/,
    },
    {
      name: "a key that belongs at the top",
      toml: "[cni]\nstate = '/x'",
      expected: /^c\.toml:2: cni\.state: unknown here; it belongs at the top of the file/,
    },
    {
      name: "an unknown key of a runtime",
      toml: "[containerd.runtimes.kata]\ntyp = 'x'",
      expected: /^c\.toml:2: containerd\.runtimes\.kata\.typ: unknown key; did you mean type\?/,
    },
    {
      name: "a wrong choice",
      toml: "[log]\nlevel = 'inof'",
      expected: /must be one of "trace", .*, but is "inof"; did you mean "info"\?$/,
    },
    {
      name: "a wrong type",
      toml: "[containerd]\nmanaged = 'yes'",
      expected: /^c\.toml:2: containerd\.managed: must be true or false, but is "yes"$/,
    },
    {
      name: "a relative path",
      toml: "root = 'var/lib'",
      expected: /root: must be an absolute path .*, but is "var\/lib"$/,
    },
    {
      name: "a path with ..",
      toml: "root = '/a/../b'",
      expected: /root: must be an absolute path/,
    },
    { name: "a number without unit", toml: "[cni]\nplugin_timeout = 30", expected: /a duration/ },
    {
      name: "a number out of bounds",
      toml: "[images]\nmax_parallel_downloads = 0",
      expected: /a whole number from 1 to 64, but is 0$/,
    },
    { name: "a fraction", toml: "[cni]\nmax_conf_num = 1.5", expected: /whole number/ },
    { name: "an empty list of folders", toml: "[logs]\ndirs = []", expected: /at least one/ },
    { name: "a list with a number", toml: "[cni]\nbin_dirs = ['/a', 1]", expected: /list/ },
    { name: "a double in a list", toml: "[cni]\nbin_dirs = ['/a', '/a']", expected: /each once/ },
    { name: "a value for a table", toml: "cni = 1", expected: /cni: must be a table, but is 1$/ },
    { name: "a table for a value", toml: "[root]", expected: /root: must be .*, but is a table$/ },
    { name: "a date", toml: "root = 2026-01-01", expected: /but is a date$/ },
    {
      name: "a bad address",
      toml: "[streaming]\naddress = '127.0.0.1:99999'",
      expected: /an IP address or host name with a port/,
    },
    {
      name: "a bad runtime name",
      toml: "[containerd.runtimes.'a b']",
      expected: /^c\.toml:1: containerd\.runtimes\."a b": the name must be letters/,
    },
    {
      name: "a table in options",
      toml: "[containerd.runtimes.runc.options.a]",
      expected: /options: must be a table of strings/,
    },
    { name: "__proto__", toml: "[__proto__]\na = 1", expected: /__proto__: unknown key/ },
    { name: "constructor", toml: "constructor = 1", expected: /constructor: unknown key/ },
  ]
) {
  Deno.test(`checkText() refuses ${name}`, () => {
    const [first = "", ...more] = problems(toml);
    assert.match(first, expected);
    assert.deepEqual(more, []);
  });
}

Deno.test("checkText() tells where the TOML is not valid", () => {
  const [first = ""] = problems("a = 1\nroot = \n");
  assert.match(first, /^c\.toml:2: not valid TOML: /);
});

Deno.test("checkText() tells all problems at once", () => {
  assert.equal(problems("a = 1\nroot = 1\n[log]\nlevel = 1\n[x]\n").length, 4);
});

Deno.test("checkText() cuts long values in its messages", () => {
  const [first = ""] = problems(`root = '${"x".repeat(10_000)}'`);
  assert.ok(first.length < 300);
});
