import assert from "node:assert/strict";
import { RUNC } from "../../tests/fixtures/runtime.ts";
import { hasUserNamespaces } from "./user_namespaces.ts";

const deps = { remapsOwners: (snapshotter: string) => snapshotter === "overlayfs" };

Deno.test("hasUserNamespaces() takes both the runtime and its snapshotter", () => {
  assert.equal(hasUserNamespaces(deps, RUNC), true);
  assert.equal(hasUserNamespaces(deps, { ...RUNC, snapshotter: "native" }), false);
  const features = { ...RUNC.features, idmappedMounts: false };
  assert.equal(hasUserNamespaces(deps, { ...RUNC, features }), false);
});
