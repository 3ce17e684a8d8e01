import assert from "node:assert/strict";
import type { CompartmentName } from "../compartments/start.ts";
import { type Ports, Wiring } from "./wiring.ts";

/** Whether two ports are the ends of one channel. */
async function joined(one: MessagePort | undefined, other: MessagePort | undefined) {
  assert(one !== undefined && other !== undefined);
  const { promise, resolve } = Promise.withResolvers<unknown>();
  other.onmessage = (event) => resolve(event.data);
  one.postMessage("hello");
  return await promise === "hello";
}

function closeAll(...all: Ports[]): void {
  for (const ports of all) for (const port of Object.values(ports)) port.close();
}

Deno.test("Wiring.connectAll() joins the server with each of the others", async () => {
  const wiring = new Wiring(() => false);
  wiring.connectAll();
  const server = wiring.take("server");
  assert.deepEqual(Object.keys(server).sort(), ["cni", "io", "registry"]);
  const io = wiring.take("io");
  assert.deepEqual(Object.keys(io), ["server"]);
  assert(await joined(server.io, io.server));
  wiring.close();
  closeAll(server, io);
});

Deno.test("Wiring.reconnect() hands the new end to a running peer and says whether to drain", async () => {
  const delivered: { to: CompartmentName; drain: boolean; port: MessagePort }[] = [];
  const wiring = new Wiring((to, { port, drain }) => {
    delivered.push({ to, drain, port });
    return true;
  });
  wiring.reconnect("cni", { drain: true });
  assert.deepEqual(delivered.map(({ to, drain }) => ({ to, drain })), [{
    to: "server",
    drain: true,
  }]);
  const cni = wiring.take("cni");
  assert(await joined(cni.server, delivered[0]?.port));
  closeAll(cni);
  delivered[0]?.port.close();
});

Deno.test("Wiring.reconnect() of two that are both down joins them in the end", async () => {
  const wiring = new Wiring(() => false);
  wiring.reconnect("io");
  wiring.reconnect("server");
  const [server, io] = [wiring.take("server"), wiring.take("io")];
  assert(await joined(server.io, io.server));
  wiring.close();
  closeAll(server, io);
});
