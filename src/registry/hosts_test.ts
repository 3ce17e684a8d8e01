import assert from "node:assert/strict";
import { endpointsFor, isLoopback } from "./hosts.ts";

Deno.test("endpointsFor() uses HTTPS but for this machine itself", () => {
  const cases: [string, string][] = [
    ["docker.io", "https://registry-1.docker.io"],
    ["registry.k8s.io", "https://registry.k8s.io"],
    ["example.com:80", "https://example.com:80"],
    ["10.0.0.1:5000", "https://10.0.0.1:5000"],
    ["127.0.0.1:5000", "http://127.0.0.1:5000"],
    ["localhost", "http://localhost"],
    ["localhost:443", "https://localhost:443"],
    ["[::1]:5000", "http://[::1]:5000"],
    ["127.0.0.1.evil.net", "https://127.0.0.1.evil.net"],
  ];
  for (const [domain, origin] of cases) {
    assert.deepEqual(endpointsFor(domain), [{ origin }], domain);
  }
});

Deno.test("isLoopback() is not fooled by names", () => {
  for (const host of ["localhost.evil.net", "127.evil.net", "1127.0.0.1", "[::2]"]) {
    assert.equal(isLoopback(host), false, host);
  }
});
