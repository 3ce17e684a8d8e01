import assert from "node:assert/strict";
import { Container, ListContainersResponse, PodSandboxStatusResponse } from "../gen/cri/v1/api.ts";
import { fieldEntry, joinEntries, numberEntry } from "./encoded.ts";

Deno.test("joinEntries() puts a list together that decodes as the message of its items", () => {
  const containers = [1, 200, 20_000].map((length) =>
    Container.fromPartial({ id: "x".repeat(length), labels: new Map([["k", "v"]]) })
  );
  const entries = containers.map((one) => fieldEntry(1, Container.encode(one).finish()));
  const decoded = ListContainersResponse.decode(joinEntries(entries));
  assert.deepEqual(decoded, { containers });
});

Deno.test("numberEntry() is a number as protobuf writes it", () => {
  for (const timestamp of [0n, 1n, 127n, 128n, 1_795_000_000_123_456_789n]) {
    const { timestamp: read } = PodSandboxStatusResponse.decode(numberEntry(4, timestamp));
    assert.equal(read, timestamp);
  }
});
