import assert from "node:assert/strict";
import { isLoopback, ownEndpoint } from "./hosts.ts";

Deno.test("ownEndpoint() uses HTTPS but for this machine itself", () => {
  const cases: [string, string][] = [
    ["docker.io", "https://registry-1.docker.io/v2"],
    ["registry.k8s.io", "https://registry.k8s.io/v2"],
    ["example.com:80", "https://example.com:80/v2"],
    ["10.0.0.1:5000", "https://10.0.0.1:5000/v2"],
    ["127.0.0.1:5000", "http://127.0.0.1:5000/v2"],
    ["localhost", "http://localhost/v2"],
    ["localhost:443", "https://localhost/v2"],
    ["[::1]:5000", "http://[::1]:5000/v2"],
    ["127.0.0.1.evil.net", "https://127.0.0.1.evil.net/v2"],
  ];
  for (const [domain, root] of cases) assert.equal(ownEndpoint(domain).root.href, root, domain);
});

Deno.test("isLoopback() is not fooled by names", () => {
  for (const host of ["localhost.evil.net", "127.evil.net", "1127.0.0.1", "[::2]"]) {
    assert.equal(isLoopback(host), false, host);
  }
});
