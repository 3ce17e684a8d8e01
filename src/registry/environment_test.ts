import assert from "node:assert/strict";
import { namesProxy } from "./environment.ts";

Deno.test("namesProxy() finds a proxy under each of its names, and none that is empty", () => {
  const among = (env: Record<string, string>) => namesProxy((name) => env[name]);
  for (const name of ["HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) {
    assert.equal(among({ [name]: "http://proxy.example:3128" }), true, name);
    assert.equal(among({ [name]: "" }), false, name);
  }
  assert.equal(among({ NO_PROXY: "*", SSL_CERT_FILE: "/etc/ssl/cert.pem" }), false);
});
