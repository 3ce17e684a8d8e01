/** Floods of connections and calls: a kubelet's own calls are answered, and nothing of them stays. */
import assert from "node:assert/strict";
import { CriClient } from "../world/cri_client.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { delay, eventually } from "../world/delay.ts";

const MANY = 10_000;
/** Open at the same time, so that the test's own limit of files isn't what is tried. */
const AT_ONCE = 500;
const GARBAGE = new TextEncoder().encode("GET / HTTP/1.1\r\nhost: node\r\n\r\n");

const daemon = await startDaemon({ logLevel: "info" });
Deno.test.afterAll(async () => await daemon[Symbol.asyncDispose]());

/** A connection, as soon as the daemon takes one more. */
async function connect({ listen }: Daemon): Promise<Deno.UnixConn> {
  for (;;) {
    try {
      return await Deno.connect({ transport: "unix", path: listen });
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      await delay(1);
    }
  }
}

async function openFiles(): Promise<number> {
  return (await Array.fromAsync(Deno.readDir(`/proc/${daemon.pid}/fd`))).length;
}

Deno.test(`${MANY} connections that say nothing, or what isn't gRPC, hold nobody up`, async () => {
  using kubelet = new CriClient(daemon.listen);
  await kubelet.call("version", {});
  const before = await openFiles();
  for (let opened = 0; opened < MANY; opened += AT_ONCE) {
    const flood = await Promise.all(Array.from({ length: AT_ONCE }, () => connect(daemon)));
    // Every other one is answered by the end of the connection, which a write may meet.
    await Promise.allSettled(flood.filter((_, at) => at % 2 === 0).map((it) => it.write(GARBAGE)));
    assert.equal((await kubelet.call("version", {})).runtimeName, "containerd");
    for (const connection of flood) connection.close();
  }
  await eventually("the connections to be gone", async () => await openFiles() <= before, 30_000);
});

Deno.test(`${MANY} calls at once leave a kubelet's answered`, async () => {
  using other = new CriClient(daemon.listen);
  using kubelet = new CriClient(daemon.listen);
  // Connections of the flood before may still be waiting to be taken.
  await eventually("a connection", () => kubelet.call("version", {}).catch(() => undefined));
  let answered = 0;
  const flood = Array.from(
    { length: MANY },
    () => other.call("listContainers", {}).then(() => answered++),
  );
  assert.ok((await kubelet.call("status", {})).status);
  const whenHeard = answered;
  await Promise.all(flood);
  assert.equal(answered, MANY);
  assert.ok(whenHeard < MANY, "it was answered while the others were still waiting");
});
