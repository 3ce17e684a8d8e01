/** The fake pod network, held to the same suite as the real one, and its own hooks. */
import assert from "node:assert/strict";
import { CriError } from "../../src/base/errors.ts";
import { attachmentOf, cniSuite, rejects } from "../suites/cni_suite.ts";
import { FakeCni } from "./cni.ts";

const never = new AbortController().signal;

cniSuite({
  name: "fake network",
  open: () =>
    Promise.resolve({
      networks: new FakeCni(),
      attachment: (id) => Promise.resolve(attachmentOf(id, `/run/netns/${id}`)),
      removeNetns: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
});

Deno.test("FakeCni has an attachment when a failpoint fails after the work", async () => {
  const cni = new FakeCni();
  cni.after = (verb) => {
    if (verb === "attach") throw new CriError("internal", "no");
  };
  await rejects(cni.attach(attachmentOf("a", "/ns"), never), "internal");
  assert.deepEqual(cni.leftovers(), ["network attachment a"]);
  await cni.reopen().detach(attachmentOf("a", "/ns"), never);
  assert.deepEqual(cni.leftovers(), []);
});

Deno.test("FakeCni has nothing when a failpoint fails before the work", async () => {
  const cni = new FakeCni();
  cni.before = () => {
    throw new CriError("unavailable", "no");
  };
  await rejects(cni.attach(attachmentOf("a", "/ns"), never), "unavailable");
  assert.deepEqual(cni.leftovers(), []);
});
