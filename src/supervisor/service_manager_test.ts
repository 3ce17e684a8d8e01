import assert from "node:assert/strict";
import { openServiceManager, type ServiceManager, watchdogMs } from "./service_manager.ts";

interface Listener extends AsyncDisposable {
  readonly dir: string;
  readonly socket: string;
  receive(): Promise<string>;
}

/** What systemd is for the daemon: a datagram socket. */
async function listen(): Promise<Listener> {
  const dir = await Deno.makeTempDir({ prefix: "cri-notify-" });
  const socket = `${dir}/systemd.sock`;
  const connection = Deno.listenDatagram({ transport: "unixpacket", path: socket });
  return {
    dir,
    socket,
    receive: async () => new TextDecoder().decode((await connection.receive())[0]),
    [Symbol.asyncDispose]: async () => {
      connection.close();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

function open(listener: Listener, watchdogUsec?: string): Promise<ServiceManager> {
  const { socket, dir } = listener;
  return openServiceManager({ socket, watchdogUsec, ownPath: `${dir}/own.sock` });
}

Deno.test("openServiceManager() tells of readiness and of stopping, and leaves no socket", async () => {
  await using listener = await listen();
  const manager = await open(listener);
  await manager.ready("Serving the CRI on /run/x.sock");
  assert.equal(await listener.receive(), "READY=1\nSTATUS=Serving the CRI on /run/x.sock");
  await manager.stopping();
  assert.match(await listener.receive(), /^STOPPING=1\n/);
  manager.close();
  const left = await Array.fromAsync(Deno.readDir(listener.dir), ({ name }) => name);
  assert.deepEqual(left, ["systemd.sock"]);
});

Deno.test("openServiceManager() takes the place of a socket that a killed daemon left", async () => {
  await using listener = await listen();
  const killed = Deno.listenDatagram({ transport: "unixpacket", path: `${listener.dir}/own.sock` });
  killed.close();
  const manager = await open(listener);
  await manager.ready("x");
  assert.match(await listener.receive(), /^READY=1/);
  manager.close();
});

Deno.test("watch() gives signs of life only while the daemon is alive", async () => {
  await using listener = await listen();
  const manager = await open(listener, "3000");
  let asked = 0;
  // Dead at the first question, alive from the second on.
  manager.watch(() => ++asked > 1);
  assert.equal(await listener.receive(), "WATCHDOG=1");
  assert.ok(asked >= 2);
  manager.close();
});

Deno.test("openServiceManager() without a socket, with an abstract or a dead one, says nothing", async () => {
  for (const socket of [undefined, "", "@abstract", "/nonexistent/systemd.sock"]) {
    const dir = await Deno.makeTempDir({ prefix: "cri-notify-" });
    const manager = await openServiceManager({
      socket,
      watchdogUsec: "1000000",
      ownPath: `${dir}/own.sock`,
    });
    await manager.ready("x");
    manager.close();
    assert.deepEqual(await Array.fromAsync(Deno.readDir(dir)), []);
    await Deno.remove(dir);
  }
});

Deno.test("watchdogMs() is a third of what systemd allows", () => {
  assert.equal(watchdogMs("60000000"), 20_000);
  for (const none of [undefined, "", "0", "x", "-1"]) assert.equal(watchdogMs(none), undefined);
});
