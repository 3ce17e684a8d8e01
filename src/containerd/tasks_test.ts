import assert from "node:assert/strict";
import { CriError } from "../base/errors.ts";
import { GetResponse } from "../gen/containerd/services/tasks/v1/tasks.ts";
import type { Calls } from "./channel.ts";
import { tasks } from "./tasks.ts";

/** A containerd of one task, whose shim closes the connection under every call but Get. */
function closingShim({ isGone }: { isGone: boolean }): Calls {
  return {
    isReady: () => true,
    unary: (rpc) => {
      if (!rpc.path.endsWith("/Get")) {
        return Promise.reject(new CriError("internal", "Cannot signal task: ttrpc: closed"));
      }
      if (isGone) return Promise.reject(new CriError("notFound", "no such task"));
      return Promise.resolve(rpc.decode(GetResponse.encode(GetResponse.fromPartial({})).finish()));
    },
    serverStream: () => assert.fail("there is no stream of tasks"),
    bidi: () => assert.fail("there is no stream of tasks"),
  };
}

for (
  const [name, call] of [
    ["kill", (calls: Calls) => tasks(calls).kill("a", 9)],
    ["wait", (calls: Calls) => tasks(calls).wait("a")],
  ] as const
) {
  Deno.test(`tasks.${name}() finds no task where its shim let go of it meanwhile`, async () => {
    await assert.rejects(call(closingShim({ isGone: true })), { kind: "notFound" });
  });

  Deno.test(`tasks.${name}() fails as the shim does while there is a task`, async () => {
    await assert.rejects(call(closingShim({ isGone: false })), { kind: "internal" });
  });
}
