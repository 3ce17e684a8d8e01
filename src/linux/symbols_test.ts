import assert from "node:assert/strict";
import { SYMBOLS } from "./symbols.ts";

Deno.test("SYMBOLS has nothing that starts a program or reaches the network", () => {
  const forbidden =
    /^(exec|fork|clone|system|popen|posix_spawn|connect|bind|listen|send|dl|syscall)/;
  assert.deepEqual(SYMBOLS.filter(({ symbol }) => forbidden.test(symbol)), []);
});

Deno.test("SYMBOLS gives namespaces, mounts and signals to the server alone, and each symbol to somebody", () => {
  for (const { symbol, server, io } of SYMBOLS) {
    assert(server || io, symbol);
    if (/^(unshare|setns|u?mount2?|socket|ioctl|unlinkat|kill)$/.test(symbol)) assert(!io, symbol);
    if (/^(write|mkfifo|epoll_wait)$/.test(symbol)) assert(!server, symbol);
  }
});
