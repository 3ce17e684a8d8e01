import assert from "node:assert/strict";
import { Metrics } from "./metrics.ts";

Deno.test("a counter and a reading are written with meaning, type and labels", () => {
  const metrics = new Metrics();
  const calls = metrics.counter({
    name: "x_calls_total",
    help: "Calls.\nAll of them.",
    labels: ["method", "code"],
  });
  calls.add({ method: "A", code: 'o"k\\' });
  calls.add({ method: "A", code: 'o"k\\' }, 2);
  metrics.reading({
    name: "x_pods",
    help: "Pods.",
    type: "gauge",
    labels: ["state"],
    read: () => [{ labels: { state: "ready" }, value: 7 }],
  });
  metrics.reading({ name: "x_plain", help: "One.", type: "gauge", read: () => [{ value: 0.5 }] });
  assert.equal(
    metrics.text(),
    `# HELP x_calls_total Calls.\\nAll of them.
# TYPE x_calls_total counter
x_calls_total{method="A",code="o\\"k\\\\"} 3
# HELP x_pods Pods.
# TYPE x_pods gauge
x_pods{state="ready"} 7
# HELP x_plain One.
# TYPE x_plain gauge
x_plain 0.5
`,
  );
});

Deno.test("a histogram counts each observation in its bucket and all above", () => {
  const metrics = new Metrics();
  const seconds = metrics.histogram({ name: "x_seconds", help: "Time.", labels: ["m"] });
  for (const value of [0.001, 0.2, 100]) seconds.observe({ m: "a" }, value);
  const lines = metrics.text().split("\n");
  const count = (le: string) =>
    lines.find((line) => line.includes(`le="${le}"`))?.split(" ").at(-1);
  assert.deepEqual(["0.001", "0.1", "0.25", "60", "+Inf"].map(count), ["1", "1", "2", "2", "3"]);
  assert.ok(lines.includes('x_seconds_sum{m="a"} 100.201'));
  assert.ok(lines.includes('x_seconds_count{m="a"} 3'));
});

Deno.test("a name stands for one metric", () => {
  const metrics = new Metrics();
  metrics.counter({ name: "x_total", help: "X." });
  assert.throws(() => metrics.histogram({ name: "x_total", help: "Y." }), /there already/);
});
