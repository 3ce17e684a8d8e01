import assert from "node:assert/strict";
import {
  ContainerAttributes,
  ContainerStats,
  ListContainerStatsResponse,
} from "../gen/cri/v1/api.ts";
import { type Encoded, fieldEntry, joinEntries } from "../state/encoded.ts";
import { inMessages, inOneMessage } from "./entries.ts";

async function* entries(...sizes: number[]) {
  for (const size of sizes) {
    const attributes = ContainerAttributes.fromPartial({ id: "x".repeat(size) });
    const stats = ContainerStats.fromPartial({ attributes });
    yield await Promise.resolve(fieldEntry(1, ContainerStats.encode(stats).finish()));
  }
}

const sizesIn = ({ parts }: Encoded) =>
  ListContainerStatsResponse.decode(joinEntries(parts))
    .stats.map((one) => one.attributes?.id.length);

Deno.test("inOneMessage() is the message that has all entries", async () => {
  assert.deepEqual(sizesIn(await inOneMessage(entries(1, 300_000, 2))), [1, 300_000, 2]);
  assert.deepEqual(sizesIn(await inOneMessage(entries())), []);
});

Deno.test("inMessages() keeps messages small, and gives an entry that is large one of its own", async () => {
  const messages = await Array.fromAsync(
    inMessages(entries(100_000, 100_000, 100_000, 300_000, 1)),
  );
  assert.deepEqual(messages.map(sizesIn), [
    [100_000, 100_000],
    [100_000],
    [300_000],
    [1],
  ]);
  assert.deepEqual(await Array.fromAsync(inMessages(entries())), []);
});
