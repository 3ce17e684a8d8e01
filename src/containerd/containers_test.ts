import assert from "node:assert/strict";
import { CriError } from "../base/errors.ts";
import {
  ListContainersRequest,
  ListContainersResponse,
} from "../gen/containerd/services/containers/v1/containers.ts";
import type { Calls } from "./channel.ts";
import { containers } from "./containers.ts";
import { Inbox } from "../grpc/inbox.ts";

Deno.test("containers.list() falls back to the plain list where there is no stream", async () => {
  const paths: string[] = [];
  const calls: Calls = {
    isReady: () => true,
    unary: (rpc, request) => {
      paths.push(rpc.path);
      const { filters } = ListContainersRequest.decode(rpc.encode(request));
      const answer = ListContainersResponse.fromPartial({ containers: [{ id: filters[0] ?? "" }] });
      return Promise.resolve(rpc.decode(ListContainersResponse.encode(answer).finish()));
    },
    serverStream: (rpc) => {
      paths.push(rpc.path);
      const inbox = new Inbox<never>({
        limit: 1,
        pause: () => {},
        resume: () => {},
        cancel: () => {},
      });
      inbox.end(new CriError("unimplemented", "no stream"));
      return inbox;
    },
    bidi: () => {
      throw new Error("a list has one direction");
    },
  };
  const ids = (await Array.fromAsync(containers(calls).list(["id==a"]))).map((r) => r.id);
  assert.deepEqual(ids, ["id==a"]);
  assert.deepEqual(paths.map((path) => path.split("/").at(-1)), ["ListStream", "List"]);
});
