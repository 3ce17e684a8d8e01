/**
 * Signatures of images, made by `cosign sign --key`: beside an image lies one more manifest under a
 * tag made of its digest, whose layers are signed statements about that digest.
 * https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
 *
 * A policy is keys alone: no certificate, no log of transparency and no clock is asked, so that it
 * works on a node without internet. The cryptography is node:crypto's.
 */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import * as v from "valibot";
import { CriError, during, isKind } from "../base/errors.ts";
import type { Repository } from "../registry/client.ts";

/** Keys of which one must have signed, and the rule's name for messages. */
export interface SignaturePolicy {
  /** Beginning of images' names, as configured. */
  readonly name: string;
  readonly keys: readonly KeyObject[];
}

/** What is to be shown to be signed: an index and the manifest out of it, or that alone. */
export interface Signed {
  readonly name: string;
  readonly digests: readonly string[];
}

const SIGNATURE = "dev.cosignproject.cosign/signature";
/** More statements than any image has, and larger than any of them is. */
const MAX_STATEMENTS = 64;
const MAX_STATEMENT_BYTES = 256 * 1024;

const digest = v.pipe(v.string(), v.regex(/^sha(?:256:[a-f0-9]{64}|512:[a-f0-9]{128})$/));
const manifestSchema = v.object({
  layers: v.pipe(
    v.array(v.object({
      digest,
      size: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_STATEMENT_BYTES)),
      annotations: v.optional(v.nullable(v.record(v.string(), v.string()))),
    })),
    v.maxLength(MAX_STATEMENTS),
  ),
});
const statementSchema = v.object({
  critical: v.object({
    type: v.picklist(["cosign container image signature", "atomic container signature"]),
    image: v.object({ "docker-manifest-digest": digest }),
  }),
});

/**
 * The rule for an image: that with the longest name that the image's begins with, "*" for all
 * others, undefined where there is none.
 */
export function ruleFor<T>(
  rules: ReadonlyMap<string, T>,
  { domain, path }: { domain: string; path: string },
): { name: string; rule: T } | undefined {
  const image = `${domain}/${path}`;
  const names = [...rules.keys()]
    .filter((name) => name === "*" || name === image || image.startsWith(`${name}/`))
    .sort((a, b) => (b === "*" ? 0 : b.length) - (a === "*" ? 0 : a.length));
  const [name] = names;
  const rule = name === undefined ? undefined : rules.get(name);
  return name === undefined || rule === undefined ? undefined : { name, rule };
}

/** A public key. @throws CriError failedPrecondition that names the file */
export function readKey(pem: string, file: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new CriError("failedPrecondition", `${file} holds no public key in PEM form`, { cause });
  }
}

/**
 * Makes sure that one of the policy's keys has signed the image.
 *
 * @throws CriError failedPrecondition when none has; else as the registry's errors are
 */
export async function checkSignatures(
  source: Pick<Repository, "resolve" | "document" | "blob">,
  { policy, image }: { policy: SignaturePolicy; image: Signed },
  signal: AbortSignal,
): Promise<void> {
  const reasons: string[] = [];
  for (const wanted of image.digests) {
    try {
      const statements = await statementsOf(source, wanted, signal);
      const isGood = statements.some((it) => isSignedStatement(it, { policy, wanted }));
      if (isGood) return;
      reasons.push(`none of the ${statements.length} signatures of ${wanted} is by its keys`);
    } catch (error) {
      if (!isKind(error, "notFound")) throw during(`Cannot get the signatures of ${wanted}`, error);
      reasons.push(`${wanted} has no signature in its registry`);
    }
  }
  throw new CriError(
    "failedPrecondition",
    `images.signatures."${policy.name}" asks for a signature, and ${reasons.join("; ")}`,
    { remedy: "sign the image with `cosign sign --key`, or correct the rule" },
  );
}

export interface Statement {
  readonly bytes: Uint8Array;
  readonly signature: string;
}

/** Whether a statement is about this digest and signed by one of the keys. */
export function isSignedStatement(
  { bytes, signature }: Statement,
  { policy, wanted }: { policy: SignaturePolicy; wanted: string },
): boolean {
  // Whoever signed it: what isn't about this image says nothing of it.
  if (digestIn(bytes) !== wanted) return false;
  let signed: Uint8Array;
  try {
    signed = Uint8Array.fromBase64(signature);
  } catch {
    return false;
  }
  return policy.keys.some((key) => {
    // These sign the bytes themselves; all others a hash of them.
    const isWhole = key.asymmetricKeyType === "ed25519" || key.asymmetricKeyType === "ed448";
    return verify(isWhole ? null : "sha256", bytes, key, signed);
  });
}

async function statementsOf(
  source: Pick<Repository, "resolve" | "document" | "blob">,
  digest: string,
  signal: AbortSignal,
): Promise<Statement[]> {
  const { digest: found } = await source.resolve(`${digest.replace(":", "-")}.sig`, signal);
  const manifest = v.safeParse(manifestSchema, parseJson(await source.document(found, signal)));
  if (!manifest.success) return [];
  const statements: Statement[] = [];
  for (const layer of manifest.output.layers) {
    const signature = layer.annotations?.[SIGNATURE];
    if (signature === undefined) continue;
    const request = { digest: layer.digest, sizeBytes: BigInt(layer.size) };
    const pieces = await Array.fromAsync(source.blob(request, { offset: 0n, signal }));
    const blob = new Blob(pieces.map((piece) => new Uint8Array(piece)));
    statements.push({ bytes: new Uint8Array(await blob.arrayBuffer()), signature });
  }
  return statements;
}

function digestIn(bytes: Uint8Array): string | undefined {
  const statement = v.safeParse(statementSchema, parseJson(bytes));
  return statement.success ? statement.output.critical.image["docker-manifest-digest"] : undefined;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
