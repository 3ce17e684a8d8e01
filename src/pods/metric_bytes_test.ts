import assert from "node:assert/strict";
import { ContainerMetrics, MetricType } from "../gen/cri/v1/api.ts";
import type { MetricRow, Subject } from "../stats/metric.ts";
import { labelBytes, metricEntries } from "./metric_bytes.ts";

const NOTHING: Subject = {
  measured: undefined,
  details: undefined,
  processes: undefined,
  interfaces: [],
  container: undefined,
};

const VALUES = [
  0n,
  1n,
  127n,
  128n,
  300n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n + 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

Deno.test("metricEntries() is what the generated code reads as the same metrics", () => {
  const rows: MetricRow[] = [MetricType.COUNTER, MetricType.GAUGE].map((type) => ({
    name: `a_${type}`,
    help: "",
    type,
    labels: ["own"],
    values: () => VALUES.map((value) => [value, `ö${"x".repeat(200)}`] as const),
  }));
  const bytes = metricEntries(rows, NOTHING, { field: 2, base: labelBytes(["", "base"]) });
  const { metrics } = ContainerMetrics.decode(bytes);
  assert.deepEqual(
    metrics,
    rows.flatMap(({ name, type }) =>
      VALUES.map((value) => ({
        name,
        timestamp: 0n,
        metricType: type,
        labelValues: ["", "base", `ö${"x".repeat(200)}`],
        value: { value },
      }))
    ),
  );
});
