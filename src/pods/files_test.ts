import assert from "node:assert/strict";
import { DNSConfig } from "../gen/cri/v1/api.ts";
import { resolvConf } from "./files.ts";

Deno.test("resolvConf() writes searches, servers and options", () => {
  const dns = DNSConfig.fromPartial({
    servers: ["10.0.0.10", "10.0.0.11"],
    searches: ["shop.svc.cluster.local", "cluster.local"],
    options: ["ndots:5"],
  });
  assert.equal(
    resolvConf(dns),
    "search shop.svc.cluster.local cluster.local\n" +
      "nameserver 10.0.0.10\nnameserver 10.0.0.11\noptions ndots:5\n",
  );
});

Deno.test("resolvConf() is empty without a wish, which leaves the node's file to hold", () => {
  assert.equal(resolvConf(undefined), "");
  assert.equal(resolvConf(DNSConfig.fromPartial({})), "");
});
