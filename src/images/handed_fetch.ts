/**
 * Lets containerd fetch an image's content by itself where it can: the bytes need not pass through
 * this process then. It is only a help. What it doesn't bring, for whatever reason, is fetched here
 * afterwards, and failures are told in the words of that.
 */
import { logger } from "../base/log.ts";
import { pause } from "../base/pause.ts";
import type { TransferCredentials, Transfers } from "../containerd/transfers.ts";
import type { Descriptor } from "../containerd/types.ts";
import type { Credentials } from "../registry/credentials.ts";
import type { ChosenManifest, PullTransfer } from "./pull_transfer.ts";
import { canonicalName, repository } from "./reference.ts";
import { callOptions, isStored } from "./transfer.ts";

const log = logger("images");

/** How soon content is seen that has come: little beside the time that unpacking it takes. */
const LOOK_EVERY_MS = 20;

/** containerd's own way of fetching. */
export interface HandOver {
  readonly transfers: Transfers;
  /** Folder of hosts.toml files. */
  readonly hostsFolder: string;
}

export interface HandedFetch {
  /** Whether the blob has come, once it has or won't come this way any more. */
  arrival(blob: Descriptor, signal: AbortSignal): Promise<boolean>;
  /** Breaks it off, if it isn't over; resolves when it is. */
  end(): Promise<void>;
}

/** Begins it; undefined where all has to be fetched here. */
export async function handOver(
  transfer: PullTransfer,
  manifest: ChosenManifest,
): Promise<HandedFetch | undefined> {
  const { deps: { handOver: how }, source } = transfer;
  const isOurs = how === undefined || source.isForUsAlone;
  if (isOurs || !await how.transfers.isOffered({ signal: transfer.signal })) return undefined;
  const ending = new AbortController();
  const signal = AbortSignal.any([transfer.signal, ending.signal]);
  let isOver = false;
  const over = run({ ...transfer, signal }, manifest, how).finally(() => isOver = true);
  return {
    end: async () => {
      ending.abort();
      await over;
    },
    arrival: async ({ digest }, signal) => {
      while (!signal.aborted) {
        const wasOver = isOver;
        if (await isStored(transfer, digest)) return true;
        if (wasOver) return false;
        const waited = new AbortController();
        await Promise.race([over, pause(LOOK_EVERY_MS, AbortSignal.any([signal, waited.signal]))]);
        waited.abort();
      }
      return false;
    },
  };
}

async function run(
  transfer: PullTransfer,
  { digest, layers }: ChosenManifest,
  { transfers, hostsFolder }: HandOver,
): Promise<void> {
  const { source, deps: { timing }, pull: { reference, progress } } = transfer;
  const seen = new Map<string, number>();
  try {
    await transfers.fetch(
      {
        reference: `${repository(reference)}@${digest}`,
        hostsFolder,
        credentials: (host) => shownTo(source.credentialsFor(host)),
        onProgress: (blob, bytes) => {
          const index = layers.findIndex((layer) => layer.digest === blob);
          if (index >= 0) progress.addBytes(index, bytes - (seen.get(blob) ?? 0));
          seen.set(blob, bytes);
        },
      },
      timing?.stallMs ?? 0,
      callOptions(transfer),
    );
  } catch (error) {
    if (transfer.signal.aborted) return;
    log.info("containerd could not fetch {image} by itself, it is fetched here: {error}", {
      image: canonicalName(reference),
      error,
    });
  }
}

/** Tokens that are sent as they are don't come here: see {@link handOver}. */
function shownTo(credentials: Credentials): TransferCredentials {
  return credentials.kind === "bearer" ? { kind: "none" } : credentials;
}
