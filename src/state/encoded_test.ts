import assert from "node:assert/strict";
import { Container, ListContainersResponse } from "../gen/cri/v1/api.ts";
import { fieldEntry, joinEntries } from "./encoded.ts";

Deno.test("joinEntries() puts a list together that decodes as the message of its items", () => {
  const containers = [1, 200, 20_000].map((length) =>
    Container.fromPartial({ id: "x".repeat(length), labels: new Map([["k", "v"]]) })
  );
  const entries = containers.map((one) => fieldEntry(1, Container.encode(one).finish()));
  const decoded = ListContainersResponse.decode(joinEntries(entries));
  assert.deepEqual(decoded, { containers });
});
