import assert from "node:assert/strict";
import { SYMBOLS } from "./symbols.ts";

Deno.test("SYMBOLS has nothing that starts a program or listens", () => {
  const forbidden = /^(exec|fork|clone|system|popen|posix_spawn|bind|listen|send|dl|syscall)/;
  assert.deepEqual(SYMBOLS.filter(({ symbol }) => forbidden.test(symbol)), []);
});

Deno.test("SYMBOLS lets no compartment both make a socket and connect it", () => {
  const holders = (name: string) => SYMBOLS.find(({ symbol }) => symbol === name);
  assert.equal(holders("socket")?.io, false);
  assert.equal(holders("connect")?.server, false);
});

Deno.test("SYMBOLS gives namespaces, mounts and signals to the server alone, and each symbol to somebody", () => {
  for (const { symbol, server, io, selinux } of SYMBOLS) {
    assert(server || io || selinux, symbol);
    if (/^(unshare|setns|u?mount2?|socket|ioctl|unlinkat|kill)$/.test(symbol)) assert(!io, symbol);
    if (/^(write|mkfifo|epoll_wait)$/.test(symbol)) assert(!server, symbol);
  }
});
