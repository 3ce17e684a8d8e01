import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { digestOf } from "./chain.ts";
import { isSignedStatement, readKey, ruleFor } from "./signatures.ts";

const wanted = digestOf("an image");

function statement(digest: string): Uint8Array {
  const critical = {
    type: "cosign container image signature",
    identity: { "docker-reference": "registry.example/app" },
    image: { "docker-manifest-digest": digest },
  };
  return new TextEncoder().encode(JSON.stringify({ critical, optional: null }));
}

const pairs: Record<string, { publicKey: KeyObject; privateKey: KeyObject }> = {
  "ECDSA P-256": generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
  RSA: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  Ed25519: generateKeyPairSync("ed25519"),
};

function signed(bytes: Uint8Array, key: KeyObject) {
  const algorithm = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return { bytes, signature: new Uint8Array(sign(algorithm, bytes, key)).toBase64() };
}

for (const [name, { publicKey, privateKey }] of Object.entries(pairs)) {
  Deno.test(`isSignedStatement() takes ${name} signatures about the image, and no others`, () => {
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    const policy = { name: "*", keys: [readKey(pem, "cosign.pub")] };
    const good = signed(statement(wanted), privateKey);
    assert.equal(isSignedStatement(good, { policy, wanted }), true);
    const other = digestOf("another image");
    assert.equal(isSignedStatement(good, { policy, wanted: other }), false);
    const changed = { ...good, bytes: statement(other) };
    assert.equal(isSignedStatement(changed, { policy, wanted: other }), false);
    for (const signature of ["", "not base64!", good.signature.slice(4)]) {
      assert.equal(isSignedStatement({ ...good, signature }, { policy, wanted }), false);
    }
    const nobody = { name: "*", keys: [] };
    assert.equal(isSignedStatement(good, { policy: nobody, wanted }), false);
  });
}

Deno.test("isSignedStatement() refuses a signature by another key", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const policy = { name: "*", keys: Object.values(pairs).map(({ publicKey }) => publicKey) };
  const stranger = signed(statement(wanted), privateKey);
  assert.equal(isSignedStatement(stranger, { policy, wanted }), false);
});

Deno.test("readKey() names the file that holds no key", () => {
  assert.throws(() => readKey("nonsense", "/etc/cosign.pub"), { message: /^\/etc\/cosign\.pub / });
});

Deno.test("ruleFor() takes the longest name, whole parts only, and * for all others", () => {
  const rules = new Map([["*", 0], ["r.example", 1], ["r.example/team", 2]]);
  const of = (domain: string, path: string) => ruleFor(rules, { domain, path })?.rule;
  assert.equal(of("r.example", "team/app"), 2);
  assert.equal(of("r.example", "team"), 2);
  assert.equal(of("r.example", "teams/app"), 1);
  assert.equal(of("docker.io", "library/x"), 0);
  assert.equal(ruleFor(new Map([["a.example", 1]]), { domain: "b.example", path: "x" }), undefined);
});
