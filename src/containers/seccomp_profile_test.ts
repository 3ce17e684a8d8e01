import assert from "node:assert/strict";
import { SecurityProfile_ProfileType as Type } from "../gen/cri/v1/api.ts";
import { readSeccompProfile } from "./seccomp_profile.ts";

/** A node with one profile; every read is noted. */
function nodeWith(profile: string) {
  const reads: string[] = [];
  const linux = {
    readInRoot: (root: string, path: string) => {
      reads.push(`${root} ${path}`);
      return Promise.resolve(path === profile ? "{}" : undefined);
    },
  };
  return { linux, reads };
}

function localhost(localhostRef: string) {
  return {
    privileged: false,
    seccomp: { profileType: Type.Localhost, localhostRef },
    seccompProfilePath: "",
  };
}

Deno.test("readSeccompProfile() reads the file that a request names", async () => {
  const { linux } = nodeWith("/var/lib/kubelet/seccomp/strict.json");
  const context = localhost("/var/lib/kubelet/seccomp/strict.json");
  assert.equal(await readSeccompProfile({ linux }, context), "{}");
  assert.equal(await readSeccompProfile({ linux }, localhost("/else.json")), undefined);
});

Deno.test("readSeccompProfile() takes the name of the older field too", async () => {
  const { linux } = nodeWith("/p.json");
  const context = {
    privileged: false,
    seccomp: undefined,
    seccompProfilePath: "localhost//p.json",
  };
  assert.equal(await readSeccompProfile({ linux }, context), "{}");
});

Deno.test("readSeccompProfile() reads nothing for filters that are in no file", async () => {
  const { linux, reads } = nodeWith("/p.json");
  const seccomp = { profileType: Type.RuntimeDefault, localhostRef: "" };
  const contexts = [
    undefined,
    { privileged: false, seccomp, seccompProfilePath: "" },
    { ...localhost("/p.json"), privileged: true },
  ];
  for (const context of contexts) {
    assert.equal(await readSeccompProfile({ linux }, context), undefined);
  }
  assert.deepEqual(reads, []);
});

Deno.test("readSeccompProfile() refuses a path that isn't absolute", async () => {
  const { linux, reads } = nodeWith("/p.json");
  await assert.rejects(readSeccompProfile({ linux }, localhost("p.json")), /not an absolute path/);
  assert.deepEqual(reads, []);
});
