/** Timelines out of logs. */
import assert from "node:assert/strict";
import { covered, readDaemonLog, readRuncLog } from "./trace.ts";

const LOG = `2026-01-01T00:00:01.000Z INFO  Pod a/b is ready sandboxId=1
2026-01-01T00:00:01.000Z DEBUG containerd took 20 ms to create the task of "1"
2026-01-01T00:00:01.010Z DEBUG Plugin "bridge" of network n (ADD) took 30.5 ms containerId=1
2026-01-01T00:00:01.020Z DEBUG attach the network took 40 ms to run pod a/b (1)
2026-01-01T00:00:01.030Z DEBUG RunPodSandbox took 50 ms
`;
const SECOND = Date.parse("2026-01-01T00:00:01.000Z");

Deno.test("readDaemonLog() takes calls, stages, containerd and plugins apart", () => {
  assert.deepEqual(
    readDaemonLog(LOG).map(({ track, name, startMs, endMs }) => [
      track,
      name,
      startMs - SECOND,
      endMs - SECOND,
    ]),
    [
      ["containerd", 'create the task of "1"', -20, 0],
      ["network plugins", 'Plugin "bridge" of network n (ADD)', -20.5, 10],
      ["stages", "attach the network", -20, 20],
      ["CRI calls", "RunPodSandbox", -20, 30],
    ],
  );
});

Deno.test("readRuncLog() names the verb", () => {
  const [span, ...others] = readRuncLog("1000000 3500000 --root /r create --bundle b id\n");
  assert.deepEqual(others, []);
  assert.deepEqual([span?.name, span?.startMs, span?.endMs], ["runc create", 1, 3.5]);
});

Deno.test("covered() counts what overlaps once, and nothing outside", () => {
  const span = (startMs: number, endMs: number) =>
    ({ track: "runc", name: "", startMs, endMs }) as const;
  const spans = [span(-5, 2), span(1, 3), span(6, 7), span(9, 20)];
  assert.equal(covered(spans, { startMs: 0, endMs: 10 }), 5);
});
