/**
 * Signatures of the newer form, by `cosign sign --key` of version 3: a bundle that refers to the
 * image, with an in-toto statement in a DSSE envelope.
 * https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
 */
import * as v from "valibot";
import { concat } from "../base/concat.ts";
import type { Statement } from "./signatures.ts";

/** Media type of a bundle, and of the artifact that holds one; its version comes after it. */
const BUNDLE = "application/vnd.dev.sigstore.bundle";
/** What a signature states. A key also signs lists of parts and of flaws, which approve nothing. */
const SIGNED = "https://sigstore.dev/cosign/sign/v1";
const PAYLOAD_TYPE = "application/vnd.in-toto+json";

const bundleSchema = v.object({
  dsseEnvelope: v.object({
    payload: v.string(),
    payloadType: v.literal(PAYLOAD_TYPE),
    signatures: v.pipe(v.array(v.object({ sig: v.string() })), v.maxLength(16)),
  }),
});
const statementSchema = v.object({
  subject: v.array(v.object({ digest: v.record(v.string(), v.string()) })),
  predicateType: v.literal(SIGNED),
});

export function isBundle(mediaType: string): boolean {
  return mediaType.startsWith(BUNDLE);
}

/** The signatures of a bundle, those of them that are about a digest; whose they are isn't looked at. */
export function statementsIn(bundle: unknown, wanted: string): Statement[] {
  const parsed = v.safeParse(bundleSchema, bundle);
  if (!parsed.success) return [];
  const { payload, signatures } = parsed.output.dsseEnvelope;
  const bytes = fromBase64(payload);
  const statement = v.safeParse(statementSchema, parseJson(bytes));
  if (!statement.success) return [];
  const isAbout = statement.output.subject.some(({ digest }) =>
    Object.entries(digest).some(([algorithm, hex]) => `${algorithm}:${hex}` === wanted)
  );
  if (!isAbout) return [];
  const signedBytes = withType(bytes);
  return signatures.map(({ sig }) => ({ bytes: signedBytes, signature: sig, about: wanted }));
}

/** What the signature is of: DSSE's pre-authentication encoding. */
function withType(payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `;
  return concat([new TextEncoder().encode(head), payload]);
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return new Uint8Array(0);
  }
}

/** Undefined for what isn't JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
