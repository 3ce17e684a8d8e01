import assert from "node:assert/strict";
import { CriError } from "../base/errors.ts";
import { parseHostsFile } from "./hosts_file.ts";

const FILE = "/etc/certs.d/docker.io/hosts.toml";

Deno.test("parseHostsFile() reads every key, the mirrors in their order and the server last", () => {
  const entries = parseHostsFile(
    `server = "https://registry-1.docker.io"
capabilities = ["pull", "resolve"]
[host."https://b.example"]
  capabilities = ["Pull"]
  ca = "b.crt"
  client = [["b.cert", "/keys/b.key"], ["both.pem", ""]]
  dial_timeout = "2s"
  [host."https://b.example".header]
    X-One = "1"
    X-Two = ["a", "b"]
[host."http://a.example:5000/team/"]
  skip_verify = true
[host."https://harbor.example/v2/proxy"]
  override_path = true
  ca = ["one.crt", "/two.crt"]
  client = "me.pem"
  proxy = "http://proxy.example:3128"
`,
    FILE,
  );
  const [b, a, harbor, own] = entries;
  assert.equal(entries.length, 4);
  assert.deepEqual(b, {
    root: new URL("https://b.example/v2"),
    resolves: false,
    pulls: true,
    caFiles: ["/etc/certs.d/docker.io/b.crt"],
    clientFiles: [
      ["/etc/certs.d/docker.io/b.cert", "/keys/b.key"],
      ["/etc/certs.d/docker.io/both.pem", ""],
    ],
    skipsVerify: false,
    headers: [["X-One", "1"], ["X-Two", "a"], ["X-Two", "b"]],
    dialTimeoutMs: 2000,
    proxy: undefined,
  });
  assert.equal(a?.root?.href, "http://a.example:5000/team/v2");
  assert.equal(a.skipsVerify, true);
  assert.equal(a.resolves, true);
  assert.equal(harbor?.root?.href, "https://harbor.example/v2/proxy");
  assert.deepEqual(harbor.caFiles, ["/etc/certs.d/docker.io/one.crt", "/two.crt"]);
  assert.deepEqual(harbor.clientFiles, [["/etc/certs.d/docker.io/me.pem", ""]]);
  assert.equal(harbor.proxy, "http://proxy.example:3128");
  assert.equal(own?.root?.href, "https://registry-1.docker.io/v2");
});

Deno.test("parseHostsFile() takes the registry itself where no server is named", () => {
  const [mirror, own] = parseHostsFile(`[host."mirror.example"]`, FILE);
  assert.equal(mirror?.root?.href, "https://mirror.example/v2");
  assert.equal(own?.root, undefined);
  assert.equal(own?.resolves, true);
});

for (
  const { name, toml, expected } of [
    { name: "text that isn't TOML", toml: "a = = b", expected: /hosts\.toml:1: / },
    { name: "an unknown key", toml: "serverr = 'x'", expected: /hosts\.toml: .*serverr/ },
    {
      name: "an unknown capability",
      toml: "[host.'https://m']\ncapabilities = ['pul']",
      expected: /host\.https:\/\/m\.capabilities\.0: must be one of pull, resolve, push/,
    },
    { name: "a server that is no URL", toml: "server = 'https://'", expected: /is not the URL/ },
    { name: "credentials in a URL", toml: "server = 'https://a:b@c'", expected: /is not the URL/ },
    { name: "a wrong duration", toml: "dial_timeout = '3'", expected: /must be a duration/ },
    { name: "a wrong proxy", toml: "proxy = 'ftp://x'", expected: /must be the URL of a proxy/ },
    {
      name: "skip_verify beside a proxy",
      toml: "skip_verify = true\nproxy = 'http://x'",
      expected: /don't go together/,
    },
    { name: "a pair of three", toml: "client = [['a', 'b', 'c']]", expected: /client/ },
  ]
) {
  Deno.test(`parseHostsFile() refuses ${name} and names the file`, () => {
    assert.throws(() => parseHostsFile(toml, FILE), (error) => {
      assert(error instanceof CriError);
      assert.match(error.message, expected);
      assert.equal(error.kind, "failedPrecondition");
      return true;
    });
  });
}

Deno.test("parseHostsFile() refuses a header that can't be sent without showing its value", () => {
  const toml = '[header]\nAuthorization = "secret\\nvalue"';
  assert.throws(() => parseHostsFile(toml, FILE), (error) => {
    assert(error instanceof CriError);
    assert.match(error.message, /header\."Authorization" can't be sent/);
    assert(!error.text.includes("secret"));
    return true;
  });
});
