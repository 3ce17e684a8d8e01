import assert from "node:assert/strict";
import type { Runtime } from "../state/settings.ts";
import { hasUserNamespaces } from "./user_namespaces.ts";

const RUNTIME: Runtime = {
  name: "runc",
  type: "io.containerd.runc.v2",
  options: undefined,
  snapshotter: "overlayfs",
  podAnnotations: [],
  containerAnnotations: [],
  privilegedWithoutHostDevices: false,
  cgroupWritable: false,
  baseSpec: undefined,
  stateDir: undefined,
  features: { recursiveReadonlyMounts: true, idmappedMounts: true },
};

const deps = { remapsOwners: (snapshotter: string) => snapshotter === "overlayfs" };

Deno.test("hasUserNamespaces() takes both the runtime and its snapshotter", () => {
  assert.equal(hasUserNamespaces(deps, RUNTIME), true);
  assert.equal(hasUserNamespaces(deps, { ...RUNTIME, snapshotter: "native" }), false);
  const features = { ...RUNTIME.features, idmappedMounts: false };
  assert.equal(hasUserNamespaces(deps, { ...RUNTIME, features }), false);
});
