/** What says whom to believe and what to allow: credentials, keys, signatures, seccomp profiles. */
import { generateKeyPairSync } from "node:crypto";
import { LinuxContainerSecurityContext } from "../../src/gen/cri/v1/api.ts";
import { parseJson, statementsIn } from "../../src/images/signature_bundle.ts";
import { isSignedStatement, readKey } from "../../src/images/signatures.ts";
import { seccompFilter } from "../../src/oci/seccomp.ts";
import { credentialsOf } from "../../src/registry/credentials.ts";
import { parseCredentials } from "../../src/registry/credentials_file.ts";
import { HOST } from "../fixtures/oci/requests.ts";
import { type Target, textTarget } from "./target.ts";

const HEX = "ab".repeat(32);
const DIGEST = `sha256:${HEX}`;
const KEY = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
const POLICY = { name: "registry.example", keys: [KEY] };
const IMAGE = { domain: "registry.example", path: "team/web" };

const CREDENTIALS = JSON.stringify({
  auths: {
    "registry.example/team": { auth: btoa("me:secret") },
    "https://index.docker.io/v1/": { username: "me", password: "secret", identitytoken: "t" },
  },
});

const STATEMENT = JSON.stringify({
  subject: [{ digest: { sha256: HEX } }],
  predicateType: "https://sigstore.dev/cosign/sign/v1",
});
const BUNDLE = JSON.stringify({
  mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
  dsseEnvelope: {
    payload: btoa(STATEMENT),
    payloadType: "application/vnd.in-toto+json",
    signatures: [{ sig: btoa("signature") }],
  },
});
const PAYLOAD = JSON.stringify({
  critical: {
    identity: { "docker-reference": "registry.example/team/web" },
    image: { "docker-manifest-digest": DIGEST },
    type: "cosign container image signature",
  },
});

const PROFILE = JSON.stringify({
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 1,
  architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
  syscalls: [{
    names: ["read", "personality"],
    action: "SCMP_ACT_ALLOW",
    args: [{ index: 0, value: 8, valueTwo: 0, op: "SCMP_CMP_EQ" }],
  }],
});
const LOCALHOST = LinuxContainerSecurityContext.fromPartial({
  seccomp: { profileType: 2, localhostRef: "/profile.json" },
});

export const TRUST_TARGETS: readonly Target[] = [
  textTarget({
    name: "credentials of the node",
    examples: [CREDENTIALS],
    take: (text) => {
      const node = parseCredentials(text, "config.json");
      credentialsOf(IMAGE, { host: IMAGE.domain, isMirror: false }, { auth: undefined, node });
    },
  }),
  {
    name: "bundle of signatures",
    examples: [BUNDLE],
    take: (input) => {
      for (const statement of statementsIn(parseJson(input), DIGEST)) mistrust(statement);
    },
  },
  {
    name: "payload of a signature",
    examples: [PAYLOAD],
    take: (bytes) => mistrust({ bytes, signature: btoa("signature") }),
  },
  textTarget({
    name: "public key",
    examples: [String(KEY.export({ type: "spki", format: "pem" }))],
    take: (text) => void readKey(text, "key.pem"),
  }),
  textTarget({
    name: "seccomp profile",
    examples: [PROFILE],
    take: (file) => void seccompFilter(LOCALHOST, { host: HOST, bounding: [], file }),
  }),
];

/** Nobody has signed anything here. */
function mistrust(statement: Parameters<typeof isSignedStatement>[0]): void {
  if (!isSignedStatement(statement, { policy: POLICY, wanted: DIGEST })) return;
  throw new Error("a signature that nobody made was believed");
}
