/** What decides who is trusted and what is let through: credentials, signatures, seccomp profiles. */
import { generateKeyPairSync, sign } from "node:crypto";
import { CriError } from "../../src/base/errors.ts";
import { checkArchivePath } from "../../src/containers/checkpoint_archive.ts";
import { parseJson, statementsIn } from "../../src/images/signature_bundle.ts";
import { isSignedStatement, readKey } from "../../src/images/signatures.ts";
import { seccompFilter } from "../../src/oci/seccomp.ts";
import { SecurityProfile_ProfileType } from "../../src/gen/cri/v1/api.ts";
import { basicHeader, credentialsOf } from "../../src/registry/credentials.ts";
import { parseCredentials } from "../../src/registry/credentials_file.ts";
import { type Target, textTarget } from "./target.ts";

const SECRET = "hunter22";

const CREDENTIALS = JSON.stringify({
  auths: {
    "registry.example/team": { auth: new TextEncoder().encode(`u:${SECRET}`).toBase64() },
    "https://index.docker.io/v1/": { username: "u", password: SECRET, identitytoken: "t" },
  },
});

/** What was read must do for every server that may ask. */
function useCredentials(text: string): void {
  let node: ReturnType<typeof parseCredentials>;
  try {
    node = parseCredentials(text, "/x/config.json");
  } catch (error) {
    if (error instanceof CriError && error.message.includes(SECRET)) throw new Error("told");
    throw error;
  }
  for (const domain of ["registry.example", "docker.io"]) {
    const image = { domain, path: "team/web" };
    const server = { host: domain, isMirror: false };
    const shown = credentialsOf(image, server, { auth: undefined, node });
    if (shown.kind === "password") new Headers({ authorization: basicHeader(shown) });
  }
}

const WANTED = `sha256:${"ab".repeat(32)}`;
const OTHER = `sha256:${"cd".repeat(32)}`;
const PAYLOAD = JSON.stringify({
  critical: {
    type: "cosign container image signature",
    identity: { "docker-reference": "registry.example/web" },
    image: { "docker-manifest-digest": WANTED },
  },
  optional: null,
});
const STATEMENT = JSON.stringify({
  _type: "https://in-toto.io/Statement/v1",
  subject: [{ digest: { sha256: "ab".repeat(32) } }],
  predicateType: "https://sigstore.dev/cosign/sign/v1",
});
const pairs = [
  generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
  generateKeyPairSync("ed25519"),
];
const policy = { name: "*", keys: pairs.map(({ publicKey }) => publicKey) };
const signatures = pairs.map(({ privateKey }, at) =>
  sign(at === 0 ? "sha256" : null, new TextEncoder().encode(PAYLOAD), privateKey)
);
const BUNDLE = JSON.stringify({
  mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
  dsseEnvelope: {
    payload: new TextEncoder().encode(STATEMENT).toBase64(),
    payloadType: "application/vnd.in-toto+json",
    signatures: [{ sig: new Uint8Array(64).toBase64() }],
  },
});

/** Nobody has signed anything but the payload as it is, and that is about one image. */
function assertUnsigned(isSigned: boolean, what: string): void {
  if (isSigned) throw new Error(`${what} passes for signed`);
}

const signed: readonly Target[] = [
  {
    name: "signed payload",
    examples: [PAYLOAD],
    take: (bytes) => {
      const isWhole = new TextDecoder().decode(bytes) === PAYLOAD;
      for (const signature of signatures) {
        const statement = { bytes, signature: new Uint8Array(signature).toBase64() };
        const isSigned = isSignedStatement(statement, { policy, wanted: WANTED });
        if (isSigned !== isWhole) throw new Error(`${isSigned ? "passes" : "fails"} wrongly`);
        assertUnsigned(isSignedStatement(statement, { policy, wanted: OTHER }), "another image");
      }
    },
  },
  textTarget({
    name: "signature",
    examples: signatures.map((bytes) => new Uint8Array(bytes).toBase64()),
    take: (signature) => {
      const bytes = new TextEncoder().encode(`${PAYLOAD} `);
      const isSigned = isSignedStatement({ bytes, signature }, { policy, wanted: WANTED });
      assertUnsigned(isSigned, "a payload of somebody else's");
    },
  }),
  {
    name: "bundle of signatures",
    examples: [BUNDLE],
    take: (input) => {
      for (const statement of statementsIn(parseJson(input), WANTED)) {
        assertUnsigned(isSignedStatement(statement, { policy, wanted: WANTED }), "a bundle");
      }
    },
  },
  textTarget({
    name: "public key",
    examples: pairs.map(({ publicKey }) =>
      publicKey.export({ type: "spki", format: "pem" }).toString()
    ),
    take: (text) => void readKey(text, "/x.pub"),
  }),
];

const SECCOMP = JSON.stringify({
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  architectures: ["SCMP_ARCH_X86_64"],
  syscalls: [{
    names: ["clone"],
    action: "SCMP_ACT_ALLOW",
    args: [{ index: 0, value: 2114060288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
  }],
});

const allowed: readonly Target[] = [
  textTarget({
    name: "seccomp profile",
    examples: [SECCOMP],
    take: (file) => {
      const seccomp = {
        profileType: SecurityProfile_ProfileType.Localhost,
        localhostRef: "/x.json",
      };
      const host = { seccomp: true, arch: "x86_64", kernelRelease: "6.1.0" } as const;
      const context = { privileged: false, seccomp, seccompProfilePath: "" };
      const filter = seccompFilter(context, { host, bounding: [], file });
      // A file that is taken for no filter would run the container without one.
      if (filter === undefined || filter.defaultAction === undefined) throw new Error("no filter");
    },
  }),
  textTarget({
    name: "path of a checkpoint's archive",
    examples: ["/var/lib/kubelet/checkpoints/checkpoint-web.tar"],
    take: (location) => {
      const path = checkArchivePath(location, ["/var/lib/kubelet/checkpoints"]);
      const isBelow = path.startsWith("/var/lib/kubelet/checkpoints/");
      if (!isBelow || path.split("/").includes("..")) throw new Error(path);
    },
  }),
];

export const TRUST_TARGETS: readonly Target[] = [
  textTarget({
    name: "Docker's credentials",
    examples: [CREDENTIALS],
    take: useCredentials,
  }),
  ...signed,
  ...allowed,
];
