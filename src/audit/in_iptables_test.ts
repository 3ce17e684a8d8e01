import assert from "node:assert/strict";
import { podRules } from "./in_iptables.ts";

const ID = "ab".repeat(32);

Deno.test("podRules() finds the rules that lead to a container's chains, and no others", () => {
  const jump =
    `POSTROUTING -s 10.1.0.5/32 -m comment --comment "name: \\"pods\\" id: \\"${ID}\\"" ` +
    "-j CNI-0123456789abcdef01234567";
  const port = `CNI-HOSTPORT-DNAT -p tcp -m comment --comment ` +
    `"dnat name: \\"pods\\" id: \\"${ID}\\"" -m multiport --dports 80,81 -j CNI-DN-0123456789abcdef0123`;
  const saved = [
    "*nat",
    ":POSTROUTING ACCEPT [1:60]",
    ":CNI-0123456789abcdef01234567 - [0:0]",
    `-A ${jump}`,
    "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
    `-A ${port}`,
    `-A CNI-0123456789abcdef01234567 -d 10.1.0.0/24 -m comment --comment ` +
    `"name: \\"pods\\" id: \\"${ID}\\"" -j ACCEPT`,
    "COMMIT",
    "",
  ].join("\n");
  assert.deepEqual(podRules("iptables", saved), [
    {
      family: "iptables",
      network: "pods",
      containerId: ID,
      rule: jump,
      chain: "CNI-0123456789abcdef01234567",
    },
    {
      family: "iptables",
      network: "pods",
      containerId: ID,
      rule: port,
      chain: "CNI-DN-0123456789abcdef0123",
    },
  ]);
  assert.deepEqual(podRules("iptables", ""), []);
});
