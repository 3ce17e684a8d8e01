/**
 * Signatures of images, made by `cosign sign --key`: beside an image lies one more manifest under a
 * tag made of its digest, or one that refers to the image, whose layers are signed statements about
 * that digest, or bundles of them.
 * https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
 *
 * A policy is keys alone: no certificate, no log of transparency and no clock is asked, so that it
 * works on a node without internet. The cryptography is node:crypto's.
 */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import * as v from "valibot";
import { CriError, during, isKind } from "../base/errors.ts";
import type { Repository } from "../registry/client.ts";
import { isBundle, parseJson, statementsIn } from "./signature_bundle.ts";

/** What is asked of a registry. */
type Source = Pick<Repository, "resolve" | "document" | "blob" | "referrers">;

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
      mediaType: v.optional(v.string(), ""),
      digest,
      size: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_STATEMENT_BYTES)),
      annotations: v.optional(v.nullable(v.record(v.string(), v.string()))),
    })),
    v.maxLength(MAX_STATEMENTS),
  ),
});
const referrersSchema = v.object({
  manifests: v.array(v.object({
    digest,
    artifactType: v.optional(v.nullable(v.string())),
  })),
});
/** The artifact type of statements that refer to their image in place of lying under its tag. */
const STATEMENTS = "application/vnd.dev.cosign.artifact.sig.v1+json";
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
  source: Source,
  { policy, image }: { policy: SignaturePolicy; image: Signed },
  signal: AbortSignal,
): Promise<void> {
  const reasons: string[] = [];
  for (const wanted of image.digests) {
    let count: number | undefined;
    // What lies under the tag first: not every registry answers the other question.
    for (const find of [taggedWith, referrersOf]) {
      try {
        const statements = await statementsOf(source, { wanted, find }, signal);
        if (statements.some((it) => isSignedStatement(it, { policy, wanted }))) return;
        count = (count ?? 0) + statements.length;
      } catch (error) {
        if (isKind(error, "notFound")) continue;
        throw during(`Cannot get the signatures of ${wanted}`, error);
      }
    }
    reasons.push(
      count === undefined
        ? `${wanted} has no signature in its registry`
        : `none of the ${count} signatures of ${wanted} is by its keys`,
    );
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
  /** The digest that it is about, where that isn't read from the bytes themselves. */
  readonly about?: string;
}

/** Whether a statement is about this digest and signed by one of the keys. */
export function isSignedStatement(
  { bytes, signature, about }: Statement,
  { policy, wanted }: { policy: SignaturePolicy; wanted: string },
): boolean {
  // Whoever signed it: what isn't about this image says nothing of it.
  if ((about ?? digestIn(bytes)) !== wanted) return false;
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

type Find = typeof referrersOf;

/** @throws CriError notFound when there is nothing of this kind beside the image */
async function statementsOf(
  source: Source,
  { wanted, find }: { wanted: string; find: Find },
  signal: AbortSignal,
): Promise<Statement[]> {
  const manifests = await find(source, wanted, signal);
  if (manifests.length === 0) throw new CriError("notFound", `${wanted} has no signature`);
  const statements: Statement[] = [];
  for (const found of manifests.slice(0, MAX_STATEMENTS)) {
    const manifest = v.safeParse(manifestSchema, parseJson(await source.document(found, signal)));
    if (!manifest.success) continue;
    for (const layer of manifest.output.layers) {
      const signature = layer.annotations?.[SIGNATURE];
      if (signature === undefined && !isBundle(layer.mediaType)) continue;
      const bytes = await blobOf(source, layer, signal);
      if (signature === undefined) statements.push(...statementsIn(parseJson(bytes), wanted));
      else statements.push({ bytes, signature });
    }
  }
  return statements;
}

/** The digest of the manifest under the image's own tag. */
async function taggedWith(source: Source, wanted: string, signal: AbortSignal): Promise<string[]> {
  const { digest: found } = await source.resolve(`${wanted.replace(":", "-")}.sig`, signal);
  return [found];
}

/** Digests of the manifests that refer to the image and hold signatures. */
async function referrersOf(
  source: Source,
  wanted: string,
  signal: AbortSignal,
): Promise<string[]> {
  const parsed = v.safeParse(referrersSchema, parseJson(await source.referrers(wanted, signal)));
  if (!parsed.success) return [];
  return parsed.output.manifests
    .filter(({ artifactType }) => artifactType === STATEMENTS || isBundle(artifactType ?? ""))
    .map(({ digest }) => digest);
}

async function blobOf(
  source: Source,
  { digest, size }: { digest: string; size: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const request = { digest, sizeBytes: BigInt(size) };
  const pieces = await Array.fromAsync(source.blob(request, { offset: 0n, signal }));
  const blob = new Blob(pieces.map((piece) => new Uint8Array(piece)));
  return new Uint8Array(await blob.arrayBuffer());
}

function digestIn(bytes: Uint8Array): string | undefined {
  const statement = v.safeParse(statementSchema, parseJson(bytes));
  return statement.success ? statement.output.critical.image["docker-manifest-digest"] : undefined;
}
