import assert from "node:assert/strict";
import { parseNetDev } from "./network.ts";

const HEAD = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`;

Deno.test("parseNetDev() gives the counters of each interface but the loopback", () => {
  const text =
    `${HEAD}    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 18446744073709551615 20 3 4 0 0 0 0 50 6 7 8 0 0 0 0
eth0:1:  1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0
`;
  const [eth0, alias, ...others] = parseNetDev(text);
  assert.deepEqual(others, []);
  assert.deepEqual(eth0, {
    name: "eth0",
    rxBytes: 18_446_744_073_709_551_615n,
    rxPackets: 20n,
    rxErrors: 3n,
    rxDropped: 4n,
    txBytes: 50n,
    txPackets: 6n,
    txErrors: 7n,
    txDropped: 8n,
  });
  assert.deepEqual([alias?.name, alias?.txBytes], ["eth0:1", 5n]);
});

Deno.test("parseNetDev() takes a namespace without interfaces and an empty text", () => {
  assert.deepEqual(parseNetDev(HEAD), []);
  assert.deepEqual(parseNetDev(""), []);
});

Deno.test("parseNetDev() takes what isn't a number for none", () => {
  const [eth0] = parseNetDev(`${HEAD}eth0: x 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n`);
  assert.deepEqual([eth0?.rxBytes, eth0?.rxPackets], [0n, 2n]);
});
