/** What a handler hears of its caller, over a real connection. */
import assert from "node:assert/strict";
import { RuntimeServiceDefinition } from "../gen/cri/v1/api.ts";
import { CriClient } from "../../tests/world/cri_client.ts";
import { CallsInProgress } from "./calls.ts";
import { serveCri } from "./server.ts";
import { type Handlers, toService } from "./service_definition.ts";

const MIB = 1024 * 1024;

type Listing = Handlers<typeof RuntimeServiceDefinition>["listContainers"];

/** Serves ListContainers alone. */
async function withServer(
  listContainers: Listing,
  work: (client: CriClient) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "cri-handle-" });
  const { fullName, methods } = RuntimeServiceDefinition;
  const definition = { fullName, methods: { listContainers: methods.listContainers } };
  const calls = new CallsInProgress();
  const service = toService(definition, { listContainers }, { gate: () => {}, calls });
  const listen = `${dir}/cri.sock`;
  const server = await serveCri({
    listen,
    gid: 0,
    services: [service],
    calls,
    maxMessageBytes: MIB,
    onListening: () => {},
  });
  try {
    const client = new CriClient(listen);
    try {
      await work(client);
    } finally {
      client[Symbol.dispose]();
    }
  } finally {
    // It ends when every call has ended, with what their ends set off.
    await server.stop();
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("unary() leaves the signal of an answered call as it is", async () => {
  const signals: AbortSignal[] = [];
  await withServer((_request, signal) => {
    signals.push(signal);
    return { containers: [] };
  }, async (client) => {
    await client.call("listContainers", {});
  });
  assert.deepEqual(signals.map(({ aborted }) => aborted), [false]);
});

Deno.test("unary() aborts the signal of a call whose caller goes away", async () => {
  const aborted = Promise.withResolvers<unknown>();
  const begun = Promise.withResolvers<void>();
  await withServer(async (_request, signal) => {
    signal.addEventListener("abort", () => aborted.resolve(signal.reason));
    begun.resolve();
    await aborted.promise;
    return { containers: [] };
  }, async (client) => {
    const leave = new AbortController();
    const call = client.call("listContainers", {}, leave.signal);
    await begun.promise;
    leave.abort();
    await assert.rejects(call, /CANCELLED/);
    assert.match(String(await aborted.promise), /went away/);
  });
});
