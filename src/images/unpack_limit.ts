/**
 * A bound for what containerd unpacks: a few bytes of an archive can become terabytes of a disk. What
 * the snapshot takes is measured while it grows.
 */
import { CriError, isKind } from "../base/errors.ts";
import type { Snapshots } from "../containerd/snapshots.ts";

export interface UnpackLimit {
  /** Of one layer, unpacked. */
  readonly maxBytes: bigint;
  /** Measuring costs a walk through the layer's folders. */
  readonly everyMs: number;
}

export interface Growing {
  readonly snapshots: Pick<Snapshots, "usage">;
  /** Key of the snapshot that is unpacked into. */
  readonly key: string;
  /** Digest of the layer, for the message. */
  readonly layer: string;
  readonly limit: UnpackLimit;
}

/** Does work until the snapshot is too large. @throws CriError failedPrecondition when it is */
export async function withinLimit<T>(
  { snapshots, key, layer, limit }: Growing,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const tooLarge = new AbortController();
  const either = AbortSignal.any([signal, tooLarge.signal]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const measure = async () => {
    try {
      const { sizeBytes } = await snapshots.usage(key, { signal: either });
      if (sizeBytes > limit.maxBytes) tooLarge.abort(tooLargeError(layer, limit));
    } catch (error) {
      // A snapshotter that can't tell now, or at all, bounds its layers itself.
      if (!isKind(error, "notFound", "unimplemented", "internal", "unavailable", "cancelled")) {
        tooLarge.abort(error);
      }
    }
    if (!either.aborted && timer !== undefined) timer = setTimeout(measure, limit.everyMs);
  };
  timer = setTimeout(measure, limit.everyMs);
  try {
    return await work(either);
  } catch (error) {
    if (tooLarge.signal.aborted) throw tooLarge.signal.reason;
    throw error;
  } finally {
    clearTimeout(timer);
    timer = undefined;
  }
}

function tooLargeError(layer: string, { maxBytes }: UnpackLimit): CriError {
  return new CriError(
    "failedPrecondition",
    `Layer ${layer} unpacks to more than the ${maxBytes} bytes that an image may have`,
    { remedy: "raise images.max_image_gib if it is meant to be so large" },
  );
}
