import { pause } from "./pause.ts";

Deno.test("pause() returns at once when its signal is aborted", async () => {
  const abort = new AbortController();
  const paused = pause(60_000, abort.signal);
  abort.abort();
  await paused;
  await pause(60_000, abort.signal);
});
