import assert from "node:assert/strict";
import { formatDuration, parseDuration } from "./duration.ts";

for (
  const [text, ms] of [
    ["0s", 0],
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1m500ms", 60_500],
  ] as const
) {
  Deno.test(`parseDuration() and formatDuration() agree on ${text}`, () => {
    assert.equal(parseDuration(text), ms);
    assert.equal(formatDuration(ms), text);
  });
}

for (const text of ["", "30", "s", "-1s", "1.5s", "1s1m", " 1s", "1d", "9999999h"]) {
  Deno.test(`parseDuration() refuses ${JSON.stringify(text)}`, () => {
    assert.equal(parseDuration(text), undefined);
  });
}
