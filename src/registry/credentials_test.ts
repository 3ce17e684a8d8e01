import assert from "node:assert/strict";
import { credentialsFor, type RegistryAuth } from "./credentials.ts";

const EMPTY: RegistryAuth = {
  username: "",
  password: "",
  auth: "",
  serverAddress: "",
  identityToken: "",
  registryToken: "",
};
const password = { kind: "password", username: "me", password: "p:w" };

Deno.test("credentialsFor() reads every form that the CRI knows", () => {
  const cases: [Partial<RegistryAuth>, unknown][] = [
    [{}, { kind: "none" }],
    [{ username: "me", password: "p:w" }, password],
    [{ auth: btoa("me:p:w") }, password],
    [{ auth: btoa("me:p:w\0\0") }, password],
    [{ identityToken: "i" }, { kind: "refreshToken", token: "i" }],
    [{ registryToken: "r" }, { kind: "bearer", token: "r" }],
  ];
  for (const [auth, expected] of cases) {
    assert.deepEqual(credentialsFor("example.com", { ...EMPTY, ...auth }), expected);
  }
  assert.deepEqual(credentialsFor("example.com", undefined), { kind: "none" });
});

Deno.test("credentialsFor() gives them to the registry they are for, and to no other", () => {
  const kindFor = (domain: string, serverAddress: string) =>
    credentialsFor(domain, { ...EMPTY, username: "me", serverAddress }).kind;
  assert.equal(kindFor("docker.io", "https://index.docker.io/v1/"), "password");
  assert.equal(kindFor("example.com:5000", "example.com:5000/team"), "password");
  assert.equal(kindFor("example.com", "http://Example.com"), "password");
  assert.equal(kindFor("example.com", "example.com.evil.net"), "none");
  assert.equal(kindFor("example.com", "example.com:5000"), "none");
  assert.equal(kindFor("docker.io", "evil.net/index.docker.io"), "none");
});

Deno.test("credentialsFor() refuses an auth that can't be read, without showing it", () => {
  for (const auth of ["%%%", btoa("nocolon")]) {
    assert.throws(() => credentialsFor("example.com", { ...EMPTY, auth }), (error: Error) => {
      assert.match(error.message, /^auth\.auth: /);
      assert(!error.message.includes(auth) && !error.message.includes("nocolon"));
      return true;
    });
  }
});
