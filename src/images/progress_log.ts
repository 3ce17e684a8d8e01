/** A pull that takes its time says in the log how far it is: nobody has to guess. */
import { logger } from "../base/log.ts";
import type { Progress, PullProgress } from "./progress.ts";

const log = logger("images");

const INTERVAL_MS = 10_000;

/** Logs now and then until the returned function is called; a quick pull logs nothing. */
export function logProgress(progress: Progress): () => void {
  let state: PullProgress | undefined;
  let fetchedBefore = 0;
  const stopListening = progress.listen((it) => state = it);
  const timer = setInterval(() => {
    if (state === undefined) return;
    log.info("Pulling {image}: {state}", {
      image: state.reference,
      state: progressText(state, { fetchedBefore, seconds: INTERVAL_MS / 1000 }),
    });
    fetchedBefore = fetchedOf(state);
  }, INTERVAL_MS);
  return () => {
    stopListening();
    clearInterval(timer);
  };
}

/** How far a pull is, and what came since the last time. */
export function progressText(
  state: PullProgress,
  { fetchedBefore, seconds }: { fetchedBefore: number; seconds: number },
): string {
  const { layers, status } = state;
  if (layers.length === 0) return status;
  const fetched = fetchedOf(state);
  const total = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const unpacked = layers.filter((layer) => layer.status === "unpacked").length;
  const rate = (fetched - fetchedBefore) / seconds;
  return [
    `${mebibytes(fetched)} of ${mebibytes(total)} MiB fetched`,
    ...fetched === total
      ? []
      : [rate === 0 ? `nothing for ${seconds} s` : `${mebibytes(rate)} MiB/s`],
    `${unpacked} of ${layers.length} layers unpacked`,
  ].join(", ");
}

function fetchedOf({ layers }: PullProgress): number {
  return layers.reduce((sum, { fetchedBytes }) => sum + fetchedBytes, 0);
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1);
}
