/** Ctrl-C and SIGTERM cancel what a command does, so that it can tidy up. */
import { CriError } from "../base/errors.ts";

/** Does work with a signal that SIGINT and SIGTERM abort. */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const onSignal = () => abort.abort(new CriError("cancelled", "It was interrupted"));
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.addSignalListener("SIGTERM", onSignal);
  try {
    return await work(abort.signal);
  } finally {
    Deno.removeSignalListener("SIGINT", onSignal);
    Deno.removeSignalListener("SIGTERM", onSignal);
  }
}
