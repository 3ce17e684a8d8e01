/** Reading what a registry answers. */
import { createHash } from "node:crypto";
import { type Answer, chunksOf } from "./body.ts";
import { type Asked, RegistryError } from "./errors.ts";
import type { Timing } from "./timing.ts";

/** What a tag or digest stands for. */
export interface Resolved {
  mediaType: string;
  digest: string;
  sizeBytes: bigint;
}

const DIGEST = /^sha(?:256:[a-f0-9]{64}|512:[a-f0-9]{128})$/;

export function mediaTypeOf(headers: Headers): string {
  return (headers.get("content-type") ?? "").split(";")[0]?.trim() ?? "";
}

/** What HEAD tells; undefined when it isn't enough. */
export function fromHeaders(headers: Headers, expected: string | undefined): Resolved | undefined {
  const mediaType = mediaTypeOf(headers);
  const digest = expected ?? headers.get("docker-content-digest") ?? "";
  const size = Number(headers.get("content-length") ?? Number.NaN);
  if (mediaType === "" || !DIGEST.test(digest)) return undefined;
  if (!Number.isSafeInteger(size) || size <= 0) return undefined;
  return { mediaType, digest, sizeBytes: BigInt(size) };
}

export function digestAs(expected: string | undefined, bytes: Uint8Array): string {
  const algorithm = expected?.split(":")[0] ?? "sha256";
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

export function checkDigest(
  { what, host }: Asked,
  { expected, digest }: { expected: string | undefined; digest: string },
): void {
  if (expected === undefined || expected === digest) return;
  throw new RegistryError(
    "failedPrecondition",
    `Registry ${host} sends something else for ${what}: its digest is ${digest}`,
  );
}

export function tooLong({ what, host }: Asked, sizeBytes: bigint): RegistryError {
  return new RegistryError(
    "failedPrecondition",
    `Registry ${host} sends more than the ${sizeBytes} bytes of ${what}`,
  );
}

export function tooShort({ what, host }: Asked, at: bigint, sizeBytes: bigint): RegistryError {
  return new RegistryError(
    "unavailable",
    `Registry ${host} ended ${what} after ${at} of ${sizeBytes} bytes`,
    { isTransient: true },
  );
}

/** The body from `offset` on, also of a registry that ignores the wish to begin there. */
export async function* from(
  answer: Answer,
  timing: Timing,
  offset: bigint,
): AsyncGenerator<Uint8Array> {
  if (answer.status === 206) {
    const start = /^bytes (\d+)-/.exec(answer.headers.get("content-range") ?? "")?.[1];
    if (start === undefined || BigInt(start) !== offset) {
      answer.body?.cancel().catch(() => {});
      const { what, host } = answer.asked;
      const message = `Registry ${host} sends another part of ${what} than was asked for`;
      throw new RegistryError("failedPrecondition", message);
    }
    yield* chunksOf(answer, timing);
    return;
  }
  let skip = Number(offset);
  for await (const chunk of chunksOf(answer, timing)) {
    if (chunk.length > skip) yield skip === 0 ? chunk : chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.length);
  }
}
